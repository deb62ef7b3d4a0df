"""What commands ask of the name servers: orders about a node, and whether they are well."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from tiovivo_deploy.dns_files import ETC, SECRETS
from tiovivo_deploy.inventory import Node
from tiovivo_deploy.ssh import Shell

TIOVIVO = "/usr/local/bin/tiovivo"
ORDER_SECONDS = 30
HEALTH_SECONDS = 15
STILL_ANSWERED = 3
NOTHING_TO_RELEASE = "is in force"


@dataclass(frozen=True)
class Drained:
    """What a name server said to an order of drain."""

    server: str
    in_force: bool
    # The node is answered all the same, as nobody else is left.
    still_answered: bool
    # Until when resolvers may send clients; None where it was not said.
    until: datetime | None
    said: str


def drain(shell: Shell, servers: list[Node], node: str, reason: str) -> list[Drained]:
    """Takes the node out of the answers of every name server."""
    command = [TIOVIVO, "drain", node, "--config", f"{ETC}/config.yaml"]
    command += ["--token-file", f"{SECRETS}/token", "--reason", reason]
    results = shell.run_all(servers, command, timeout=ORDER_SECONDS)
    return [
        Drained(
            result.node.name,
            result.status in (0, STILL_ANSWERED),
            result.status == STILL_ANSWERED,
            find_time(result.out),
            result.out.strip() if result.status in (0, STILL_ANSWERED) else result.reason,
        )
        for result in results
    ]


def release(shell: Shell, servers: list[Node], node: str) -> list[str]:
    """Takes the order back; the names of servers that did not take it."""
    command = [TIOVIVO, "release", node, "--config", f"{ETC}/config.yaml"]
    command += ["--token-file", f"{SECRETS}/token"]
    results = shell.run_all(servers, command, timeout=ORDER_SECONDS)
    return [
        result.node.name
        for result in results
        if not result.ok and NOTHING_TO_RELEASE not in result.err + result.out
    ]


def find_time(text: str) -> datetime | None:
    """The latest time of RFC 3339 in the text."""
    found = re.findall(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)
    return (
        datetime.strptime(max(found), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) if found else None
    )


def unwell(shell: Shell, servers: list[Node]) -> dict[str, str]:
    """Servers that do not answer as they should: name to reason."""
    command = [TIOVIVO, "health", "--config", f"{ETC}/config.yaml"]
    results = shell.run_all(servers, command, timeout=HEALTH_SECONDS)
    return {result.node.name: result.reason for result in results if not result.ok}


def versions(shell: Shell, servers: list[Node]) -> dict[str, str]:
    results = shell.run_all(servers, [TIOVIVO, "--version"], timeout=HEALTH_SECONDS)
    return {
        result.node.name: result.out.strip().removeprefix("tiovivo ") if result.ok else "?"
        for result in results
    }
