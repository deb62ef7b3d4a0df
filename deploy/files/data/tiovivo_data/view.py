"""How this machine is: what the watcher shows, the commands print and the other machines ask."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from tiovivo_data import address, broker, database, role
from tiovivo_data.broker import BrokerError
from tiovivo_data.settings import Settings
from tiovivo_data.sql import Sql, SqlError

COPY_STATUS = "copy.status"


@dataclass(frozen=True)
class View:
    """One look. Texts are empty and counts None where this machine has nothing to say."""

    node: str
    kind: str
    epoch: int
    since: int
    holds_address: bool
    # None: the database gives no answer; then `database_fault` has its words.
    read_only: bool | None = None
    database_fault: str = ""
    # As a mother: commits wait for standbys, so many acknowledge, so many sessions wait now.
    waiting_enabled: bool = False
    synchronous: bool = False
    standbys: int = 0
    waiting_sessions: int = 0
    acknowledged: int = 0
    position: str = ""
    # As a standby.
    receiving: bool = False
    applying: bool = False
    received: str = ""
    applied: str = ""
    replication_fault: str = ""
    broker: str = ""
    files_waiting: int | None = None

    def as_dict(self) -> dict:
        return asdict(self)


def look(settings: Settings, db: Sql) -> View:
    """Never raises for a part that is ill: the other parts are shown all the same."""
    try:
        now = role.read(settings.state_folder)
        kind, epoch, since = (now.kind, now.epoch, now.since) if now else ("new", 0, 0)
    except (OSError, ValueError) as error:
        kind, epoch, since = f"unknown: {error}", 0, 0
    facts: dict = {}
    try:
        facts = look_at_database(db)
    except (SqlError, KeyError) as error:
        facts = {"database_fault": str(error) or "no answer"}
    try:
        followed = broker.followed(settings)
        facts["broker"] = f"follows {followed}" if followed else "leads"
    except BrokerError as error:
        facts["broker"] = str(error)
    return View(
        node=settings.node,
        kind=kind,
        epoch=epoch,
        since=since,
        holds_address=address.is_held(settings),
        files_waiting=files_waiting(settings.run_folder / COPY_STATUS),
        **facts,
    )


def look_at_database(db: Sql) -> dict:
    counters = database.semi_sync(db)
    follower = database.replica(db)
    fault = follower.fault if follower.configured else ""
    if follower.configured and not follower.receiving and not fault:
        fault = database.receive_fault(db) or "nothing is received from the mother"
    return {
        "read_only": database.is_read_only(db),
        "waiting_enabled": database.is_waiting_enabled(db),
        "synchronous": counters.get("master_status") == "ON",
        "standbys": int(counters.get("master_clients", 0)),
        "waiting_sessions": int(counters.get("master_wait_sessions", 0)),
        "acknowledged": int(counters.get("master_yes_tx", 0)),
        "position": db.value("SELECT @@GLOBAL.gtid_binlog_pos"),
        "receiving": follower.receiving,
        "applying": follower.applying,
        "received": follower.received,
        "applied": follower.applied,
        "replication_fault": fault,
    }


def files_waiting(status: Path) -> int | None:
    """Changes of files that lsyncd has still to send, from its own status file."""
    try:
        text = status.read_text(errors="replace")
    except OSError:
        return None
    return sum(int(number) for number in re.findall(r"There are (\d+) delays", text))


def fault(view: View, peer: str) -> str:
    """What an operator must know now, in one line; empty when all is well."""
    if view.database_fault:
        return f"the database does not answer: {view.database_fault}"
    if view.kind == "mother":
        if not view.holds_address:
            return (
                "was the mother and serves nobody: deploy/promote brings it back, or deploy/rejoin"
            )
        if view.read_only:
            return "is the mother, and its database is read-only"
        if peer and not (view.synchronous and view.standbys):
            return f"writes are asynchronous: {peer} does not acknowledge; a power cut loses some"
        return ""
    if view.kind == "standby":
        return view.replication_fault
    return f"is {view.kind}: deploy/rejoin makes it a standby" if peer else ""
