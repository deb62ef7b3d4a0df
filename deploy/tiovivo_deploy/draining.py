"""Takes a child out of the rotation, and waits until nobody comes any more."""

import re
import sys
import time
from datetime import UTC, datetime

from tiovivo_deploy import name_servers
from tiovivo_deploy.inventory import Cluster, Node
from tiovivo_deploy.ssh import TIMED_OUT, UNREACHABLE, Shell

SECONDS_BETWEEN = 5
# Beyond the time that the name servers say, for visitors who are still connected.
VISITORS_SECONDS = 120
LOOK_SECONDS = 15


def drain(shell: Shell, cluster: Cluster, node: Node, reason: str, now: bool) -> bool:
    """Whether the node may be stopped: every name server took the order, and nobody comes any more."""
    servers = cluster.with_role("dns")
    drained = name_servers.drain(shell, servers, node.name, reason)
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
    return now or await_visitors(shell, cluster, node, until)


def await_visitors(shell: Shell, cluster: Cluster, node: Node, until: datetime) -> bool:
    """Shows the end that is waited for; bounded, since a client may keep its connection for ever."""
    end = until.timestamp() + VISITORS_SECONDS
    while True:
        left = until.timestamp() - time.time()
        result = shell.run(node, connections(cluster), timeout=LOOK_SECONDS)
        said = result.out.strip()
        count = int(said) if said.isdecimal() else 0
        if result.status in (UNREACHABLE, TIMED_OUT):
            print(f"{node.name} does not answer: nobody is served there")
            return True
        if left <= 0 and count == 0:
            print(f"{node.name}: no visitor is left")
            return True
        if time.time() >= end:
            print(f"{node.name}: {count} connections stay open; they are ended now")
            return True
        wait = f"resolvers may send clients for {left:.0f} s" if left > 0 else "they send nobody"
        print(f"{node.name}: {wait}; {count} connections are open", flush=True)
        time.sleep(min(SECONDS_BETWEEN, max(1, left)) if left > 0 else SECONDS_BETWEEN)


def connections(cluster: Cluster) -> str:
    """Counts the connections of visitors: to the web ports, from neither this machine nor a name
    server, which goes on probing it."""
    servers = [text for node in cluster.with_role("dns") for text in node.addresses + node.private]
    peers = "|".join(re.escape(text) for text in ["127.0.0.1", "::1", *servers])
    return (
        "ss -Htn state established '( sport = :80 or sport = :443 )'"
        f" | awk '{{ print $4 }}' | grep -vcE '^\\[?(::ffff:)?({peers})\\]?:'; true"
    )
