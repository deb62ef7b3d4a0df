"""deploy/manage COMMAND…: a Django command of the current release, on the mother, with this terminal."""

import argparse
import shlex
import sys

from tiovivo_deploy import inventory
from tiovivo_deploy.inventory import UsageError
from tiovivo_deploy.release import nodes
from tiovivo_deploy.release.nodes import TOOLS, ReleaseFailed
from tiovivo_deploy.ssh import Shell

PROGRAM = "deploy/manage"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Runs a Django command of the current release on the mother."
    )
    inventory.add_arguments(parser)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="as for manage.py")
    arguments = parser.parse_args()
    if not arguments.command:
        parser.error("name a command, such as: createsuperuser")
    cluster = inventory.load(arguments)
    if cluster.application is None:
        raise UsageError(f"{cluster.config}: deploy.application is missing")
    shell = Shell(cluster)
    try:
        mother = nodes.find_mother(cluster, shell)
        # As the user of the application: what it writes must be the application's.
        words = ["runuser", "-u", "www-data", "--", "/usr/bin/python3", f"{TOOLS}/manage.py"]
        return shell.interactive(mother, shlex.join([*words, *arguments.command]))
    except ReleaseFailed as failure:
        print(f"{PROGRAM}: {failure}", file=sys.stderr)
        return 1
    finally:
        shell.close()


if __name__ == "__main__":
    sys.exit(inventory.run_main(main, PROGRAM))
