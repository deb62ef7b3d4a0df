"""deploy/restore: puts a backup back onto the mother. What it replaces is backed up before.

The standby follows by itself: the database through replication, the media through lsyncd."""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from subprocess import DEVNULL

from tiovivo_deploy import inventory
from tiovivo_deploy.data import backup, plan
from tiovivo_deploy.inventory import Cluster, Node, UsageError
from tiovivo_deploy.ssh import Shell

PROGRAM = "deploy/restore"
RESTORE_SECONDS = 12 * 3600
# The old tables go before: a dump replaces those that it has, and would leave the others.
LOAD = (
    "set -eo pipefail; mariadb -e 'DROP DATABASE IF EXISTS `{database}`';"
    " gzip -dc | mariadb --default-character-set=utf8mb4; tiovivo-data prepare"
)
# The export's own folder stays, as clients hold on to it; only what is in it is replaced.
UNPACK = (
    "set -eo pipefail; rm -rf /srv/.media-restored; mkdir -m 700 /srv/.media-restored;"
    " gzip -dc | tar -C /srv/.media-restored --numeric-owner -xpf -;"
    " rsync -aHX --delete /srv/.media-restored/ /srv/media/; rm -rf /srv/.media-restored"
)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Puts a backup's database and media back onto the mother."
    )
    inventory.add_arguments(parser)
    parser.add_argument("folder", help="a folder that deploy/backup made")
    parser.add_argument(
        "--secrets",
        action="store_true",
        help="only put back the secrets that are missing beside config.yaml, before deploy/up",
    )
    parser.add_argument("--yes", action="store_true", help="replace what is there, without asking")
    arguments = parser.parse_args()
    cluster = inventory.load(arguments)
    folder = Path(arguments.folder)
    check(folder)
    if arguments.secrets:
        return restore_secrets(cluster, folder)
    if not arguments.yes and not confirm(cluster, folder):
        print("nothing was changed")
        return 1
    shell = Shell(cluster)
    try:
        return restore(cluster, shell, folder)
    finally:
        shell.close()


def check(folder: Path) -> None:
    """Every file of the manifest is there, as it was written."""
    try:
        manifest = json.loads((folder / backup.MANIFEST).read_text())
        entries = manifest["files"].items()
        if manifest["version"] != backup.VERSION:
            raise UsageError(f"{folder}: a backup of version {manifest['version']}, not 1")
        wrong = [
            name
            for name, entry in entries
            if not (folder / name).is_file() or backup.checksum(folder / name) != entry["sha256"]
        ]
    except FileNotFoundError as error:
        raise UsageError(f"{error.filename}: not there: is this a backup?") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{folder}: its manifest cannot be read: {error!r}") from None
    if wrong:
        raise UsageError(f"{folder}: damaged, nothing was changed: {', '.join(wrong)}")


def confirm(cluster: Cluster, folder: Path) -> bool:
    print(f"{folder} replaces the database {backup.database_name(cluster)} and all media.")
    try:
        return input("Type yes to go on: ").strip() == "yes"
    except EOFError:
        return False


def restore_secrets(cluster: Cluster, folder: Path) -> int:
    target = Path(cluster.folder) / "secrets"
    target.mkdir(mode=0o700, exist_ok=True)
    differ = []
    for path in sorted((folder / backup.SECRETS_FOLDER).iterdir()):
        place = target / path.name
        if not place.exists():
            place.touch(mode=0o600)
            shutil.copyfile(path, place)
            print(f"{place}: put back")
        elif place.read_bytes() != path.read_bytes():
            differ.append(str(place))
    for place in differ:
        print(f"{place}: another one is there, and was left", file=sys.stderr)
    return 1 if differ else 0


def restore(cluster: Cluster, shell: Shell, folder: Path) -> int:
    began = time.monotonic()
    now = plan.look(cluster, shell)
    if now.mother is None:
        raise UsageError(now.refusal)
    mother = cluster.node(now.mother)
    before = backup.backup(cluster, shell, folder.parent, prefix="before-restore-")
    if before is None:
        return 1
    load = LOAD.format(database=backup.database_name(cluster))
    for file, command in ((backup.DATABASE_FILE, load), (backup.MEDIA_FILE, UNPACK)):
        words = send(shell, mother, folder / file, command)
        if words:
            print(f"{PROGRAM}: {mother.name}: {file}: {words}", file=sys.stderr)
            print(f"what was there: {PROGRAM} {before}", file=sys.stderr)
            return 1
        print(f"{mother.name}: {file} is back, {time.monotonic() - began:.1f} s")
    return 0


def send(shell: Shell, node: Node, file: Path, command: str) -> str:
    """Gives the file to a command on the node; empty when it went well, else why not."""
    with open(file, "rb") as source:
        return backup.transfer(shell, node, command, RESTORE_SECONDS, stdin=source, stdout=DEVNULL)


if __name__ == "__main__":
    inventory.run_main(main, PROGRAM)
