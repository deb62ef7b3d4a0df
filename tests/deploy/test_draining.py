"""A child leaves the rotation only when every name server lets it, and its visitors have gone."""

import re
from datetime import UTC, datetime

import pytest

from tiovivo_deploy import draining, inventory
from tiovivo_deploy.inventory import Node
from tiovivo_deploy.ssh import UNREACHABLE, Result

CHILD = Node("server-2", "child", ["192.0.2.18"], ["10.77.0.18"])
SERVERS = [Node(name, "dns", [f"192.0.2.{last}"], []) for name, last in (("ns1", 53), ("ns2", 54))]
CLUSTER = inventory.Cluster("/c/config.yaml", "/c", [], [CHILD, *SERVERS], inventory.Ssh())


class Nodes:
    """Stands for the ssh connections: what each name server answers to a drain, and how many
    connections the child has, one answer after another."""

    def __init__(self, statuses, counts=()):
        self.statuses, self.counts, self.commands = statuses, list(counts), []

    def run_all(self, nodes, command, timeout):
        self.commands.append(command[1])
        out = "out of web; resolvers may send clients until 2026-11-28T10:00:00Z\n"
        statuses = self.statuses if command[1] == "drain" else [0] * len(nodes)
        return [Result(*pair, out, "", 0.1) for pair in zip(nodes, statuses, strict=True)]

    def run(self, node, command, timeout):
        count = self.counts.pop(0)
        return Result(node, UNREACHABLE if count is None else 0, str(count), "", 0.1)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The end that the name servers say is 10 s ahead, and waiting takes no time."""
    now = [datetime(2026, 11, 28, 9, 59, 50, tzinfo=UTC).timestamp()]
    monkeypatch.setattr(draining.time, "time", lambda: now[0])
    monkeypatch.setattr(
        draining.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds)
    )


def drain(nodes, now=False):
    return draining.drain(nodes, CLUSTER, CHILD, "test", now)


def test_it_waits_for_the_resolvers_and_then_for_the_last_visitor(capsys):
    nodes = Nodes([0, 0], [3, 2, 1, 0])
    assert drain(nodes)
    said = capsys.readouterr().out
    assert "resolvers may send clients for 10 s; 3 connections are open" in said
    assert said.endswith("server-2: no visitor is left\n")
    assert nodes.counts == []


def test_a_connection_that_is_never_closed_ends_the_wait_after_a_bound(capsys):
    assert drain(Nodes([0, 0], [1] * 100))
    assert "1 connections stay open; they are ended now" in capsys.readouterr().out


def test_a_child_that_is_off_is_waited_for_by_nobody():
    assert drain(Nodes([0, 0], [None]))


@pytest.mark.parametrize("statuses", [[0, 1], [3, 0], [255, 255]])
def test_it_stays_when_a_name_server_refuses_or_has_nobody_else(statuses, capsys):
    nodes = Nodes(statuses)
    assert not drain(nodes)
    assert nodes.commands == ["drain", "release"]
    assert "server-2 stays: " in capsys.readouterr().err


def test_now_does_not_wait():
    assert drain(Nodes([0, 0]), now=True)


def test_probes_of_name_servers_are_no_visitors():
    pattern = re.search(r"grep -vcE '([^']+)'", draining.connections(CLUSTER)).group(1)
    for peer in ("127.0.0.1:5000", "192.0.2.53:41000", "[::ffff:192.0.2.54]:80", "[::1]:9"):
        assert re.match(pattern, peer), peer
    for peer in ("192.0.2.5:41000", "192.0.2.153:1", "198.51.100.7:1"):
        assert not re.match(pattern, peer), peer
