"""A backup that was restored: a real MariaDB and real files, in a mount namespace of the test's own."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tiovivo_deploy.data import backup, plan, restore
from tiovivo_deploy.data.plan import Plan, Standing
from tiovivo_deploy.inventory import Cluster, Node, Ssh

MOTHER = "server-1"
START_S = 60
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mariadbd") or not shutil.which("rsync"),
    reason="needs root, mariadbd and rsync",
)


class Machine:
    """A mother whose commands run here, with folders of the test's own in the usual places."""

    def __init__(self, folder: Path):
        self.folder = folder
        # Folders of MariaDB lie where its socket's name is short enough.
        for name in ("data", "run", "srv", "bin"):
            (folder / name).mkdir()
        (folder / "srv" / "media").mkdir()
        program = folder / "bin" / "tiovivo-data"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        data = f"--datadir={folder}/data"
        install = ["mariadb-install-db", "--no-defaults", data, "--skip-test-db"]
        subprocess.run([*install, "--user=root"], check=True, capture_output=True, timeout=120)
        options = ["--no-defaults", data, f"--socket={folder}/run/mysqld.sock", "--skip-networking"]
        small = ["--innodb-buffer-pool-size=32M", "--user=root"]
        self.server = subprocess.Popen(["mariadbd", *options, *small], stderr=subprocess.DEVNULL)
        end = time.monotonic() + START_S
        while not self.run(None, "mariadb -e 'SELECT 1'").ok:
            assert time.monotonic() < end, "mariadbd does not answer"
            time.sleep(0.2)

    def words(self, command: str) -> list[str]:
        binds = f"mount --bind {self.folder}/srv /srv && mkdir -p /run/mysqld"
        binds += " && mount -t tmpfs none /run/mysqld && touch /run/mysqld/mysqld.sock"
        binds += f" && mount --bind {self.folder}/run/mysqld.sock /run/mysqld/mysqld.sock"
        path = f"export PATH={self.folder}/bin:$PATH"
        return ["unshare", "-m", "sh", "-c", f'{binds} && {path} && exec sh -c "$0"', command]

    def run(self, node, command, **_):
        done = subprocess.run(
            self.words(command), check=False, capture_output=True, text=True, timeout=60
        )
        done.ok, done.out, done.reason = done.returncode == 0, done.stdout, done.stderr
        return done

    def popen(self, node, command, **arguments):
        return subprocess.Popen(self.words(command), **arguments)

    def sql(self, text: str) -> str:
        done = self.run(None, f'mariadb -NBe "{text}"')
        assert done.ok, done.reason
        return done.out.strip()

    def stop(self) -> None:
        self.server.terminate()
        self.server.wait(timeout=60)


@pytest.fixture
def machine(tmp_path):
    here = Machine(tmp_path)
    yield here
    here.stop()


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    standings = {MOTHER: Standing("mother", 1, 0, True)}
    monkeypatch.setattr(plan, "look", lambda *_: Plan(MOTHER, "", standings))
    folder = tmp_path / "control"
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets" / "token").write_text("t\n")
    nodes = [Node(MOTHER, "mother", [], ["10.77.0.17"])]
    return Cluster(
        config=str(folder / "config.yaml"),
        folder=str(folder),
        files=[],
        nodes=nodes,
        ssh=Ssh(),
        mother_address="10.77.0.10",
        database={"name": "proyecto"},
    )


def fill(machine: Machine) -> None:
    machine.sql(
        "CREATE DATABASE proyecto CHARACTER SET utf8mb4; USE proyecto;"
        " CREATE TABLE t (n INT PRIMARY KEY, s VARCHAR(20), b BLOB);"
        " INSERT INTO t VALUES (1, 'ñandú', x'00ff27'), (2, NULL, NULL)"
    )
    media = machine.folder / "srv" / "media"
    (media / "ñ").mkdir()
    (media / "ñ" / "video.mp4").write_bytes(b"\0\1\2")
    os.chown(media / "ñ" / "video.mp4", 33, 33)


def test_what_was_lost_after_a_backup_is_back(machine, cluster, tmp_path):
    fill(machine)
    folder = backup.backup(cluster, machine, tmp_path / "backups")
    before = machine.sql("CHECKSUM TABLE proyecto.t")
    machine.sql("DELETE FROM proyecto.t; CREATE TABLE proyecto.later (n INT)")
    media = machine.folder / "srv" / "media"
    shutil.rmtree(media / "ñ")
    (media / "later").touch()

    restore.check(folder)
    assert restore.restore(cluster, machine, folder) == 0

    assert machine.sql("CHECKSUM TABLE proyecto.t") == before
    assert machine.sql("SHOW TABLES FROM proyecto") == "t"
    video = media / "ñ" / "video.mp4"
    assert video.read_bytes() == b"\0\1\2"
    assert video.stat().st_uid == 33
    assert [path.name for path in media.iterdir()] == ["ñ"]
    assert (folder / "secrets" / "token").read_text() == "t\n"
    # What was replaced can be put back, too.
    replaced = next((tmp_path / "backups").glob("before-restore-*"))
    restore.check(replaced)
    assert restore.restore(cluster, machine, replaced) == 0
    assert machine.sql("SHOW TABLES FROM proyecto") == "later\nt"


def test_a_dump_that_fails_leaves_no_folder_that_looks_like_a_backup(machine, cluster, tmp_path):
    assert backup.backup(cluster, machine, tmp_path / "backups") is None
    assert list((tmp_path / "backups").iterdir()) == []
