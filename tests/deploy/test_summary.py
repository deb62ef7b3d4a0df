"""What a person reads at the end of a command."""

import io

from tiovivo_deploy.summary import CHANGED, FAILED, UNCHANGED, Outcome, Report, printable


def test_failures_are_told_last_with_their_reason_and_the_way_on():
    stream = io.StringIO()
    report = Report(["server-1", "server-2"], stream)
    outcomes = [
        Outcome("server-1", "child", FAILED, 0, 1.0, "packages", ["no route to host"]),
        Outcome("server-2", "child", CHANGED, 3, 2.0),
    ]
    assert not report.close(outcomes, "deploy/up")
    said = stream.getvalue()
    assert said.index("server-2") < said.index("server-1")
    assert "server-1 FAILED at: packages\n            no route to host\n" in said
    assert said.endswith("mend that, then run deploy/up again: it goes on from there\n")


def test_a_run_without_a_change_says_so():
    stream = io.StringIO()
    assert Report(["a"], stream).close([Outcome("a", "dns", UNCHANGED)], "deploy/up")
    assert "1 node, no changes, none failed" in stream.getvalue()


def test_text_of_a_node_cannot_steer_the_terminal():
    assert printable("a\x1b[2Jb\tc") == "a\\x1b[2Jb c"
    assert len(printable("x" * 1000)) == 300
