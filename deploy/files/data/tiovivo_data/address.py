"""The virtual address: taken for as long as this machine is the mother, never written to a file.

Before it is taken, the caller asks the network whether somebody has it (RFC 5227); after that, neighbours
are told (gratuitous ARP), because they would send to the old mother for minutes.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import socket
import struct
import time
from pathlib import Path

from tiovivo_data.settings import Settings

ROUTES = Path("/proc/net/fib_trie")
NETLINK_ROUTE, RTM_NEWADDR, RTM_DELADDR = 0, 20, 21
NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE = 1, 4, 0x400
IFA_ADDRESS, IFA_LOCAL = 1, 2
SIOCGIFADDR = 0x8915
NETLINK_S = 5.0
ETHERTYPE_ARP = 0x0806
PROBES = 3
PROBE_WAIT_S = 0.15
BROADCAST = b"\xff" * 6


class AddressError(Exception):
    """Another machine has the address, or no interface can carry it."""


def interface(settings: Settings) -> str:
    """The interface of the private address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, link in socket.if_nameindex():
            request = struct.pack("256s", link.encode())
            try:
                reply = fcntl.ioctl(probe, SIOCGIFADDR, request)
            except OSError:
                continue  # it has no IPv4 address
            if socket.inet_ntoa(reply[20:24]) == settings.address:
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


def take(settings: Settings) -> None:
    if not is_held(settings):
        change(RTM_NEWADDR, NLM_F_CREATE, interface(settings), settings.mother_address)
    announce(settings)


def drop(settings: Settings) -> None:
    if is_held(settings):
        change(RTM_DELADDR, 0, interface(settings), settings.mother_address)


def change(kind: int, flags: int, link: str, address: str) -> None:
    """Asks the kernel by netlink (rtnetlink(7)): no program has to be started in a hurry."""
    octets = socket.inet_aton(address)
    body = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, socket.if_nametoindex(link))
    for attribute in (IFA_LOCAL, IFA_ADDRESS):
        body += struct.pack("=HH4s", 8, attribute, octets)
    length = 16 + len(body)
    head = struct.pack("=IHHII", length, kind, NLM_F_REQUEST | NLM_F_ACK | flags, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as kernel:
        kernel.settimeout(NETLINK_S)
        kernel.send(head + body)
        reply = kernel.recv(4096)
    number = -struct.unpack_from("=i", reply, 16)[0]
    if number not in (0, errno.EEXIST, errno.EADDRNOTAVAIL):
        raise AddressError(f"{address} on {link}: {os.strerror(number)}")


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
