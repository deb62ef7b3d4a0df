"""What operations make of a node's words, and the commands that they send."""

import subprocess

import pytest

from tiovivo_deploy import operations
from tiovivo_deploy.operations import File, InstalledPackages, Stat, Stats, UnitState

WANTED = File("/etc/a.conf", "one\ntwo\n")


def test_only_packages_that_are_wholly_installed_count():
    rows = ["nginx ii ", "redis iF ", "held hi ", "gone rc ", "torn"]
    assert InstalledPackages().process(rows) == {"nginx", "held"}


def test_stats_are_read_with_their_hashes_and_absent_paths_left_out():
    rows = ["regular file|644|root:root|/etc/a b", "directory|755|root:root|/srv", ""]
    rows.append("0" * 64 + "  /etc/a b")
    assert Stats().process(rows) == {
        "/etc/a b": Stat("regular file", "644", "root:root", "0" * 64),
        "/srv": Stat("directory", "755", "root:root", ""),
    }
    assert Stats().process([""]) == {}


@pytest.mark.parametrize(
    ("stat", "wanted"),
    [
        (Stat("regular file", "644", "root:root", WANTED.hash), True),
        (Stat("regular file", "600", "root:root", WANTED.hash), False),
        (Stat("regular file", "644", "www-data:root", WANTED.hash), False),
        (Stat("regular file", "644", "root:root", "0" * 64), False),
        # A link to such a file is replaced by the file.
        (Stat("symbolic link", "777", "root:root", WANTED.hash), False),
        (None, False),
    ],
)
def test_a_file_is_as_wanted_by_kind_mode_owner_and_content(stat, wanted):
    assert operations._as_wanted(stat, WANTED) is wanted


def lay(files):
    return subprocess.run(
        ["sh", "-c", " && ".join(operations.unpack_commands(files))],
        input=operations.pack(files),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_files_are_laid_whole_in_their_order_with_their_modes(tmp_path):
    place = tmp_path / "a b"
    old = place / "old"
    place.mkdir()
    old.symlink_to(tmp_path)
    files = [
        File(f"{place}/zones/one", "1\n"),
        File(f"{place}/old", b"\0\xff", mode="600"),
        File(f"{place}/zones/empty", "", mode="755"),
    ]
    done = lay(files)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in sorted(place.rglob("*"))] == ["old", "zones", "empty", "one"]
    assert (place / "zones/one").read_text() == "1\n"
    # A link is replaced, not followed.
    assert not old.is_symlink() and old.read_bytes() == b"\0\xff"
    modes = [oct(file.stat().st_mode)[-3:] for file in (old, place / "zones/empty")]
    assert modes == ["600", "755"]


def test_a_file_in_whose_place_a_folder_stands_is_a_fault_and_nothing_is_lost(tmp_path):
    (tmp_path / "a" / "kept").mkdir(parents=True)
    done = lay([File(f"{tmp_path}/a", "1")])
    assert done.returncode != 0 and "directory" in done.stderr
    assert (tmp_path / "a" / "kept").is_dir()


def test_a_torn_upload_changes_nothing(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    files = [File(str(path), "new" * 1000)]
    torn = operations.pack(files)[:800]
    commands = " && ".join(operations.unpack_commands(files))
    done = subprocess.run(["sh", "-c", commands], input=torn, text=True, check=False, timeout=30)
    assert done.returncode != 0 and path.read_text() == "old"


def test_a_new_file_is_told_by_its_size_and_a_secret_one_without_content():
    assert operations._difference(None, WANTED) == ["/etc/a.conf (new, 8 octets)"]
    secret = File("/etc/key", "word", mode="600", secret=True)
    told = operations._difference(Stat("regular file", "644", "root:root", "0" * 64), secret)
    assert "word" not in "".join(told)
    assert "  mode 644 root:root, then 600 root:root" in told


def test_a_unit_is_read_by_key():
    rows = ["LoadState=loaded", "ActiveState=active", "noise"]
    assert UnitState().process(rows) == {"LoadState": "loaded", "ActiveState": "active"}


def test_a_template_names_its_missing_places(tmp_path, monkeypatch):
    monkeypatch.setattr(operations, "FILES", tmp_path)
    (tmp_path / "a").write_text("x=@X@ @@ mail@example")
    assert operations.template("a", x=1) == "x=1 @@ mail@example"
    with pytest.raises(ValueError, match="no @Y@"):
        operations.template("a", y=1)
