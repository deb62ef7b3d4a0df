"""deploy/remove NODE: takes a node out of the rotation, waits until resolvers send nobody any more and its
last visitors have gone, stops what it serves, and takes it out of config.yaml and of the other nodes."""

# ruff: noqa: I001 - up replaces the sockets of the library before anybody else imports them
from tiovivo_deploy import up

import argparse
import sys
import time
from datetime import UTC, datetime

from tiovivo_deploy import config_file, inventory, name_servers
from tiovivo_deploy.inventory import Cluster, Node, UsageError
from tiovivo_deploy.ssh import Shell

PROGRAM = "deploy/remove"
SECONDS_BETWEEN = 5
# Beyond the time that the name servers say, for visitors who are still connected.
VISITORS_SECONDS = 120
LOOK_SECONDS = 15
STOP_SECONDS = 120
# A name server reads a new configuration within this time.
RELOAD_SECONDS = 3
UNITS = {
    "child": ["nginx", "tiovivo-files", "tiovivo-app"],
    "worker": ["tiovivo-celery"],
    "dns": ["tiovivo"],
}
# Connections of visitors: to the web ports, and not from this machine.
CONNECTIONS = (
    "ss -Htn state established '( sport = :80 or sport = :443 )' | grep -vc -e 127.0.0.1 -e '\\[::1\\]'"
    "; true"
)


def main() -> int:
    arguments = parse_arguments()
    cluster = inventory.load(arguments)
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
        if node.role == "child" and not drain(shell, cluster, node, arguments.now):
            return 1
        stop(shell, node)
    finally:
        shell.close()
    config_file.replace(cluster.config, edited)
    print(f"{node.name} is out of {cluster.config}; the file as it was: {cluster.config}.before")
    arguments.inventory = None
    after = tell_others(arguments)
    if after is None:
        return 1
    return release(after, node) if node.role == "child" else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    inventory.add_arguments(parser)
    parser.add_argument("node", metavar="NODE")
    parser.add_argument("--now", action="store_true", help="do not wait for the last visitors")
    parser.add_argument("--last", action="store_true", help="also when it is the last of its role")
    return parser.parse_args()


def drain(shell: Shell, cluster: Cluster, node: Node, now: bool) -> bool:
    """Whether the node may be stopped: every name server took the order, and nobody comes any more."""
    servers = cluster.with_role("dns")
    drained = name_servers.drain(shell, servers, node.name, f"{PROGRAM} {node.name}")
    for order in drained:
        print(f"{order.server}: {order.said}")
    refused = [order.server for order in drained if not order.in_force]
    answered = [order.server for order in drained if order.still_answered]
    if refused or answered:
        name_servers.release(shell, servers, node.name)
        why = (
            f"{', '.join(refused)} did not take the order"
            if refused
            else f"{', '.join(answered)} would go on answering it, as nobody else serves"
        )
        print(f"{node.name} stays: {why}", file=sys.stderr)
        return False
    until = max((order.until for order in drained if order.until), default=datetime.now(UTC))
    return now or await_visitors(shell, node, until)


def await_visitors(shell: Shell, node: Node, until: datetime) -> bool:
    """Shows the end that is waited for; bounded, since a client may keep its connection for ever."""
    end = until.timestamp() + VISITORS_SECONDS
    while True:
        left = until.timestamp() - time.time()
        result = shell.run(node, CONNECTIONS, timeout=LOOK_SECONDS)
        open_now = (
            int(result.out.strip() or 0) if result.ok and result.out.strip().isdecimal() else 0
        )
        if not result.reached:
            print(f"{node.name} does not answer: nobody is served there")
            return True
        if left <= 0 and open_now == 0:
            print(f"{node.name}: no visitor is left")
            return True
        if time.time() >= end:
            print(f"{node.name}: {open_now} connections stay open; they are ended now")
            return True
        wait = (
            f"resolvers may send clients for {left:.0f} s" if left > 0 else "resolvers send nobody"
        )
        print(f"{node.name}: {wait}; {open_now} connections are open")
        time.sleep(min(SECONDS_BETWEEN, max(1, left)) if left > 0 else SECONDS_BETWEEN)


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


def release(cluster: Cluster, node: Node) -> int:
    """The order of drain outlives the node: another one of its name would never be answered."""
    time.sleep(RELOAD_SECONDS)
    shell = Shell(cluster)
    try:
        refused = name_servers.release(shell, cluster.with_role("dns"), node.name)
    finally:
        shell.close()
    for name in refused:
        print(
            f"{name}: its drain of {node.name} stays: tiovivo release {node.name}", file=sys.stderr
        )
    return 1 if refused else 0


if __name__ == "__main__":
    inventory.run_main(main, PROGRAM)
