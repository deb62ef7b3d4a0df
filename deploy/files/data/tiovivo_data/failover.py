"""The failover that no person asked for, on the standby: judge, fence, promote.

One at a time, in a thread of its own, because fencing may take a minute. Reports are kept in memory
only: after a start of the watcher the name servers say it again.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable

from tiovivo_data import decide, look, mother, role
from tiovivo_data.decide import Report, Situation, Verdict
from tiovivo_data.settings import Settings
from tiovivo_data.view import View

FENCE_S = 60.0
# After a fence that proved nothing.
RETRY_S = 30.0


class Failover:
    """`newest` gives the watcher's newest look, `alarm(words, bad)` tells the operator."""

    def __init__(
        self,
        settings: Settings,
        newest: Callable[[], View | None],
        alarm: Callable[[str, bool], None],
    ):
        self.settings, self.newest, self.alarm = settings, newest, alarm
        self.lock = threading.Lock()
        self.heard: dict[str, tuple[float, int, bool]] = {}
        self.under_way = False
        self.rest_until = 0.0
        self.refused = ""

    def report(self, request: dict) -> dict:
        """A name server has lost the mother. Answers what is done about it."""
        known = {machine.name for machine in self.settings.witnesses}
        name = str(request.get("witness"))
        peer = self.settings.peer
        if name not in known or peer is None or request.get("node") != peer.name:
            return {
                "action": "refuse",
                "reason": "not a name server or not the mother of this pair",
            }
        epoch, synchronous = request.get("epoch"), request.get("synchronous") is True
        with self.lock:
            moment = time.monotonic()
            self.heard[name] = (moment, epoch if isinstance(epoch, int) else -1, synchronous)
            if self.under_way:
                return {"action": "wait", "reason": "the failover is under way"}
            if moment < self.rest_until:
                return {"action": "wait", "reason": "the fence failed; it is tried again soon"}
        verdict = decide.judge(self.situation(moment))
        if verdict.action == "promote":
            self.start(verdict)
        elif verdict.action == "refuse" and verdict.reason != self.refused:
            self.refused = verdict.reason
            self.alarm(f"no failover from {peer.name}: {verdict.reason}", True)
        return {
            "action": "wait" if verdict.action == "promote" else verdict.action,
            "reason": verdict.reason,
        }

    def situation(self, moment: float) -> Situation:
        settings = self.settings
        now = role.read(settings.state_folder)
        newest = self.newest()
        fault = "" if newest and newest.applying else "received transactions are not applied"
        if newest and newest.database_fault:
            fault = newest.database_fault
        with self.lock:
            reports = {
                name: Report(moment - heard, epoch, synchronous)
                for name, (heard, epoch, synchronous) in self.heard.items()
            }
        return Situation(
            automatic=settings.automatic,
            kind=now.kind if now else "new",
            epoch=now.epoch if now else 0,
            since_change_s=role.now() - now.since if now else 0,
            rest_s=settings.rest_seconds,
            witnesses=len(settings.witnesses),
            reports=reports,
            mother_answers=look.database_answers(settings.peer.address),
            replication_fault=fault,
        )

    def start(self, verdict: Verdict) -> None:
        with self.lock:
            if self.under_way:
                return
            self.under_way = True
        threading.Thread(target=self.carry_out, args=(verdict,), daemon=True).start()

    def carry_out(self, verdict: Verdict) -> None:
        peer = self.settings.peer
        try:
            self.alarm(f"{peer.name} is {verdict.reason}: fencing it", True)
            words = fence(self.settings.fence, peer.name, peer.address)
            if words:
                raise mother.Refusal(f"the fence does not prove its end: {words}")
            mother.promote(self.settings, tell=lambda line: self.alarm(line, False))
            self.alarm(f"{self.settings.node} replaced {peer.name} as the mother", True)
        except Exception as error:  # noqa: BLE001 - the watcher goes on, and says what failed
            self.rest_until = time.monotonic() + RETRY_S
            self.alarm(f"no failover from {peer.name}: {error}", True)
        finally:
            with self.lock:
                self.under_way = False


def fence(command: list[str], node: str, address: str) -> str:
    """Runs the operator's command; empty when it proved the end of the node, else why not."""
    if not command:
        return "none is configured"
    words = [word.replace("{node}", node).replace("{address}", address) for word in command]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=FENCE_S, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode != 0:
        return f"status {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}"
    return ""
