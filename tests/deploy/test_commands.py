"""Parts of deploy/logs, deploy/status and deploy/remove that need no node."""

from datetime import UTC, datetime

from tiovivo_deploy import logs, name_servers, status
from tiovivo_deploy.inventory import Node
from tiovivo_deploy.job import Gates
from tiovivo_deploy.ssh import Result

CHILD = Node("server-2", "child", ["192.0.2.18"], ["10.77.0.18"])
OTHER = Node("server-3", "child", ["192.0.2.19"], ["10.77.0.19"])


def result(node, out, code=0, err=""):
    return Result(node, code, out, err, 0.1)


def test_lines_of_all_nodes_stand_in_the_order_of_time():
    one = result(CHILD, "2026-11-28T10:00:01+0000 a\nno time\n2026-11-28T10:00:04+0000 b\n")
    two = result(OTHER, '1.2.3.4 [2026-11-28T10:00:03+00:00] "GET / HTTP/1.1"\n')
    assert [(name, line[-3:]) for _, name, line in logs.merge([one, two])] == [
        ("server-2", "0 a"),
        ("server-2", "ime"),
        ("server-3", '.1"'),
        ("server-2", "0 b"),
    ]


def test_a_unit_that_does_not_run_is_a_fault_and_a_full_disk():
    out = "load 0.1 0.2 0.3\nup 600\ndisk 93%\nunit nginx.service active\n"
    out += "unit tiovivo-app.service failed\nfailed tiovivo-app.service\nfailed cron.service\n"
    assert status.describe(result(CHILD, out))["faults"] == [
        "server-2: tiovivo-app.service is failed",
        "server-2: cron.service has failed",
        "server-2: its disk is 93 % full",
    ]


def test_a_node_that_cannot_be_asked_says_why():
    row = status.describe(result(CHILD, "", 255, "ssh: connect to host: timed out"))
    assert row["faults"] == ["server-2: cannot be asked: ssh: connect to host: timed out"]


def test_the_end_of_a_drain_is_the_latest_that_a_server_says():
    said = "out of web; resolvers may send clients until 2026-11-28T10:02:11Z, 2026-11-28T10:01:00Z"
    assert name_servers.find_time(said) == datetime(2026, 11, 28, 10, 2, 11, tzinfo=UTC)
    assert name_servers.find_time("out of the answers") is None


def test_a_gate_opens_when_the_last_node_of_its_role_has_ended():
    gates = Gates([CHILD, OTHER])
    gates.end(CHILD)
    gates.end(CHILD)
    assert not gates.wait("child", 0)
    gates.end(OTHER)
    assert gates.wait("child", 0)
    assert gates.wait("mother", 0)
