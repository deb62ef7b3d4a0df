"""DNS messages: the fixed mix of questions, and what of a reply is looked at."""
import random
import socket
import struct
import time

ZONE = "midominio.com"
TYPES = {"A": 1, "NS": 2, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28}
# OPT with room for 1232 octets (RFC 6891).
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
# Whole at the dnsperf and the callgrind side: long enough that names that do not exist differ.
MIX_LENGTH = 20_000


def name_on_wire(name):
    labels = [label for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def query(name, rtype, edns, ident=0):
    head = struct.pack(">6H", ident, 0, 1, 0, 0, 1 if edns else 0)
    question = name_on_wire(name) + struct.pack(">2H", TYPES[rtype], 1)
    return head + question + (OPT if edns else b"")


def mix(zone=ZONE):
    """What a resolver asks of such a zone, half of it with EDNS. The same in every run: only
    `random()` of a seeded generator is used, which Python promises to keep.

    | of 100 | question |
    |---|---|
    | 70 | A of a pool's name |
    | 10 | AAAA of it: NODATA |
    | 5, 5 | NS, SOA of the apex |
    | 8 | A of a name that does not exist |
    | 2 | MX or TXT of a pool's name: NODATA |
    """
    draw = random.Random(20261125).random
    pick = lambda items: items[int(draw() * len(items))]
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    names = [zone, "www." + zone]
    queries = []
    for _ in range(MIX_LENGTH):
        kind = draw()
        if kind < 0.70:
            name, rtype = pick(names), "A"
        elif kind < 0.80:
            name, rtype = pick(names), "AAAA"
        elif kind < 0.85:
            name, rtype = zone, "NS"
        elif kind < 0.90:
            name, rtype = zone, "SOA"
        elif kind < 0.98:
            label = "".join(pick(letters) for _ in range(5 + int(draw() * 10)))
            name, rtype = f"{label}.{zone}", "A"
        else:
            name, rtype = pick(names), pick(["MX", "TXT"])
        queries.append(query(name, rtype, edns=draw() < 0.5))
    return queries


def write_for_dnsperf(path, queries):
    """The form of `dnsperf -B`: each message behind its length."""
    with open(path, "wb") as file:
        for message in queries:
            file.write(struct.pack(">H", len(message)) + message)


def ask(address, message, timeout=0.5):
    """One exchange over UDP: the reply, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        try:
            # Connected, the socket hears at once that nobody is there yet.
            sock.connect(address)
            sock.send(message)
            return sock.recv(4096)
        except OSError:
            return None


class Asker:
    """Exchanges between two time stamps of the kernel, so that the asker's own waiting for a core
    is not counted."""
    SO_RCVBUFFORCE = 33
    SO_TIMESTAMPING = 37
    # Of what is sent and of what is received, by the kernel, and without the message again.
    STAMPS = 2 | 8 | 16 | 2048
    # Seconds. The kernel stamps what comes some time after the first socket has asked for it.
    STAMPED_AFTER = 0.1

    def __init__(self, address):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, self.SO_TIMESTAMPING, self.STAMPS)
        self.sock.setsockopt(socket.SOL_SOCKET, self.SO_RCVBUFFORCE, 16 << 20)
        self.sock.settimeout(1)
        self.sock.connect(address)
        time.sleep(self.STAMPED_AFTER)

    def exchange(self, message):
        """When it was sent and when the reply came (seconds of the clock of the day), and the reply."""
        self.sock.send(message)
        _, sent, _, _ = self.sock.recvmsg(0, 128, socket.MSG_ERRQUEUE)
        reply, received, _, _ = self.sock.recvmsg(2048, 128)
        return moment(sent), moment(received), reply

    def send(self, ident, message):
        self.sock.send(ident.to_bytes(2, "big") + message[2:])

    def collect(self, seconds):
        """How many different queries are answered until nothing comes for so long."""
        self.sock.settimeout(seconds)
        idents = set()
        try:
            while True:
                idents.add(self.sock.recv(2048)[:2])
        except OSError:
            return len(idents)


def moment(control):
    """The time stamp among what came with a message."""
    seconds, nanoseconds = struct.unpack_from("qq", control[0][2])
    return seconds + nanoseconds / 1e9


def addresses(reply):
    """The A records of a reply whose owners are pointers or names, in order."""
    found, at = [], skip_name(reply, 12) + 4
    for _ in range(struct.unpack_from(">H", reply, 6)[0]):
        at = skip_name(reply, at)
        rtype, _, _, length = struct.unpack_from(">HHIH", reply, at)
        at += 10
        if rtype == 1:
            found.append(socket.inet_ntoa(reply[at:at + 4]))
        at += length
    return found


def skip_name(message, at):
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += message[at] + 1
    return at + 1
