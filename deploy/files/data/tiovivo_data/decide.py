"""The decisions, without clock, socket or file: tests call them with plain values.

Two rules together make a failover without a person safe:

- The mother acknowledges a write that the standby does not have only after enough name servers have
  recorded that replication is asynchronous (`withdrawals_needed`).
- The standby replaces the mother only when a quorum of name servers have lost it and recorded that
  replication is synchronous for this epoch, and after the fence proved the mother's end.

Any quorum shares a name server with any set of withdrawals, so the standby cannot miss one.
"""

from __future__ import annotations

from dataclasses import dataclass

# A report of a name server counts for this long; it repeats its report each second.
REPORT_AGE_S = 5.0
# A commit may wait this long for a standby that does not answer.
PATIENCE_S = 2.0
# Transactions that a standby may be behind for commits to wait for it again.
NEAR_TRANSACTIONS = 100


def quorum(witnesses: int) -> int:
    """Name servers that must have lost the mother: never fewer than two."""
    return max(2, witnesses // 2 + 1)


def withdrawals_needed(witnesses: int) -> int:
    """Name servers that must record `asynchronous` before a commit may do without the standby."""
    return max(1, witnesses - quorum(witnesses) + 1)


@dataclass(frozen=True)
class Report:
    """A name server has lost the mother; what the mother had told it about replication."""

    age_s: float
    epoch: int
    synchronous: bool


@dataclass(frozen=True)
class Situation:
    """What the standby knows when a name server reports the loss of the mother."""

    automatic: bool
    kind: str
    epoch: int
    # Seconds since the mother last changed.
    since_change_s: float
    rest_s: float
    witnesses: int
    reports: dict[str, Report]
    # The standby's own look at the mother's database.
    mother_answers: bool
    # Empty when all received transactions can be applied.
    replication_fault: str


@dataclass(frozen=True)
class Verdict:
    """`wait` is asked again with the next report; `refuse` needs a person; `done` is over."""

    action: str
    reason: str


def judge(situation: Situation) -> Verdict:
    """Whether the standby may replace the mother now (still to be fenced)."""
    needed = quorum(situation.witnesses)
    fresh = {
        name: report for name, report in situation.reports.items() if report.age_s <= REPORT_AGE_S
    }
    asynchronous = sorted(
        name
        for name, report in fresh.items()
        if not report.synchronous or report.epoch != situation.epoch
    )
    if not situation.automatic:
        return Verdict("refuse", "failover is manual: a person runs deploy/promote")
    if situation.kind == "mother":
        return Verdict("done", "this machine is the mother")
    if situation.kind != "standby":
        return Verdict("refuse", f"this machine is {situation.kind}, not a complete standby")
    if situation.witnesses < 2:
        return Verdict("refuse", "a failover by itself needs two name servers")
    if situation.since_change_s < situation.rest_s:
        left = int(situation.rest_s - situation.since_change_s)
        return Verdict("refuse", f"the mother changed recently: a person must look ({left} s left)")
    if len(fresh) < needed:
        return Verdict("wait", f"{len(fresh)} of {needed} name servers have lost the mother")
    if len(fresh) - len(asynchronous) < needed:
        names = ", ".join(asynchronous)
        return Verdict("refuse", f"replication was not synchronous, as {names} recorded")
    if situation.mother_answers:
        return Verdict("wait", "this machine still reaches the mother's database")
    if situation.replication_fault:
        return Verdict("refuse", f"replication is at fault: {situation.replication_fault}")
    return Verdict("promote", f"lost by {', '.join(sorted(fresh))} and by this machine")


@dataclass(frozen=True)
class Commits:
    """What the mother knows about her commits and the standby that acknowledges them."""

    automatic: bool
    # Whether commits wait for a standby, as set and as it is.
    enabled: bool
    waiting_is_on: bool
    # Standbys that are connected and acknowledge.
    standbys: int
    # Seconds for which no standby acknowledged although somebody waits or none is connected.
    stalled_s: float
    # Transactions that the standby has still to receive; None when it does not say.
    behind: int | None


def choose(commits: Commits) -> str:
    """`enable`, `fall back` or `nothing`.

    With manual failover MariaDB falls back by its own timeout and returns by itself; so `enable`
    comes once. With automatic failover its timeout is an hour, and only this decision falls back.
    """
    if commits.enabled:
        if commits.automatic and commits.stalled_s >= PATIENCE_S:
            return "fall back"
        return "nothing"
    near = commits.behind is not None and commits.behind <= NEAR_TRANSACTIONS
    if commits.standbys >= 1 and near:
        return "enable"
    return "nothing"


def sequence(position: str) -> int:
    """The transaction number of a GTID position of one domain, `0-1-42`; 0 when empty.

    Several domains would mean that somebody writes past the roles; the largest number is taken.
    """
    numbers = [part.strip().rsplit("-", 1)[-1] for part in position.split(",") if part.strip()]
    return max((int(number) for number in numbers if number.isdecimal()), default=0)
