"""The role file: what this machine is now, kept across power cuts.

One line, `KIND EPOCH SINCE`. The epoch counts the mothers that the cluster has had; of two machines
that both say `mother`, the one with the smaller epoch was replaced while it was away. `deploy/up`
reads this file and never overrules it.

    (absent)  nothing was ever set up here
    mother    writable while tiovivo-mother.service runs, and only then
    standby   a full copy that follows the mother of this epoch
    joining   a copy that is not whole yet: it must not be promoted
    released  was the mother and gave that up in good order
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

KINDS = ("mother", "standby", "joining", "released")
FILE_NAME = "role"


@dataclass(frozen=True)
class Role:
    """`since` is the wall-clock second at which the mother of this epoch took over."""

    kind: str
    epoch: int
    since: int

    def line(self) -> str:
        return f"{self.kind} {self.epoch} {self.since}\n"


def parse(text: str) -> Role:
    """Raises ValueError with words for an operator; a half-written role is never guessed."""
    words = text.split()
    if len(words) != 3 or words[0] not in KINDS or not (words[1] + words[2]).isdecimal():
        raise ValueError(f"role file says {text[:80]!r}: expected `mother|standby EPOCH SINCE`")
    return Role(words[0], int(words[1]), int(words[2]))


def read(folder: Path) -> Role | None:
    """None when nothing was ever set up here."""
    try:
        return parse((folder / FILE_NAME).read_text())
    except FileNotFoundError:
        return None


def write(folder: Path, role: Role) -> None:
    """Durable before it returns: what follows may open the database."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(folder / FILE_NAME, role.line())


def write_durably(file: Path, text: str) -> None:
    """Replaces a file so that a power cut leaves the old text or the new one."""
    beside = file.with_name(f".{file.name}.new")
    with open(beside, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(beside, file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def now() -> int:
    return int(time.time())
