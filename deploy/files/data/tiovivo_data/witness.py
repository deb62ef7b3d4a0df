"""What a name server does for a failover by itself: tiovivo-witness.service.

tiovivo decides whether the mother is lost; its hook wakes this program, which reads the verdict
from the server's API and reports it to the other machine of the pair, each second while it holds.
It also keeps what the mother records about her replication, so that the report can say it.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path

from tiovivo_data import role, wire
from tiovivo_data.settings import Machine, Settings

RECORD_FILE = "record.json"
SOCKET = Path("/run/tiovivo-witness/socket")
POLL_S = 1.0
API_S = 2.0
REPORT_S = 2.0
STATUS_LIMIT = 32 * 1024 * 1024


class Witness:
    """Keeps the mother's record, and reports what the server says about the pair."""

    def __init__(self, settings: Settings):
        self.settings, self.pair = settings, settings.pair
        self.lock = threading.Lock()
        self.record = read_record(settings.witness_folder)
        self.run, self.number = "", 0
        self.said = ""

    def answer(self, request: dict) -> dict:
        if request.get("type") != "record":
            return {"error": "unknown request"}
        epoch, synchronous = request.get("epoch"), request.get("synchronous")
        run, number = request.get("run"), request.get("number")
        if not (isinstance(epoch, int) and isinstance(number, int)):
            return {"error": "epoch and number must be whole numbers"}
        with self.lock:
            # A record that was overtaken on its way must not undo the newer one.
            if run == self.run and number <= self.number:
                return {"error": "overtaken"}
            if epoch < self.record["epoch"]:
                return {"error": f"epoch {self.record['epoch']} has begun"}
            record = {"epoch": epoch, "synchronous": synchronous is True}
            if record != self.record:
                text = json.dumps(record)
                role.write_durably(self.settings.witness_folder / RECORD_FILE, text)
                self.record = record
            self.run, self.number = str(run), number
        return {"recorded": True}

    def turn(self) -> None:
        """Reports every machine of the pair that tiovivo holds to be out."""
        for lost in lost_nodes(read_status(self.settings.api)):
            others = [machine for machine in self.pair if machine.name != lost]
            if len(others) == len(self.pair):
                continue
            with self.lock:
                record = dict(self.record)
            request = {"type": "lost", "node": lost, "witness": self.settings.node, **record}
            for other in others:
                self.say(self.report(other, request))

    def report(self, other: Machine, request: dict) -> str:
        try:
            answer = wire.ask(other.address, self.settings.key, request, REPORT_S)
            words = f"{answer.get('action')}: {answer.get('reason')}"
        except wire.WireError as error:
            words = str(error)
        return f"{request['node']} is lost, {other.name}: {words}"

    def say(self, words: str) -> None:
        if words != self.said:
            self.said = words
            print(words, file=sys.stderr, flush=True)


def read_record(folder: Path) -> dict:
    """Without a readable record replication counts as asynchronous: nothing happens by itself."""
    try:
        record = json.loads((folder / RECORD_FILE).read_text())
        return {"epoch": int(record["epoch"]), "synchronous": record["synchronous"] is True}
    except (OSError, ValueError, KeyError, TypeError):
        return {"epoch": 0, "synchronous": False}


def read_status(api: str) -> dict:
    with urllib.request.urlopen(f"{api}/api/v1/status", timeout=API_S) as reply:
        return json.loads(reply.read(STATUS_LIMIT))


def lost_nodes(status: dict) -> list[str]:
    """Members that are down by their health, in a pool that is judged.

    While a pool is kept because most members fell at once, or this machine is cut off, its members
    are not lost: the fault is likely here.
    """
    lost = []
    for pool in status.get("pools", []):
        if pool.get("kept") or pool.get("cut_off") or not status.get("ready"):
            continue
        for member in pool.get("members", []):
            health = (member.get("check") or {}).get("state")
            guarded = member.get("role") in ("mother", "standby")
            if guarded and health == "down" and member.get("node") not in lost:
                lost.append(member["node"])
    return lost


def wake() -> None:
    """The hook: hands the event on and ends; exit status 0 means that it was taken."""
    event = sys.stdin.buffer.read(64 * 1024)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.settimeout(3)
        door.sendto(event[:8192], str(SOCKET))


def run(settings: Settings) -> None:
    settings.witness_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    witness = Witness(settings)
    server = wire.Server(settings.address, settings.key, witness.answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    SOCKET.parent.mkdir(mode=0o755, exist_ok=True)
    SOCKET.unlink(missing_ok=True)
    door.bind(str(SOCKET))
    # The hook runs as the server's own user. All that it can do is to wake this program.
    os.chmod(SOCKET, 0o666)
    door.settimeout(POLL_S)
    while True:
        started = time.monotonic()
        try:
            witness.turn()
        except (OSError, ValueError) as error:
            witness.say(f"{settings.api}: {error}")
        try:
            door.recv(16)
            # Not more often than this, whoever knocks.
            time.sleep(max(0.0, 0.2 - (time.monotonic() - started)))
        except TimeoutError:
            pass
