"""Who may become the mother, and when commits may do without the standby."""

import itertools
import random

import pytest
from tiovivo_data import decide
from tiovivo_data.decide import Commits, Report, Situation


def situation(**changes) -> Situation:
    """All that a failover needs; each test takes one thing away."""
    good = {
        "automatic": True,
        "kind": "standby",
        "epoch": 4,
        "since_change_s": 10_000.0,
        "rest_s": 600.0,
        "witnesses": 2,
        "reports": {"ns1": Report(0.4, 4, True), "ns2": Report(1.2, 4, True)},
        "mother_answers": False,
        "replication_fault": "",
    }
    return Situation(**(good | changes))


def test_a_mother_that_all_have_lost_is_replaced():
    assert decide.judge(situation()).action == "promote"


@pytest.mark.parametrize(
    ("changes", "action", "words"),
    [
        ({"automatic": False}, "refuse", "manual"),
        ({"kind": "mother"}, "done", "is the mother"),
        ({"kind": "joining"}, "refuse", "not a complete standby"),
        ({"kind": "new"}, "refuse", "not a complete standby"),
        ({"witnesses": 1}, "refuse", "two name servers"),
        ({"since_change_s": 30.0}, "refuse", "recently"),
        ({"reports": {}}, "wait", "0 of 2"),
        ({"reports": {"ns1": Report(0.1, 4, True)}}, "wait", "1 of 2"),
        # The second one said so too long ago: it may have changed its mind.
        (
            {"reports": {"ns1": Report(0.1, 4, True), "ns2": Report(9.0, 4, True)}},
            "wait",
            "1 of 2",
        ),
        (
            {"reports": {"ns1": Report(0.1, 4, True), "ns2": Report(0.1, 4, False)}},
            "refuse",
            "ns2",
        ),
        # Synchronous once, for an earlier mother.
        ({"reports": {"ns1": Report(0.1, 4, True), "ns2": Report(0.1, 3, True)}}, "refuse", "ns2"),
        ({"mother_answers": True}, "wait", "still reaches"),
        ({"replication_fault": "duplicate key"}, "refuse", "duplicate key"),
    ],
)
def test_one_missing_condition_is_enough_to_leave_everything_as_it_is(changes, action, words):
    verdict = decide.judge(situation(**changes))
    assert verdict.action == action
    assert words in verdict.reason


@pytest.mark.parametrize("witnesses", range(2, 9))
def test_every_quorum_meets_every_withdrawal(witnesses):
    names = range(witnesses)
    quorums = itertools.combinations(names, decide.quorum(witnesses))
    withdrawals = list(itertools.combinations(names, decide.withdrawals_needed(witnesses)))
    assert all(set(one) & set(other) for one in quorums for other in withdrawals)


def test_no_acknowledged_write_is_lost_in_any_order_of_events():
    """A mother that plays by `choose` and a standby that plays by `judge`, cut in any way."""
    dice = random.Random(17)
    for _ in range(3000):
        witnesses = dice.choice([2, 3, 5])
        recorded = [True] * witnesses
        waits, lost_possible = True, False
        for _ in range(12):
            sees_standby = dice.random() < 0.5
            reached = [dice.random() < 0.5 for _ in range(witnesses)]
            choice = decide.choose(Commits(True, waits, waits, 1, 0.0 if sees_standby else 3.0, 0))
            if choice == "fall back":
                for index, reach in enumerate(reached):
                    recorded[index] = recorded[index] and not reach
                if sum(not held for held in recorded) >= decide.withdrawals_needed(witnesses):
                    waits = False
            # A write that somebody is told of, and that the standby does not have.
            lost_possible = lost_possible or (not waits and not sees_standby)
            reports = {
                f"ns{index}": Report(0.1, 4, recorded[index])
                for index in range(witnesses)
                if dice.random() < 0.9
            }
            verdict = decide.judge(situation(witnesses=witnesses, reports=reports))
            assert not (verdict.action == "promote" and lost_possible)


@pytest.mark.parametrize(
    ("changes", "choice"),
    [
        ({}, "nothing"),
        ({"stalled_s": 2.5}, "fall back"),
        # MariaDB's own timeout does it, where no failover comes by itself.
        ({"stalled_s": 2.5, "automatic": False}, "nothing"),
        ({"enabled": False}, "enable"),
        ({"enabled": False, "standbys": 0}, "nothing"),
        ({"enabled": False, "behind": None}, "nothing"),
        ({"enabled": False, "behind": 5000}, "nothing"),
    ],
)
def test_commits_wait_for_a_standby_that_is_near(changes, choice):
    good = {
        "automatic": True,
        "enabled": True,
        "waiting_is_on": True,
        "standbys": 1,
        "stalled_s": 0.0,
        "behind": 0,
    }
    assert decide.choose(Commits(**(good | changes))) == choice


@pytest.mark.parametrize(
    ("position", "number"), [("", 0), ("0-17-42", 42), ("0-17-42,1-3-50", 50), ("x", 0)]
)
def test_the_number_of_a_position(position, number):
    assert decide.sequence(position) == number
