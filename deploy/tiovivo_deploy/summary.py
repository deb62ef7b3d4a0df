"""What a command says while it works, and at its end: lines of progress, then a table of the nodes,
and what failed last, where a person looks first."""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TextIO

# A node's text is shown in at most this many characters a line, and lines.
LINE_LIMIT = 300
LINES_LIMIT = 20
DIFFERENCE_LINES = 60

NOT_REACHED = "not reached"
OK, UNCHANGED, CHANGED, WOULD_CHANGE, FAILED = (
    "ok",
    "no change",
    "changed",
    "would change",
    "FAILED",
)


def printable(text: str, limit: int = LINE_LIMIT) -> str:
    """Text from a node, without control characters that could steer a terminal."""
    shown = "".join(
        c if c.isprintable() else " " if c in "\t\n\r" else f"\\x{ord(c):02x}" for c in text
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def tail(text: str, lines: int = LINES_LIMIT) -> list[str]:
    """The last lines of a node's output."""
    return [printable(line) for line in text.splitlines() if line.strip()][-lines:]


def count(number: int, thing: str) -> str:
    """`no nodes`, `1 node`, `2 nodes`."""
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"


@dataclass
class Outcome:
    """What became of one node."""

    node: str
    role: str = ""
    result: str = OK
    changes: int = 0
    seconds: float = 0.0
    # Where it failed, and what the node said of it.
    step: str = ""
    details: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Report:
    """Prints progress, and the summary. Lines may come from many greenlets or threads: each is one
    write."""

    def __init__(self, names: Iterable[str], stream: TextIO | None = None):
        self.stream = stream or sys.stdout
        self.width = max([len(name) for name in names] + [4])
        self.began = time.monotonic()

    def line(self, name: str, text: str) -> None:
        """One line of progress about a node."""
        self._write(f"{self._clock()} {name:<{self.width}}  {printable(text)}\n")

    def say(self, text: str) -> None:
        """A line about the whole."""
        self._write(f"{self._clock()} {printable(text)}\n")

    def difference(self, name: str, lines: list[str]) -> None:
        """What a dry run would change of a file: its name, then the lines."""
        self.line(name, lines[0])
        self.block(lines[1:])

    def block(self, lines: Iterable[str], limit: int = DIFFERENCE_LINES) -> None:
        """Indented lines below a line of progress."""
        shown = [printable(line) for line in lines]
        more = len(shown) - limit
        if more > 0:
            shown = [*shown[:limit], f"… {more} more lines"]
        if shown:
            self._write("".join(f"            {line}\n" for line in shown))

    def close(self, outcomes: list[Outcome], again: str = "") -> bool:
        """The table, and the failures last; whether none failed. `again` is the command that goes on
        after a failure."""
        width = max([len(outcome.role) for outcome in outcomes] + [4])
        self._write(
            f"\n{'node':<{self.width}}  {'role':<{width}}  {'result':<12}  changes  seconds\n"
        )
        for outcome in sorted(outcomes, key=lambda outcome: outcome.result == FAILED):
            self._write(
                f"{outcome.node:<{self.width}}  {outcome.role:<{width}}  {outcome.result:<12}  "
                f"{outcome.changes:>7}  {outcome.seconds:>7.1f}\n"
            )
        failed = [outcome for outcome in outcomes if outcome.result == FAILED]
        changes = sum(outcome.changes for outcome in outcomes)
        seconds = time.monotonic() - self.began
        self._write(
            f"{count(len(outcomes), 'node')}, {count(changes, 'change')}, "
            f"{len(failed) or 'none'} failed, {seconds:.1f} s\n"
        )
        for outcome in outcomes:
            for note in outcome.notes:
                self._write(f"note: {outcome.node}: {printable(note)}\n")
        for outcome in failed:
            at = f" at: {outcome.step}" if outcome.step else ""
            self._write(f"\n{outcome.node} FAILED{at}\n")
            self.block(outcome.details)
        if failed and again:
            self._write(f"\nmend that, then run {again} again: it goes on from there\n")
        return not failed

    def _clock(self) -> str:
        return f"{time.monotonic() - self.began:>7.1f} s"

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
