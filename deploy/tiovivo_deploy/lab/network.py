"""The networks of a lab: which address is where, and the commands that make it so.

        client ──(198.19.0.0/30)── router ──┬── bridge "public":  a route for each public address
                                            └── bridge "private": one network for all nodes

The router is the lab's namespace itself, and `lab run` works from there, as the machine of the
person who administers the cluster would: it reaches both networks. The client reaches public
addresses only. Public addresses come from anywhere, so each has a route of its own and nodes reach
each other's through the router, as through the internet.
"""

import hashlib
import ipaddress
import re
from dataclasses import dataclass

from .errors import LabError
from .places import Places, run

# Benchmark networks (RFC 2544) and documentation prefixes: nobody's nodes are there.
ROUTER_V4 = "198.19.255.1"
ROUTER_V6 = "fe80::1"
CLIENT_V4, CLIENT_ROUTER_V4 = "198.19.0.2/30", "198.19.0.1/30"
CLIENT_V6, CLIENT_ROUTER_V6 = "2001:db8:ffff:ffff::2/64", "2001:db8:ffff:ffff::1/64"
CLIENT_TABLE = "100"
# Private networks are at least that wide, as a provider's would be.
WIDEST_PREFIX = {4: 24, 6: 64}


@dataclass(frozen=True)
class Networks:
    """What `lab up` makes; plain data that follows from the inventory alone."""

    # Interfaces in CIDR form for each node.
    public: dict[str, list[str]]
    private: dict[str, list[str]]
    # The router's own addresses in the private networks.
    control: list[str]


def plan(nodes: list[dict], mother_address: str | None) -> Networks:
    private = {node["name"]: node.get("private") or [] for node in nodes}
    wanted = [address for addresses in private.values() for address in addresses]
    if mother_address:
        wanted.append(mother_address)
    networks = {}
    for version in (4, 6):
        same = [a for a in map(ipaddress.ip_address, wanted) if a.version == version]
        if same:
            networks[version] = covering(same)
    control = [f"{free_address(net, wanted)}/{net.prefixlen}" for net in networks.values()]
    return Networks(
        public={
            node["name"]: [host_route(address) for address in node["addresses"]] for node in nodes
        },
        private={
            name: [
                f"{address}/{networks[ipaddress.ip_address(address).version].prefixlen}"
                for address in addresses
            ]
            for name, addresses in private.items()
        },
        control=control,
    )


def covering(addresses: list):
    """The smallest network that holds all addresses, and is no narrower than usual."""
    version = addresses[0].version
    net = ipaddress.ip_network((addresses[0], WIDEST_PREFIX[version]), strict=False)
    while not all(address in net for address in addresses):
        net = net.supernet()
    if net.prefixlen < 8:
        raise LabError(f"the private addresses have no common network: {net} would be needed")
    return net


def free_address(net, taken: list[str]):
    """The highest address that no node has."""
    address = net.broadcast_address - 1
    used = {ipaddress.ip_address(each) for each in taken}
    while address in used:
        address -= 1
    return address


def host_route(address: str) -> str:
    return f"{address}/{ipaddress.ip_address(address).max_prefixlen}"


def device(kind: str, node: str) -> str:
    """The interface of a node on the router's side: at most 15 characters, the same in each run."""
    return kind + hashlib.blake2s(node.encode(), digest_size=6).hexdigest()


def mac(lab: str, kind: str, node: str) -> str:
    """Machines keep their hardware address when they start again."""
    octets = hashlib.blake2s(f"{lab} {kind} {node}".encode(), digest_size=5).digest()
    return ":".join(f"{octet:02x}" for octet in b"\x02" + octets)


def make_router(places: Places, networks: Networks) -> None:
    name = places.namespace
    if name not in namespaces():
        run("ip", "netns", "add", name)
    lines = []
    have = links(name)
    for bridge in ("public", "private"):
        if bridge not in have:
            lines.append(f"link add {bridge} type bridge forward_delay 0 mcast_snooping 0")
        lines.append(f"link set {bridge} up")
    lines.append("link set lo up")
    lines.append(f"addr replace {ROUTER_V4}/32 dev public")
    lines.append(f"addr replace {ROUTER_V6}/64 dev public nodad")
    lines += [
        f"addr replace {address} dev private {nodad(address)}" for address in networks.control
    ]
    for addresses in networks.public.values():
        for address in addresses:
            lines.append(f"route replace {address} dev public")
            # The client's own table has the public addresses and nothing else.
            lines.append(f"route replace {address} dev public table {CLIENT_TABLE}")
    batch(name, lines)
    in_namespace(
        name,
        "sysctl",
        "-qw",
        "net.ipv4.ip_forward=1",
        "net.ipv6.conf.all.forwarding=1",
        "net.ipv4.conf.all.rp_filter=0",
        "net.ipv4.conf.all.send_redirects=0",
        "net.ipv4.conf.public.send_redirects=0",
        "net.ipv4.conf.public.rp_filter=0",
        "net.ipv4.conf.private.rp_filter=0",
    )


def make_client(places: Places) -> None:
    """A machine that is no node, behind a route that leads to public addresses only."""
    client, router = places.client_namespace, places.namespace
    if client not in namespaces():
        run("ip", "netns", "add", client)
    if "client" not in links(router):
        batch(router, [f"link add client type veth peer name uplink netns {client}"])
    batch(
        router,
        [
            f"addr replace {CLIENT_ROUTER_V4} dev client",
            f"addr replace {CLIENT_ROUTER_V6} dev client nodad",
            "link set client up",
            f"route replace unreachable default table {CLIENT_TABLE}",
            f"-6 route replace unreachable default table {CLIENT_TABLE}",
        ],
    )
    for family in ("-4", "-6"):
        if "iif client" not in run("ip", "-n", router, family, "rule", "show"):
            batch(router, [f"{family} rule add iif client lookup {CLIENT_TABLE}"])
    batch(
        client,
        [
            "link set lo up",
            f"addr replace {CLIENT_V4} dev uplink",
            f"addr replace {CLIENT_V6} dev uplink nodad",
            "link set uplink up",
            f"route replace default via {CLIENT_ROUTER_V4.split('/')[0]}",
            f"-6 route replace default via {CLIENT_ROUTER_V6.split('/')[0]}",
        ],
    )


def plug(places: Places, node: str, plugged: bool = True) -> None:
    """Puts the cables of a node into the switches, or pulls them out. Its links stay up: a cable
    that is pulled far away is not seen by the machine itself."""
    have = links(places.namespace)
    lines = []
    for kind, bridge in (("p", "public"), ("q", "private")):
        if (name := device(kind, node)) in have:
            lines.append(
                f"link set {name} master {bridge}" if plugged else f"link set {name} nomaster"
            )
    batch(places.namespace, lines)


def is_plugged(places: Places, node: str) -> bool:
    shown = run("ip", "-n", places.namespace, "-o", "link", "show", check=False)
    mine = {device(kind, node) for kind in "pq"}
    lines = [
        line for line in shown.splitlines() if line.split()[1].split("@")[0].rstrip(":") in mine
    ]
    return bool(lines) and all(" master " in line for line in lines)


def remove(places: Places) -> None:
    """The router, the client and the containers; taps and bridges go with them."""
    mine = re.compile(re.escape(places.namespace) + r"(-client|-n[0-9a-f]{12})?")
    for name in namespaces():
        if mine.fullmatch(name):
            run("ip", "netns", "del", name)


def namespaces() -> set[str]:
    return {line.split()[0] for line in run("ip", "netns", "list").splitlines() if line}


def links(namespace: str) -> set[str]:
    shown = run("ip", "-n", namespace, "-o", "link", "show", check=False)
    return {line.split()[1].split("@")[0].rstrip(":") for line in shown.splitlines()}


def nodad(address: str) -> str:
    return "nodad" if ":" in address else ""


def batch(namespace: str, lines: list[str]) -> None:
    """Many `ip` commands in one process."""
    if not lines:
        return
    # Within a batch a line cannot choose its family: one process for each.
    for family in ("-4", "-6"):
        chosen = [line.removeprefix(family).strip() for line in lines if family_of(line) == family]
        if chosen:
            run("ip", family, "-n", namespace, "-batch", "-", input="\n".join(chosen) + "\n")


def family_of(line: str) -> str:
    if line.startswith("-6"):
        return "-6"
    words = line.split()
    return "-6" if words[0] in ("addr", "route") and any(":" in word for word in words) else "-4"


def in_namespace(namespace: str, *command) -> str:
    return run("nsenter", f"--net=/run/netns/{namespace}", "--", *command)
