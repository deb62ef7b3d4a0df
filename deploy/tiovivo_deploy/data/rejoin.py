"""deploy/rejoin: an old mother, or a machine with a new disk, becomes the standby by a fresh copy."""

import argparse
import sys
import time

from tiovivo_deploy import inventory
from tiovivo_deploy.data import files, plan
from tiovivo_deploy.inventory import Cluster, Node, UsageError
from tiovivo_deploy.ssh import Shell
from tiovivo_deploy.summary import printable

PROGRAM = "deploy/rejoin"
COPY_SECONDS = 6 * 3600


def main() -> int:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Makes NODE the standby: what its database has is thrown away, and copied anew.",
    )
    inventory.add_arguments(parser)
    parser.add_argument("node", help="mother or standby of config.yaml, that is not the mother now")
    arguments = parser.parse_args()
    cluster = inventory.load(arguments)
    shell = Shell(cluster)
    try:
        return rejoin(cluster, shell, cluster.node(arguments.node))
    finally:
        shell.close()


def rejoin(cluster: Cluster, shell: Shell, node: Node) -> int:
    began = time.monotonic()
    other = files.peer(cluster, node) if node in files.pair(cluster) else None
    if other is None:
        raise UsageError(f"{node.name} is no machine of a pair of mother and standby")
    now = plan.look(cluster, shell)
    refusal = why_not(now, node, other)
    if refusal:
        print(f"{PROGRAM}: {refusal}", file=sys.stderr)
        return 1
    mother = now.standings[other.name]
    steps = [
        (node, f"tiovivo-data join {mother.epoch} {mother.since}"),
        (other, "tiovivo-data send"),
        (node, "tiovivo-data joined"),
    ]
    for machine, command in steps:
        done = shell.run(machine, command, timeout=COPY_SECONDS)
        for line in done.out.splitlines():
            print(f"{machine.name}: {printable(line)}")
        if not done.ok:
            words = printable(done.err.strip() or done.reason, 2000)
            print(f"{PROGRAM}: {machine.name}: {words}", file=sys.stderr)
            print(f"{node.name} is no standby yet: run {PROGRAM} again", file=sys.stderr)
            return 1
    print(f"{node.name} is the standby of {other.name}, {time.monotonic() - began:.1f} s")
    return 0


def why_not(now: plan.Plan, node: Node, other: Node) -> str:
    mine, theirs = now.standings[node.name], now.standings[other.name]
    if mine.kind == "silent":
        return f"{node.name} does not answer"
    if mine.holds_address:
        return f"{node.name} is the mother: it has her address"
    if now.mother != other.name or theirs.kind != "mother":
        return now.refusal or f"{other.name} is not the mother now: it is {theirs.kind}"
    if not theirs.holds_address:
        return f"{other.name} was the mother and serves nobody: deploy/promote {other.name} first"
    return ""


if __name__ == "__main__":
    inventory.run_main(main, PROGRAM)
