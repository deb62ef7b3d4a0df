"""Parts of mother, standby and witness that need no server."""

import json
import socket
import threading

import pytest
from tiovivo_data import address, database, role, settings, sql, view, wire, witness
from tiovivo_data.role import Role
from tiovivo_data.view import View


def test_the_role_file_comes_back_as_it_was_written(tmp_path):
    assert role.read(tmp_path) is None
    role.write(tmp_path, Role("standby", 3, 1700000000))
    assert role.read(tmp_path) == Role("standby", 3, 1700000000)
    assert [path.name for path in tmp_path.iterdir()] == ["role"]


@pytest.mark.parametrize(
    "text", ["", "mother", "mother 1", "king 1 2", "mother -1 2", "mother 1 2 3"]
)
def test_a_broken_role_file_is_never_guessed(text):
    with pytest.raises(ValueError, match="role file says"):
        role.parse(text)


def test_settings_name_the_file_that_is_at_fault(tmp_path):
    file = tmp_path / "config.json"
    with pytest.raises(SystemExit, match="has deploy/up provisioned"):
        settings.load(file)
    file.write_text('{"node": "server-1"}')
    with pytest.raises(SystemExit, match=r"config\.json"):
        settings.load(file)


def test_rows_of_the_client_program():
    text = "a\tb\n1\tx\\ty\n2\t\\\\n\\nz\n"
    assert sql.parse_rows(text) == [{"a": "1", "b": "x\ty"}, {"a": "2", "b": "\\n\nz"}]
    assert sql.parse_rows("") == []


@pytest.mark.parametrize(
    ("applied", "received", "whole"),
    [
        ("0-1-5", "0-1-5", True),
        ("0-1-4", "0-1-5", False),
        ("0-2-9", "0-1-5", True),
        ("", "0-1-1", False),
        ("0-1-5", "", True),
        ("0-1-5", "0-1-5,1-1-1", False),
    ],
)
def test_whether_everything_is_applied(applied, received, whole):
    assert database.contains(applied, received) is whole


def test_a_literal_cannot_end_early():
    assert sql.quote("a'b\\") == "'a''b\\\\'"
    assert sql.quote_name("a`b") == "`a``b`"


ROUTES = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.77.0.17
        /32 host LOCAL
     |-- 10.77.0.10
        /32 host BROADCAST
"""


def test_the_kernels_table_tells_which_addresses_are_here():
    assert address.is_local(ROUTES, "10.77.0.17")
    assert not address.is_local(ROUTES, "10.77.0.10")
    assert not address.is_local(ROUTES, "10.77.0.1")


def test_another_holder_of_an_address_is_seen():
    mine, other = b"\x02" + b"\0" * 5, b"\x04" + b"\0" * 5
    claim = address.arp(2, other, "10.77.0.10", mine, "0.0.0.0")
    assert address.holder_in(claim, "10.77.0.10", mine) == other
    assert address.holder_in(claim, "10.77.0.11", mine) == b""
    assert (
        address.holder_in(
            address.arp(1, mine, "10.77.0.10", b"\0" * 6, "10.77.0.10"), "10.77.0.10", mine
        )
        == b""
    )
    assert address.holder_in(claim[:30], "10.77.0.10", mine) == b""


def mother(**changes) -> View:
    good = {
        "node": "server-1",
        "kind": "mother",
        "epoch": 1,
        "since": 0,
        "holds_address": True,
        "read_only": False,
        "synchronous": True,
        "standbys": 1,
    }
    return View(**(good | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"synchronous": False}, "asynchronous"),
        ({"standbys": 0}, "asynchronous"),
        ({"holds_address": False}, "serves nobody"),
        ({"read_only": True}, "read-only"),
        ({"database_fault": "no socket"}, "no socket"),
        ({"kind": "standby"}, ""),
        ({"kind": "standby", "replication_fault": "error 1236"}, "error 1236"),
        ({"kind": "joining"}, "deploy/rejoin"),
    ],
)
def test_a_fault_is_one_line_for_the_operator(changes, words):
    fault = view.fault(mother(**changes), "server-1.1")
    assert words in fault
    assert bool(fault) is bool(words)


def test_a_mother_without_a_standby_is_well():
    assert view.fault(mother(synchronous=False, standbys=0), "") == ""


def test_changes_that_wait_are_counted_over_all_trees(tmp_path):
    status = tmp_path / "copy.status"
    assert view.files_waiting(status) is None
    status.write_text("Sync1\nThere are 0 delays\nSync2\nThere are 3 delays\nactive ...\n")
    assert view.files_waiting(status) == 3


def status(**changes) -> dict:
    member = {"node": "server-1", "role": "mother", "check": {"state": "down"}}
    other = {"node": "server-1.1", "role": "standby", "check": {"state": "up"}}
    pool = {"kept": None, "cut_off": False, "members": [member, other]} | changes
    return {"ready": True, "pools": [pool]}


def test_a_name_server_that_is_cut_off_itself_has_lost_nobody():
    assert witness.lost_nodes(status()) == ["server-1"]
    assert witness.lost_nodes(status(kept="most members failed at once")) == []
    assert witness.lost_nodes(status(cut_off=True)) == []
    assert witness.lost_nodes(status() | {"ready": False}) == []
    assert witness.lost_nodes({}) == []


def node_settings(tmp_path):
    return settings.Settings(
        node="ns1",
        address="127.0.0.1",
        mother_address="10.77.0.10",
        peer=None,
        witnesses=[],
        pair=[],
        automatic=True,
        fence=[],
        database="",
        database_user="",
        database_password="",
        replication_password="",
        broker_password="",
        key="k",
        witness_folder=tmp_path,
    )


def record(run: str, number: int, epoch: int, synchronous: bool) -> dict:
    return {
        "type": "record",
        "run": run,
        "number": number,
        "epoch": epoch,
        "synchronous": synchronous,
    }


def test_a_record_survives_and_is_never_undone_by_an_older_one(tmp_path):
    keeper = witness.Witness(node_settings(tmp_path))
    assert keeper.record == {"epoch": 0, "synchronous": False}
    assert keeper.answer(record("a", 1, 2, True)) == {"recorded": True}
    assert keeper.answer(record("a", 3, 2, False)) == {"recorded": True}
    assert "overtaken" in keeper.answer(record("a", 2, 2, True))["error"]
    assert "has begun" in keeper.answer(record("b", 1, 1, True))["error"]
    assert "whole numbers" in keeper.answer(record("b", 1, None, True))["error"]
    assert witness.Witness(node_settings(tmp_path)).record == {"epoch": 2, "synchronous": False}
    (tmp_path / witness.RECORD_FILE).write_text("[")
    assert witness.Witness(node_settings(tmp_path)).record["synchronous"] is False


@pytest.fixture
def server():
    here = wire.Server("127.0.0.1", "the key", lambda request: {"echo": request}, port=0)
    threading.Thread(target=here.serve_forever, args=(0.05,), daemon=True).start()
    yield here.server_address[1]
    here.shutdown()
    here.server_close()


def test_a_request_is_answered_to_those_who_have_the_key(server):
    assert wire.ask("127.0.0.1", "the key", {"n": 1}, 3, server) == {"echo": {"n": 1}}
    with pytest.raises(wire.WireError):
        wire.ask("127.0.0.1", "another", {"n": 1}, 3, server)


def test_an_old_request_is_no_request(server):
    """What was signed for one connection does not fit another one's nonce."""
    with socket.create_connection(("127.0.0.1", server), timeout=3) as first:
        nonce = first.makefile("rb").readline().strip().decode()
        sealed = wire.seal("the key", f"ask {nonce}", {"n": 1})
    with socket.create_connection(("127.0.0.1", server), timeout=3) as second:
        second.recv(100)
        second.sendall(sealed)
        assert second.recv(100) == b""


@pytest.mark.parametrize("text", [b"\n", b"x" * 10_000 + b"\n", b"\xff\xfe\n", b"0 []\n"])
def test_a_message_of_strangers_ends_its_connection_alone(server, text):
    with socket.create_connection(("127.0.0.1", server), timeout=3) as stranger:
        stranger.recv(100)
        stranger.sendall(text)
        try:
            assert stranger.recv(100) == b""
        except ConnectionResetError:
            pass
    assert wire.ask("127.0.0.1", "the key", {}, 3, server) == {"echo": {}}


def test_settings_load_what_deploy_writes(tmp_path):
    raw = {
        "node": "server-1",
        "address": "10.77.0.17",
        "mother_address": "10.77.0.10",
        "peer": {"name": "server-1.1", "address": "10.77.0.16"},
        "witnesses": [],
        "pair": [],
        "automatic": False,
        "fence": [],
        "database": "d",
        "database_user": "d",
        "database_password": "1",
        "replication_password": "2",
        "broker_password": "3",
        "key": "4",
    }
    (tmp_path / "c").write_text(json.dumps(raw))
    loaded = settings.load(tmp_path / "c")
    assert loaded.peer.address == "10.77.0.16"
    assert loaded.server_id == 0x0A4D0011
