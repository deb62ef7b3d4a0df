"""deploy/remove NODE: takes a node out of the rotation, waits until resolvers send nobody any more and its
last visitors have gone, stops what it serves, and takes it out of config.yaml and of the other nodes."""

# ruff: noqa: I001 - up replaces the sockets of the library before anybody else imports them
from tiovivo_deploy import up

import argparse
import sys
import time

from tiovivo_deploy import config_file, draining, inventory, name_servers
from tiovivo_deploy.inventory import Cluster, Node, UsageError
from tiovivo_deploy.ssh import Shell

PROGRAM = "deploy/remove"
STOP_SECONDS = 120
# A name server reads a new configuration within this time.
RELOAD_SECONDS = 3
UNITS = {
    "child": ["nginx", "tiovivo-files", "tiovivo-app"],
    "worker": ["tiovivo-celery"],
    "dns": ["tiovivo"],
}


def main() -> int:
    arguments = parse_arguments()
    cluster = inventory.load(arguments)
    if is_half_removed(cluster, arguments.node):
        print(f"{arguments.node} has left {cluster.config} before; the other nodes are told")
        return finish(arguments)
    node = cluster.node(arguments.node)
    if node.role not in UNITS:
        raise UsageError(
            f"{node.name} is the {node.role}: it can be replaced by deploy/promote, not removed"
        )
    if len(cluster.with_role(node.role)) == 1 and not arguments.last:
        raise UsageError(f"{node.name} is the last {node.role}; --last removes it all the same")
    edited = config_file.without_node(cluster.config, node.name)
    shell = Shell(cluster)
    try:
        if node.role == "child" and not draining.drain(
            shell, cluster, node, PROGRAM, arguments.now
        ):
            return 1
        stop(shell, node)
    finally:
        shell.close()
    config_file.replace(cluster.config, edited)
    print(f"{node.name} is out of {cluster.config}; the file as it was: {cluster.config}.before")
    return finish(arguments)


def is_half_removed(cluster: Cluster, name: str) -> bool:
    """Whether a run that was interrupted took it out of config.yaml, and told nobody yet."""
    if any(node.name == name for node in cluster.nodes):
        return False
    try:
        config_file.without_node(config_file.before(cluster.config), name)
    except UsageError:
        return False
    return True


def finish(arguments: argparse.Namespace) -> int:
    arguments.inventory = None
    after = tell_others(arguments)
    return release(after, arguments.node) if after else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    inventory.add_arguments(parser)
    parser.add_argument("node", metavar="NODE")
    parser.add_argument("--now", action="store_true", help="do not wait for the last visitors")
    parser.add_argument("--last", action="store_true", help="also when it is the last of its role")
    return parser.parse_args()


def stop(shell: Shell, node: Node) -> None:
    units = " ".join(f"{unit}.service" for unit in UNITS[node.role])
    result = shell.run(node, f"systemctl --quiet disable --now {units}", timeout=STOP_SECONDS)
    print(
        f"{node.name}: what it served is stopped"
        if result.ok
        else f"{node.name}: nothing could be stopped there ({result.reason})"
    )


def tell_others(arguments: argparse.Namespace) -> Cluster | None:
    """The name servers forget the node, the mother exports nothing to it, the firewalls close."""
    cluster = inventory.load(arguments)
    with up.Lock(cluster):
        outcomes, report = up.install(cluster, [], "", dry=False)
    return cluster if report.close(outcomes, "deploy/up") else None


def release(cluster: Cluster, name: str) -> int:
    """The order of drain outlives the node: another one of its name would never be answered."""
    time.sleep(RELOAD_SECONDS)
    shell = Shell(cluster)
    try:
        refused = name_servers.release(shell, cluster.with_role("dns"), name)
    finally:
        shell.close()
    for server in refused:
        print(f"{server}: its drain of {name} stays: tiovivo release {name}", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    inventory.run_main(main, PROGRAM)
