"""Who looks for slow answers while something happens."""
import collections
import os
import time
from dataclasses import dataclass

from lib import procs, wire
from lib.record import Record

# Seconds between two questions.
PAUSE = 0.0005
# An answer within so many seconds is not looked into.
QUICK = 0.0005
# Milliseconds that are worth the name of who had them.
TOLD = 1.5


class Watch:
    """Asks one question after the other of a server that has a core for itself."""

    def __init__(self, server, address, message):
        self.asker, self.message = wire.Asker(address), message
        self.reply, self.slow = b"", []
        self.record = Record(procs.SERVER_CORE, answering(server.pids()[-1]))

    def look(self):
        sent, received, self.reply = self.asker.exchange(self.message)
        if received - sent > QUICK:
            # The record has another clock.
            ahead = time.time() - time.monotonic()
            self.slow.append((sent - ahead, received - ahead))
        time.sleep(PAUSE)

    def for_seconds(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
        return self

    def is_serial(self, serial):
        """The serial is the first of the five numbers that end the reply."""
        return self.reply[-20:-16] == serial.to_bytes(4, "big")

    def end(self):
        """What the slowest answer took."""
        self.record.end()
        if not self.slow:
            return Slowest(QUICK * 1000, QUICK * 1000, collections.Counter())
        ran = {(sent, received): received - sent - self.record.host(sent, received)
               for sent, received in self.slow}
        worst = max(ran, key=ran.get)
        whole = max(received - sent for sent, received in self.slow)
        return Slowest(ran[worst] * 1000, whole * 1000, self.record.before(*worst))


@dataclass
class Slowest:
    """Milliseconds."""
    ran: float
    """Of the answer that was slowest but for the time in which the host did not run the core."""
    whole: float
    """Of the slowest one, whoever it waited for."""
    before: collections.Counter
    """Who had the core before the first, and for how many seconds."""

    def __str__(self):
        told = f"{self.ran:.2f} ({self.whole:.2f})"
        if self.before and self.ran > TOLD:
            [(name, took)] = self.before.most_common(1)
            told += f" after {name} {took * 1000:.1f}"
        return told


def answering(pid):
    """The thread that answers: the first called `udp-0`, or the only one."""
    threads = sorted(os.listdir(f"/proc/{pid}/task"), key=int)
    return int(next((thread for thread in threads if named(pid, thread) == "udp-0"), threads[0]))


def named(pid, thread):
    with open(f"/proc/{pid}/task/{thread}/comm") as file:
        return file.read().strip()
