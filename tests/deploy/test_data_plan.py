"""Who is the mother, as the two machines say; and what is laid on them."""

import json

import pytest

from tiovivo_deploy.data import backup, files, plan, promote, rejoin, restore, status
from tiovivo_deploy.data.plan import Standing
from tiovivo_deploy.inventory import Cluster, Node, Ssh, UsageError
from tiovivo_deploy.secrets import Secrets

A, B = "server-1", "server-1.1"
NEW, SILENT = Standing("new"), Standing("silent")


@pytest.mark.parametrize(
    ("a", "b", "made", "mother"),
    [
        (NEW, NEW, False, A),
        (NEW, NEW, True, A),
        (Standing("mother", 1, 0, True), NEW, True, A),
        (Standing("mother", 1, 0, True), SILENT, True, A),
        (Standing("mother", 1), Standing("standby", 1), True, A),
        # A promotion is not undone.
        (Standing("mother", 1), Standing("mother", 2, 0, True), True, B),
        (Standing("standby", 2), Standing("mother", 2, 0, True), True, B),
        # An empty machine beside data is not a new cluster.
        (NEW, Standing("standby", 1), True, None),
        (NEW, Standing("mother", 2, 0, True), True, B),
        (NEW, SILENT, False, A),
        (NEW, SILENT, True, None),
        (SILENT, NEW, False, A),
        (SILENT, NEW, True, None),
        (SILENT, Standing("standby", 1), True, None),
        # The silent one may have been promoted while this one was away.
        (Standing("mother", 1), SILENT, True, None),
        (Standing("released", 1), Standing("standby", 1), True, None),
        (Standing("unknown"), Standing("mother", 2, 0, True), True, None),
    ],
)
def test_who_is_the_mother(a, b, made, mother):
    found = plan.decide([A, B], {A: a, B: b}, made)
    assert found.mother == mother
    assert bool(found.refusal) is (mother is None)


def test_a_cluster_without_a_standby():
    assert plan.decide([A], {A: NEW}, True).mother == A
    assert plan.decide([A], {A: Standing("mother", 1)}, True).mother == A


@pytest.mark.parametrize(
    ("text", "standing"),
    [
        ("new\n", NEW),
        ("mother 3 17\n2: e0 inet 10.77.0.10/32\n", Standing("mother", 3, 17, True)),
        ("mother 3 17\n", Standing("mother", 3, 17)),
        ("mot", Standing("unknown")),
        ("", Standing("unknown")),
    ],
)
def test_what_a_machine_says(text, standing):
    assert plan.parse(text) == standing


def cluster(tmp_path, **changes) -> Cluster:
    nodes = [
        Node(A, "mother", ["192.0.2.17"], ["10.77.0.17"]),
        Node(B, "standby", ["192.0.2.16"], ["10.77.0.16"]),
        Node("server-2", "child", ["192.0.2.18"], ["10.77.0.18"]),
        Node("ns1", "dns", ["192.0.2.53"], ["10.77.0.53"]),
    ]
    good = {
        "config": str(tmp_path / "config.yaml"),
        "folder": str(tmp_path),
        "files": [],
        "nodes": nodes,
        "ssh": Ssh(),
        "mother_address": "10.77.0.10",
        "database": {"name": "proyecto"},
    }
    return Cluster(**(good | changes))


def test_only_nodes_that_mount_are_exported_to(tmp_path):
    text = files.exports(cluster(tmp_path)).content
    assert "/srv/media 10.77.0.16(rw,sync,fsid=3," in text
    assert "/srv/app 10.77.0.16(ro,sync,fsid=1," in text
    assert "10.77.0.53" not in text
    assert "no_root_squash" not in text


def test_settings_of_the_two_name_each_other(tmp_path):
    here = cluster(tmp_path, failover="automatic", fence={"command": ["fence", "{node}"]})
    secrets = Secrets(tmp_path / "secrets")
    a = json.loads(files.settings(here, here.node(A), secrets).content)
    b = json.loads(files.settings(here, here.node(B), secrets).content)
    ns1 = json.loads(files.settings(here, here.node("ns1"), secrets).content)
    assert (a["peer"]["name"], b["peer"]["name"]) == (B, A)
    assert a["witnesses"] == [{"name": "ns1", "address": "10.77.0.53"}]
    assert a["key"] == b["key"] == ns1["key"]
    assert ns1["database_password"] == ns1["broker_password"] == ""
    assert files.settings(here, here.node(A), secrets).mode == "600"


def test_files_of_the_pair_are_whole(tmp_path):
    here = cluster(tmp_path)
    secrets = Secrets(tmp_path / "secrets")
    node = here.node(A)
    texts = [
        files.mariadb(here, node),
        *files.redis(here, node, secrets),
        *files.units(True),
        *files.units(False),
        *files.copying(here, node, secrets),
        *files.programs(),
    ]
    assert not [
        file.path
        for file in texts
        if file.path.endswith((".service", ".cnf", ".conf"))
        and "@" in file.content.replace("tiovivo@", "")
    ]
    assert "rpl_semi_sync_master_timeout = 2000" in texts[0].content
    automatic = files.mariadb(cluster(tmp_path, failover="automatic"), node).content
    assert "rpl_semi_sync_master_timeout = 315360000000" in automatic


def test_an_impossible_pair_is_told(tmp_path):
    with pytest.raises(UsageError, match="one mother"):
        files.pair(cluster(tmp_path, nodes=[Node("x", "child", [], ["10.0.0.1"])]))
    with pytest.raises(UsageError, match="IPv4"):
        files.mother_address(cluster(tmp_path, mother_address="fd00::1"))
    with pytest.raises(UsageError, match="mother_address is missing"):
        files.mother_address(cluster(tmp_path, mother_address=None))


class FakeShell:
    """`said` is what `cat role; ip address` prints on each machine; None: it does not answer."""

    def __init__(self, **said):
        self.said = said

    def run(self, node, command, **_):
        text = self.said.get(node.name.replace("-", "_").replace(".", "_"))

        class Result:
            ok, out, reason, err, seconds = text is not None, text or "", "no route", "", 0.1

        Result.node = node
        return Result

    def run_all(self, nodes, command, **_):
        return [self.run(node, command) for node in nodes]


HELD = "2: e0 inet 10.77.0.10/32\n"


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (None, "standby 1 0\n", "may be alive and cut off"),
        ("mother 1 0\n" + HELD, "standby 1 0\n", "--hand-over"),
        ("mother 1 0\n", "standby 1 0\n", "bring it back"),
        ("joining 1 0\n", "standby 1 0\n", "is alive"),
        ("released 1 0\n", "standby 1 0\n", ""),
        ("standby 2 0\n", "mother 2 0\n", ""),
        ("mother 1 0\n", "mother 2 0\n", ""),
        (None, "mother 2 0\n", "may be alive and cut off"),
    ],
)
def test_a_promotion_without_a_proof_is_refused(tmp_path, a, b, words):
    here = cluster(tmp_path)
    shell = FakeShell(server_1=a, server_1_1=b)
    refusal = promote.why_not(here, shell, here.node(B), here.node(A))
    assert words in refusal
    assert bool(refusal) is bool(words)


def test_the_standby_is_found_while_the_mother_is_silent(tmp_path):
    here = cluster(tmp_path)
    assert promote.find_standby(here, FakeShell(server_1_1="standby 1 0\n")).name == B
    with pytest.raises(UsageError, match="no machine is a complete standby"):
        promote.find_standby(here, FakeShell(server_1_1="joining 1 0\n"))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("true {node}", ""),
        ("test {address} = 10.77.0.17", ""),
        ("false", "does not prove"),
        ("/nonexistent/fence", "nonexistent"),
    ],
)
def test_a_fence_proves_only_by_its_exit_status(tmp_path, command, words):
    here = cluster(tmp_path)
    said = promote.fence(here, here.node(A), command)
    assert words in said
    assert bool(said) is bool(words)


def test_fenced_by_without_a_command_needs_the_one_of_the_configuration(tmp_path):
    here = cluster(tmp_path)
    with pytest.raises(UsageError, match="needs a COMMAND"):
        promote.fence(here, here.node(A), "")
    fenced = cluster(tmp_path, fence={"command": ["true", "{node}"]})
    assert promote.fence(fenced, here.node(A), "") == ""


@pytest.mark.parametrize(
    ("mine", "theirs", "words"),
    [
        (Standing("mother", 1), Standing("mother", 2, 0, True), ""),
        (NEW, Standing("mother", 2, 0, True), ""),
        (Standing("standby", 2), Standing("mother", 2, 0, True), ""),
        (SILENT, Standing("mother", 2, 0, True), "does not answer"),
        (Standing("mother", 1, 0, True), Standing("standby", 1), "is the mother"),
        (Standing("mother", 1), Standing("mother", 2), "serves nobody"),
        (Standing("mother", 2), Standing("mother", 1, 0, True), "is not the mother now"),
        (Standing("joining", 1), Standing("standby", 1), "no machine is the mother"),
    ],
)
def test_only_a_machine_that_is_not_the_mother_rejoins(tmp_path, mine, theirs, words):
    here = cluster(tmp_path)
    found = plan.decide([A, B], {A: mine, B: theirs}, True)
    refusal = rejoin.why_not(found, here.node(A), here.node(B))
    assert words in refusal
    assert bool(refusal) is bool(words)


def test_status_shouts_what_is_wrong():
    good = {
        "kind": "mother",
        "epoch": 2,
        "since": 0,
        "holds_address": True,
        "read_only": False,
        "synchronous": True,
        "standbys": 1,
        "files_waiting": 2,
    }
    follower = {
        "kind": "standby",
        "epoch": 2,
        "receiving": True,
        "received": "0-1-2",
        "applied": "0-1-2",
        "read_only": True,
        "broker": "follows 10.77.0.17",
    }
    lines = status.describe(A, good) + status.describe(B, follower)
    assert not [line for line in lines if line.startswith("FAULT")]
    assert "2 changes of files wait" in lines[1]
    assert status.judge_pair({A: good, B: follower}) == []
    assert "both take writes" in status.judge_pair({A: good, B: good})[0]
    assert "no machine is the mother" in status.judge_pair({A: None, B: follower})[0]
    assert "asynchronous" in status.describe(A, good | {"synchronous": False})[0]
    assert "serves nobody" in status.describe(A, good | {"holds_address": False})[0]
    assert status.describe(B, follower | {"receiving": False})[0].startswith("FAULT")
    assert status.describe(B, None)[0].startswith("FAULT")
    assert status.parse("{") is None


def write_backup(folder):
    (folder / "secrets").mkdir(parents=True)
    (folder / backup.DATABASE_FILE).write_bytes(b"dump")
    (folder / "secrets" / "token").write_text("t\n")
    entries = {
        name: {"sha256": backup.checksum(folder / name), "octets": 4}
        for name in (backup.DATABASE_FILE, "secrets/token")
    }
    manifest = {"version": 1, "from": A, "made": "x", "files": entries}
    (folder / backup.MANIFEST).write_text(json.dumps(manifest))


def test_a_damaged_backup_is_refused_before_anything_is_touched(tmp_path):
    write_backup(tmp_path / "b")
    restore.check(tmp_path / "b")
    (tmp_path / "b" / backup.DATABASE_FILE).write_bytes(b"dumb")
    with pytest.raises(UsageError, match=r"damaged.*database\.sql\.gz"):
        restore.check(tmp_path / "b")
    with pytest.raises(UsageError, match="is this a backup"):
        restore.check(tmp_path)
    (tmp_path / "b" / backup.MANIFEST).write_text("[]")
    with pytest.raises(UsageError, match="cannot be read"):
        restore.check(tmp_path / "b")


def test_secrets_come_back_but_replace_none(tmp_path):
    write_backup(tmp_path / "b")
    here = cluster(tmp_path)
    assert restore.restore_secrets(here, tmp_path / "b") == 0
    place = tmp_path / "secrets" / "token"
    assert place.read_text() == "t\n"
    assert place.stat().st_mode & 0o777 == 0o600
    place.write_text("other\n")
    assert restore.restore_secrets(here, tmp_path / "b") == 1
    assert place.read_text() == "other\n"


def test_only_whole_backups_are_pruned(tmp_path):
    for name in ("2026-01-01T00-00-00Z", "2026-01-02T00-00-00Z", "2026-01-03T00-00-00Z"):
        write_backup(tmp_path / name)
    (tmp_path / "2026-01-01T12-00-00Z").mkdir()
    (tmp_path / "notes").mkdir()
    backup.prune(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2026-01-01T12-00-00Z",
        "2026-01-02T00-00-00Z",
        "2026-01-03T00-00-00Z",
        "notes",
    ]
