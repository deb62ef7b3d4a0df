"""The virtual address: taken for as long as this machine is the mother, never written to a file.

Before it is taken, the caller asks the network whether somebody has it (RFC 5227); after that, neighbours
are told (gratuitous ARP), because they would send to the old mother for minutes.
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import subprocess
import time
from pathlib import Path

from tiovivo_data.settings import Settings

ROUTES = Path("/proc/net/fib_trie")
ETHERTYPE_ARP = 0x0806
PROBES = 3
PROBE_WAIT_S = 0.15
BROADCAST = b"\xff" * 6


class AddressError(Exception):
    """Another machine has the address, or no interface can carry it."""


def interface(settings: Settings) -> str:
    """The interface of the private address."""
    for link, addresses in links():
        if settings.address in addresses:
            return link
    raise AddressError(f"no interface has the private address {settings.address}")


def is_held(settings: Settings) -> bool:
    """By the kernel's table of local routes: the watcher asks each second, without a process."""
    return is_local(ROUTES.read_text(), settings.mother_address)


def is_local(routes: str, address: str) -> bool:
    """In the table a leaf is a line with the address, and below it a line with its kind."""
    lines = [line.strip() for line in routes.splitlines()]
    pairs = itertools.pairwise(lines)
    return any(a == f"|-- {address}" and b == "/32 host LOCAL" for a, b in pairs)


def links() -> list[tuple[str, list[str]]]:
    output = command("ip", "-json", "-4", "address", "show")
    return [
        (link["ifname"], [entry["local"] for entry in link.get("addr_info", [])])
        for link in json.loads(output or "[]")
        if "ifname" in link
    ]


def take(settings: Settings) -> None:
    link = interface(settings)
    if not is_held(settings):
        command("ip", "address", "add", f"{settings.mother_address}/32", "dev", link)
    announce(settings)


def drop(settings: Settings) -> None:
    for link, addresses in links():
        if settings.mother_address in addresses:
            command("ip", "address", "del", f"{settings.mother_address}/32", "dev", link)


def ask_holder(link: str, address: str) -> str:
    """The hardware address of the machine that answers for `address`; empty when none does."""
    with open_raw(link) as raw:
        for _ in range(PROBES):
            raw.send(arp(1, hardware(raw), "0.0.0.0", b"\0" * 6, address))
            deadline = time.monotonic() + PROBE_WAIT_S
            while (left := deadline - time.monotonic()) > 0:
                raw.settimeout(left)
                try:
                    frame = raw.recv(1514)
                except TimeoutError:
                    break
                sender = holder_in(frame, address, hardware(raw))
                if sender:
                    return ":".join(f"{octet:02x}" for octet in sender)
    return ""


def announce(settings: Settings) -> None:
    """Tells the neighbours, as a request and as a reply: each is heeded by some systems alone."""
    with open_raw(interface(settings)) as raw:
        mine = hardware(raw)
        address = settings.mother_address
        raw.send(arp(1, mine, address, b"\0" * 6, address))
        raw.send(arp(2, mine, address, BROADCAST, address))


def open_raw(link: str) -> socket.socket:
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE_ARP))
    raw.bind((link, ETHERTYPE_ARP))
    return raw


def hardware(raw: socket.socket) -> bytes:
    return raw.getsockname()[4][:6]


def arp(operation: int, source: bytes, source_ip: str, target: bytes, target_ip: str) -> bytes:
    """A broadcast Ethernet frame with an ARP message (RFC 826)."""
    head = BROADCAST + source + struct.pack("!H", ETHERTYPE_ARP)
    kinds = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
    pair = source + socket.inet_aton(source_ip) + target + socket.inet_aton(target_ip)
    return head + kinds + pair


def holder_in(frame: bytes, address: str, mine: bytes) -> bytes:
    """The sender of an ARP message that claims `address`; empty for every other frame."""
    if len(frame) < 42 or frame[12:14] != struct.pack("!H", ETHERTYPE_ARP):
        return b""
    sender, sender_ip = frame[22:28], frame[28:32]
    if sender_ip != socket.inet_aton(address) or sender == mine:
        return b""
    return sender


def command(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False)
    if done.returncode != 0:
        raise AddressError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
