"""deploy/upgrade: brings a new tiovivo to the name servers, one after another. While one restarts the
others answer; when it does not come back well, it gets its program from before, and the rest are left as
they are."""

# ruff: noqa: I001 - up replaces the sockets of the library before anybody else imports them
from tiovivo_deploy import up

import argparse
import sys

from tiovivo_deploy import inventory, name_servers
from tiovivo_deploy.inventory import UsageError
from tiovivo_deploy.ssh import Shell

PROGRAM = "deploy/upgrade"


def main() -> int:
    arguments = parse_arguments()
    cluster = inventory.load(arguments)
    servers = inventory.select(cluster, arguments.only or ["dns"])
    if {node.role for node in servers} != {"dns"}:
        raise UsageError("--only names a node that is no name server")
    program = inventory.find_tiovivo(arguments.tiovivo)
    shell = Shell(cluster)
    try:
        before = name_servers.versions(shell, servers)
        for node in servers:
            others = [other for other in cluster.with_role("dns") if other != node]
            unwell = name_servers.unwell(shell, others)
            if len(unwell) == len(others) and not arguments.alone:
                reasons = "; ".join(f"{name}: {reason}" for name, reason in unwell.items())
                print(
                    f"{node.name} is left as it is: no other name server would answer meanwhile"
                    f" ({reasons or 'there is none'}); --alone upgrades it all the same",
                    file=sys.stderr,
                )
                return 1
            if not upgrade(cluster, node, program):
                return 1
        after = name_servers.versions(shell, servers)
    finally:
        shell.close()
    for name in after:
        print(f"{name}: tiovivo {before[name]}, now {after[name]}")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    inventory.add_arguments(parser)
    parser.add_argument("--only", action="append", default=[], metavar="NODE", help="these servers")
    parser.add_argument(
        "--alone", action="store_true", help="also when no other name server answers meanwhile"
    )
    return parser.parse_args()


def upgrade(cluster, node, program: str) -> bool:
    with up.Lock(cluster):
        outcomes, report = up.install(cluster, [node], program, dry=False, neighbours=False)
    return report.close(outcomes, PROGRAM)


if __name__ == "__main__":
    inventory.run_main(main, PROGRAM)
