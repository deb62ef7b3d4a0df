"""deploy/rollback [N]: makes an older release current again, by the same switch. Migrations stay: they
only add, so the older code runs with them."""

import argparse
import sys
import time

from tiovivo_deploy import inventory
from tiovivo_deploy.inventory import UsageError
from tiovivo_deploy.release import nodes, switch
from tiovivo_deploy.release.nodes import Mother, ReleaseFailed
from tiovivo_deploy.ssh import Shell
from tiovivo_deploy.summary import Report

PROGRAM = "deploy/rollback"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Makes an older release current again."
    )
    inventory.add_arguments(parser)
    parser.add_argument("release", nargs="?", help="its number; the one before the current release")
    arguments = parser.parse_args()
    cluster = inventory.load(arguments)
    if cluster.application is None:
        raise UsageError(f"{cluster.config}: deploy.application is missing")
    report = Report(node.name for node in cluster.nodes)
    shell = Shell(cluster)
    began = time.monotonic()
    try:
        mother = Mother(nodes.find_mother(cluster, shell), shell)
        there = mother.order("look")
        release = choose(there["releases"], there["current"], arguments.release)
        fleet = switch.Fleet(cluster, shell, mother, report)
        switch.roll_out(fleet, release, there["current"])
    except ReleaseFailed as failure:
        report.block(failure.lines)
        report.say(f"FAILED: {failure}")
        return 1
    finally:
        shell.close()
    report.say(f"release {release} serves everywhere, {time.monotonic() - began:.1f} s")
    return 0


def choose(releases: list[str], current: str | None, wanted: str | None) -> str:
    """The release to go back to."""
    have = f"there are {', '.join(releases)}" if releases else "there are none"
    if wanted:
        if wanted not in releases:
            raise UsageError(f"there is no release {wanted}; {have}")
        return wanted
    older = [n for n in releases if current and int(n) < int(current)]
    if not older:
        raise UsageError(f"there is no release before {current or 'the first'}; {have}")
    return older[-1]


if __name__ == "__main__":
    sys.exit(inventory.run_main(main, PROGRAM))
