"""deploy/backup: database, media and secrets in one folder, each file with its checksum.

The folder is written under another name and renamed when it is whole: a folder with the right name is
a backup that can be restored."""

import argparse
import hashlib
import json
import os
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from subprocess import DEVNULL, PIPE

from tiovivo_deploy import inventory
from tiovivo_deploy.data import files, plan
from tiovivo_deploy.inventory import Cluster, Node, UsageError
from tiovivo_deploy.ssh import Shell

PROGRAM = "deploy/backup"
VERSION = 1
MANIFEST = "manifest.json"
DATABASE_FILE, MEDIA_FILE = "database.sql.gz", "media.tar.gz"
SECRETS_FOLDER = "secrets"
# A node that sends nothing for so long is given up (by ssh itself); this bounds all of it.
TRANSFER_SECONDS = 12 * 3600
# `pipefail` alone tells that the first program of a pipe failed.
DUMP = (
    "set -o pipefail; mariadb-dump --single-transaction --routines --triggers --events --hex-blob"
    " --default-character-set=utf8mb4 --databases {database} | gzip -1"
)
MEDIA = "set -o pipefail; tar -C /srv/media --one-file-system -cf - . | gzip -1"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Copies database, media and secrets to this machine."
    )
    inventory.add_arguments(parser)
    parser.add_argument(
        "folder", nargs="?", help="where backups are (`backups` beside config.yaml)"
    )
    parser.add_argument(
        "--keep", type=int, metavar="N", help="remove all but the newest N after it"
    )
    arguments = parser.parse_args()
    if arguments.keep is not None and arguments.keep < 1:
        raise UsageError("--keep takes a number from 1 on")
    cluster = inventory.load(arguments)
    root = Path(arguments.folder or Path(cluster.folder) / "backups")
    shell = Shell(cluster)
    try:
        folder = backup(cluster, shell, root)
    except OSError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    finally:
        shell.close()
    if folder is None:
        return 1
    if arguments.keep:
        prune(root, arguments.keep)
    return 0


def backup(cluster: Cluster, shell: Shell, root: Path, prefix: str = "") -> Path | None:
    """Returns the new folder, or None with the reason on standard error."""
    began = time.monotonic()
    node = source(cluster, shell)
    name = free_name(root, prefix)
    aside = root / f".{name}.part"
    os.makedirs(aside, mode=0o700)
    try:
        manifest = {"version": VERSION, "from": node.name, "made": name, "files": {}}
        command = DUMP.format(database=database_name(cluster))
        for file, text in ((DATABASE_FILE, command), (MEDIA_FILE, MEDIA)):
            words = fetch(shell, node, text, aside / file)
            if words:
                print(f"{PROGRAM}: {node.name}: {file}: {words}", file=sys.stderr)
                return None
        copy_secrets(Path(cluster.folder) / "secrets", aside / SECRETS_FOLDER)
        for path in sorted(path for path in aside.rglob("*") if path.is_file()):
            entry = {"sha256": checksum(path), "octets": path.stat().st_size}
            manifest["files"][str(path.relative_to(aside))] = entry
        (aside / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        for path in aside.rglob("*"):
            if path.is_file():
                with open(path, "rb") as file:
                    os.fsync(file.fileno())
        os.rename(aside, root / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    octets = sum(entry["octets"] for entry in manifest["files"].values())
    seconds = time.monotonic() - began
    print(f"{root / name}: {octets / 1e6:.1f} MB from {node.name}, {seconds:.1f} s")
    return root / name


def free_name(root: Path, prefix: str) -> str:
    """The name of the present second; two backups of one second get two seconds."""
    while True:
        name = prefix + datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        if not (root / name).exists():
            return name
        time.sleep(0.1)


def source(cluster: Cluster, shell: Shell) -> Node:
    """The standby where there is a good one: the mother has enough to do."""
    now = plan.look(cluster, shell)
    for node in files.pair(cluster):
        if now.kind(node) == "standby" and now.mother:
            state = shell.run(node, "tiovivo-data state")
            if state.ok and is_current(state.out):
                return node
    if now.mother is None:
        raise UsageError(now.refusal)
    return cluster.node(now.mother)


def is_current(text: str) -> bool:
    try:
        state = json.loads(text)
    except ValueError:
        return False
    whole = state.get("received") == state.get("applied")
    return bool(state.get("receiving") and state.get("applying") and whole)


def database_name(cluster: Cluster) -> str:
    return (cluster.database or {}).get("name") or "application"


def fetch(shell: Shell, node: Node, command: str, target: Path) -> str:
    """Writes the command's output to a file; empty when all of it came, else why not."""
    with open(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
        return transfer(shell, node, command, TRANSFER_SECONDS, stdin=DEVNULL, stdout=out)


def transfer(shell: Shell, node: Node, command: str, seconds: int, **streams) -> str:
    """Runs a shell line on the node between two streams; empty when it went well, else why not."""
    quoted = command.replace("'", "'\\''")
    process = shell.popen(node, f"bash -c '{quoted}'", stderr=PIPE, **streams)
    try:
        _, errors = process.communicate(timeout=seconds)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"exit status {process.returncode}"
    return ""


def copy_secrets(source: Path, target: Path) -> None:
    """Without them a new cluster could not read its own sessions and tokens."""
    os.makedirs(target, mode=0o700)
    for path in sorted(source.glob("*")):
        if path.is_file() and path.name not in ("known_hosts", plan.MARK):
            shutil.copyfile(path, target / path.name)
            os.chmod(target / path.name, 0o600)


def checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def prune(root: Path, keep: int) -> None:
    """Only folders that this command made: with a manifest, and a date as their name."""
    made = sorted(path.parent for path in root.glob(f"2*Z/{MANIFEST}"))
    for path in made[:-keep]:
        shutil.rmtree(path)
        print(f"{path}: removed")


if __name__ == "__main__":
    inventory.run_main(main, PROGRAM)
