"""Verdicts of the test: each check is a line with its time, and the last line counts them.

Waits are given for a quiet machine of two cores and grow with the load of this one.
"""

import os
import time
import traceback
from collections.abc import Callable
from contextlib import contextmanager

POLL = 0.2


class Failed(Exception):
    """What was seen instead of what was expected."""


class Verdicts:
    def __init__(self):
        self.began = time.monotonic()
        self.passed = 0
        self.failed = []
        self.skipped = []

    @contextmanager
    def check(self, name: str):
        """A block that raises has failed; what it adds to the notes stands behind its name."""
        began = time.monotonic()
        notes: list[str] = []
        try:
            yield notes
        except Failed as reason:
            self._fail(name, f"{'; '.join([*notes, str(reason)])}", began)
        except Exception:  # noqa: BLE001 - one broken check must not hide the others
            self._fail(name, traceback.format_exc().strip(), began)
        else:
            self.passed += 1
            detail = f": {'; '.join(notes)}" if notes else ""
            self._line(f"PASS {name}{detail}", began)

    def _fail(self, name: str, reason: str, began: float) -> None:
        self.failed.append(name)
        self._line(f"FAIL {name}: {reason}", began)

    def _line(self, text: str, began: float) -> None:
        now = time.monotonic()
        print(
            f"{text} ({now - began:.1f} s, at {now - self.began:.0f} s, load {load():.1f})",
            flush=True,
        )

    def skip(self, name: str, why: str) -> None:
        self.skipped.append(name)
        print(f"SKIP {name}: {why}", flush=True)

    def close(self) -> int:
        print(f"-- {time.monotonic() - self.began:.0f} s", flush=True)
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {len(self.failed)} failed{skipped}", flush=True)
        return 1 if self.failed else 0


def expect(truth: object, reason: str) -> None:
    if not truth:
        raise Failed(reason)


def load() -> float:
    return os.getloadavg()[0]


def scaled(seconds: float) -> float:
    return seconds * max(1.0, load() / (os.cpu_count() or 1))


def wait_for(seconds: float, what: str, probe: Callable[[], object]) -> float:
    """Asks until the answer is true; how long that took. The probe's own last word is the verdict."""
    began = time.monotonic()
    while True:
        answer = probe()
        waited = time.monotonic() - began
        if answer:
            return waited
        if waited > scaled(seconds):
            raise Failed(f"not within {waited:.0f} s: {what}")
        time.sleep(POLL)
