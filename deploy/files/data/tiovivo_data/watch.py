"""The watcher of mother and standby, tiovivo-data.service: looks each second, and alarms.

On the mother it decides whether commits wait for the standby (`decide.choose`), and tells the name
servers; on the standby it hears of a lost mother, and runs the failover when that is allowed. It
never starts tiovivo-mother.service but for that.
"""

from __future__ import annotations

import http.server
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tiovivo_data import address, broker, database, decide, failover, mother, sql, view, wire
from tiovivo_data.broker import BrokerError
from tiovivo_data.settings import Machine, Settings
from tiovivo_data.sql import SqlError
from tiovivo_data.view import View

INTERVAL_S = 1.0
TELL_S = 1.0
# A record is repeated so often even if nothing changed: a name server may have lost it.
REPEAT_S = 10.0
ANNOUNCEMENTS = 20
REPLICATION_PORT = 8054
ALARM_PROGRAM = Path("/etc/tiovivo-data/alarm")
ALARM_S = 30


class Watcher:
    """State of the loop. Other threads read `newest` only."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.db = sql.local(settings.database_socket)
        self.newest: View | None = None
        self.newest_fault = "starting"
        self.alarmed_fault = ""
        self.failover = failover.Failover(settings, lambda: self.newest, alarm)
        # As a mother.
        self.stalled_since: float | None = None
        self.acknowledged = -1
        # Where the binary log was when commits began to wait; the standby must have come so far.
        self.sure_from = ""
        self.run_id = secrets.token_hex(8)
        self.number = 0
        self.records: dict[str, tuple[dict, float]] = {}
        self.announced = 0
        self.pool = ThreadPoolExecutor(max_workers=16)

    def turn(self) -> None:
        """One look, and what follows from it."""
        now = view.look(self.settings, self.db)
        self.newest = now
        peer = self.settings.peer
        if now.kind == "mother" and now.holds_address:
            self.act_as_mother(now)
        else:
            self.announced = 0
            self.act_as_other(now)
        trouble = view.fault(now, peer.name if peer else "")
        # A change of roles shows half states for a moment: two looks make a fault.
        if trouble == self.newest_fault and trouble != self.alarmed_fault:
            self.alarmed_fault = trouble
            alarm(trouble or "replication is well again", bool(trouble))
        self.newest_fault = trouble

    def act_as_mother(self, now: View) -> None:
        settings = self.settings
        if self.announced < ANNOUNCEMENTS:
            self.announced += 1
            address.announce(settings)
        if now.database_fault or settings.peer is None:
            return
        if now.read_only and mother.unit_is_active(mother.UNIT):
            # MariaDB started anew below a mother that goes on: her settings are those of a boot.
            record = mother.role.read(settings.state_folder)
            database.open_for_writes(self.db, mother.must_wait(settings, record))
            return
        self.note_stall(now)
        standby = self.ask_standby()
        commits = decide.Commits(
            automatic=settings.automatic,
            enabled=now.waiting_enabled,
            waiting_is_on=now.synchronous,
            standbys=now.standbys,
            stalled_s=time.monotonic() - self.stalled_since if self.stalled_since else 0.0,
            behind=behind(now, standby),
        )
        choice = decide.choose(commits)
        if choice == "enable":
            (settings.run_folder / mother.FRESH_FILE).unlink(missing_ok=True)
            database.set_waiting(self.db, True)
            self.sure_from = self.db.value("SELECT @@GLOBAL.gtid_binlog_pos")
            self.stalled_since = None
        elif choice == "fall back" and self.withdraw(now):
            database.set_waiting(self.db, False)
            self.sure_from = ""
        elif settings.automatic and choice == "nothing":
            self.tell_witnesses(now.epoch, self.is_sure(now, standby))

    def is_sure(self, now: View, standby: dict | None) -> bool:
        """Every write that was ever acknowledged is on the standby."""
        if not (now.waiting_enabled and now.synchronous and standby):
            return False
        if standby.get("kind") != "standby" or standby.get("epoch") != now.epoch:
            return False
        if not self.sure_from:
            self.sure_from = now.position
        return database.contains(str(standby.get("received") or ""), self.sure_from)

    def note_stall(self, now: View) -> None:
        progress = now.acknowledged != self.acknowledged
        stalled = now.standbys == 0 or (now.waiting_sessions > 0 and not progress)
        self.acknowledged = now.acknowledged
        if not stalled:
            self.stalled_since = None
        elif self.stalled_since is None:
            self.stalled_since = time.monotonic()

    def ask_standby(self) -> dict | None:
        peer = self.settings.peer
        try:
            return wire.ask(peer.address, self.settings.key, {"type": "state"}, TELL_S)
        except wire.WireError:
            return None

    def withdraw(self, now: View) -> bool:
        """Enough name servers know that replication is asynchronous, so commits may go on."""
        if not self.settings.automatic:
            return True
        done = self.tell_witnesses(now.epoch, False)
        needed = decide.withdrawals_needed(len(self.settings.witnesses))
        if done < needed:
            alarm("writes wait: neither the standby nor a name server answers", True)
        return done >= needed

    def tell_witnesses(self, epoch: int, synchronous: bool) -> int:
        """Returns how many name servers hold this record now."""
        record = {"node": self.settings.node, "epoch": epoch, "synchronous": synchronous}
        self.number += 1
        request = {"type": "record", "run": self.run_id, "number": self.number, **record}
        moment = time.monotonic()
        late = [
            witness
            for witness in self.settings.witnesses
            if self.records.get(witness.name, ({}, 0.0))[0] != record
            or moment - self.records[witness.name][1] > REPEAT_S
        ]

        def tell(witness: Machine) -> None:
            # Unknown until it answers: a record that was sent may have arrived.
            self.records.pop(witness.name, None)
            try:
                wire.ask(witness.address, self.settings.key, request, TELL_S)
                self.records[witness.name] = (record, time.monotonic())
            except wire.WireError:
                pass

        list(self.pool.map(tell, late))
        return sum(1 for held, _ in self.records.values() if held == record)

    def act_as_other(self, now: View) -> None:
        if now.kind != "standby" or self.settings.peer is None:
            return
        try:
            broker.follow(self.settings, self.settings.peer.address)
        except BrokerError as error:
            print(error, file=sys.stderr)

    def answer(self, request: dict) -> dict:
        """What other machines ask; the caller has checked the signature."""
        kind = request.get("type")
        if kind == "state":
            return self.newest.as_dict() if self.newest else {}
        if kind == "lost":
            return self.failover.report(request)
        return {"error": f"unknown request {str(kind)[:40]!r}"}


def behind(now: View, standby: dict | None) -> int | None:
    """Transactions that the standby has still to receive; None when it is none or says nothing."""
    if not standby or standby.get("kind") not in ("standby", "joining"):
        return None
    received = str(standby.get("received") or standby.get("applied") or "")
    return max(0, decide.sequence(now.position) - decide.sequence(received))


def alarm(words: str, bad: bool) -> None:
    """To the journal, and to the operator's own program, which may take its time."""
    print(f"<{2 if bad else 5}>{words}", file=sys.stderr, flush=True)
    if bad and ALARM_PROGRAM.exists():
        threading.Thread(target=run_alarm_program, args=(words,), daemon=True).start()


def run_alarm_program(words: str) -> None:
    try:
        subprocess.run([ALARM_PROGRAM, words], timeout=ALARM_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{ALARM_PROGRAM}: {error}", file=sys.stderr)


def run(settings: Settings) -> None:
    settings.run_folder.mkdir(mode=0o755, exist_ok=True)
    watcher = Watcher(settings)
    server = wire.Server(settings.address, settings.key, watcher.answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = http.server.HTTPServer((settings.address, REPLICATION_PORT), page_handler(watcher))
    threading.Thread(target=page.serve_forever, daemon=True).start()
    while True:
        started = time.monotonic()
        try:
            watcher.turn()
        except (SqlError, OSError, ValueError, KeyError, mother.Refusal) as error:
            print(f"<3>{error}", file=sys.stderr, flush=True)
        except address.AddressError as error:
            print(f"<3>{error}", file=sys.stderr, flush=True)
        tell_systemd("WATCHDOG=1")
        time.sleep(max(0.1, INTERVAL_S - (time.monotonic() - started)))


def tell_systemd(words: str) -> None:
    """systemd starts a watcher anew that says nothing for WatchdogSec."""
    place = os.environ.get("NOTIFY_SOCKET")
    if place:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.sendto(words.encode(), "\0" + place[1:] if place[0] == "@" else place)


def page_handler(watcher: Watcher) -> type:
    class Page(http.server.BaseHTTPRequestHandler):
        """`GET /replication`: 200 while all is well, else 503 with the fault; for a `deep` check."""

        timeout = 2

        def do_GET(self) -> None:
            trouble = watcher.newest_fault
            body = ((trouble or "well") + "\n").encode()
            self.send_response(503 if trouble else 200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            """Every probe would be a line."""

    return Page
