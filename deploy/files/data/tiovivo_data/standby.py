"""Becoming the standby: a fresh copy of the mother's database, compared, then followed.

An old mother may have transactions that nobody else has. So it is never continued from where it
stopped: what it has is thrown away.
"""

from __future__ import annotations

import time

from tiovivo_data import address, broker, database, mother, role, sql
from tiovivo_data.mother import Refusal
from tiovivo_data.role import Role
from tiovivo_data.settings import Settings

# Made when all checksums were equal, so that no half copy is taken for a whole one.
EQUAL_FILE = "equal"
# After a boot ssh answers before the database does.
DATABASE_START_S = 120.0


def join(settings: Settings, epoch: int, since: int, tell=print) -> None:
    """Copies the database and starts the receiver of files; the role stays `joining`."""
    if settings.peer is None:
        raise Refusal("there is no mother to join")
    if address.is_held(settings) or mother.unit_is_active(mother.UNIT):
        raise Refusal(f"this machine is the mother: it has {settings.mother_address}")
    now = role.read(settings.state_folder)
    if now is not None and now.epoch > epoch:
        raise Refusal(f"this machine knows epoch {now.epoch}, the mother is of epoch {epoch} only")
    started = time.monotonic()
    equal = settings.state_folder / EQUAL_FILE
    equal.unlink(missing_ok=True)
    role.write(settings.state_folder, Role("joining", epoch, since))
    with sql.local(settings.database_socket) as db:
        db.wait(DATABASE_START_S)
        database.copy_from(db, settings, settings.peer.address)
        tell(f"database copied, {time.monotonic() - started:.1f} s")
        differences = database.compare(db, settings, settings.peer.address)
        tables = len(database.user_tables(db))
    if differences:
        raise Refusal("the copy is not equal:\n" + "\n".join(differences))
    tell(f"checksums of all {tables} tables are equal, {time.monotonic() - started:.1f} s")
    broker.follow(settings, settings.peer.address)
    mother.systemctl("restart", mother.RECEIVER)
    role.write_durably(equal, f"{epoch}\n")


def finish(settings: Settings) -> None:
    """The files have come, too: from now on this machine may be promoted."""
    now = role.read(settings.state_folder)
    if now is None or now.kind not in ("joining", "standby"):
        raise Refusal(f"this machine is {now.kind if now else 'new'}, it is not joining")
    if not (settings.state_folder / EQUAL_FILE).exists():
        raise Refusal("the copy of the database did not come to its end: run deploy/rejoin again")
    role.write(settings.state_folder, Role("standby", now.epoch, now.since))
