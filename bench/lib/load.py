"""dnsperf as the load, and what a server's processors spent on it."""
import re
import subprocess
from dataclasses import dataclass

from lib import procs

# Each has a port of its own.
CLIENTS = 16
OUTSTANDING = 128
# A query without a reply by then is lost.
PATIENCE = 1


@dataclass
class Load:
    completed: int
    lost: int
    cpu: float
    """Microseconds of a core, for each reply."""
    rate: float
    """Replies a second."""


def load(server, address, file, seconds, rate=None, outstanding=OUTSTANDING, clients=CLIENTS):
    """`rate` queries a second; without it as many as the server or dnsperf's own core can do."""
    command = ["taskset", "--cpu-list", str(procs.GENERATOR_CORE), "dnsperf", "-B", "-d", file,
               "-s", address[0], "-p", str(address[1]), "-l", str(seconds), "-c", str(clients),
               "-T", "1", "-q", str(outstanding), "-t", str(PATIENCE)]
    if rate:
        command += ["-Q", str(rate)]
    before = server.cpu()
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = server.cpu() - before
    number = lambda what: float(re.search(rf"{what}:\s+([\d.]+)", output).group(1))
    completed = int(number("Queries completed"))
    return Load(completed, int(number("Queries lost")), spent / 1000 / max(1, completed),
                number("Queries per second"))
