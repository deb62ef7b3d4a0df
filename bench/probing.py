#!/usr/bin/env python3
"""probing.py: what it costs to check many nodes, and whether answers feel it.

| shown | how |
|---|---|
| share of a core | the server's threads on a processor, by the kernel's account, while every node is probed each second |
| latency of answers | of questions at 1,000 a second, from sending to the kernel's time stamp of the reply, by turns with probing and without, the server on one core and on two |
| bursts | most probes that reach the nodes in any 10 ms, the server's start included |

Otherwise the server has core 0; the nodes and the questions have core 1.
"""
import argparse
import json
import os
import statistics
import sys
import tempfile
import time

from lib import plot, procs, servers, wire

SIZES = [100, 300, 1000]
# What the server is held to with the most nodes (per cent of a core, of the probes).
CORE_LIMIT = {"http": 20.0, "tcp": 10.0}
BURST_LIMIT = 5.0
SETTLE, MEASURE = 3, 6
TURNS, QUESTIONS, PACE = 3, 3000, 0.001


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--install", action="store_true", help="install the packages needed")
    parser.add_argument("--plot", help="write the shares of a core as SVG")
    options = parser.parse_args()
    procs.need(["ip", "taskset"], [], options.install)
    procs.enter_namespace()
    os.sched_setaffinity(0, {procs.GENERATOR_CORE})
    with procs.Folder() as folder:
        shares = {kind: [probe(folder, kind, size) for size in SIZES] for kind in CORE_LIMIT}
        latency = answers(folder)
    kept = tell(shares, latency)
    if options.plot:
        plot.lines(options.plot, "Processor time for checking nodes",
                   procs.stamp("probing.py"),
                   {kind: [(size, share) for size, share, _ in row]
                    for kind, row in shares.items()}, "nodes, each probed every second", "% of a core")
    sys.exit(0 if kept else 1)


class Site:
    """A server and the nodes that it probes."""

    def __init__(self, folder, kind, size, every=1.0, core=procs.SERVER_CORE):
        members = [servers.node_address(index) for index in range(size)]
        # A pool of more than 256 has no more in the rotation: pools of 100, as a cluster has them.
        pools = [servers.Pool([f"p{n}.{wire.ZONE}"], members[n:n + 100], max_answers=8)
                 for n in range(0, size, 100)]
        site = servers.Site(pools=pools, check=servers.Check(kind, every, 0.5, 2, 2))
        self.arrivals = os.path.join(tempfile.mkdtemp(dir=folder), "arrivals")
        script = os.path.join(procs.ROOT, "bench/lib/nodes.py")
        self.nodes = procs.Server("nodes", ["env", f"ARRIVALS={self.arrivals}", sys.executable,
                                            script, str(servers.CHECK_PORT)], folder,
                                  core=procs.GENERATOR_CORE)
        procs.until(lambda: os.path.exists(self.arrivals), 5)
        start = servers.tiovivo(folder, site, "127.9.0.1")
        self.address = start.address
        self.server = procs.Server("tiovivo", start.command, folder, core)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.nodes.stop()


def probe(folder, kind, size):
    """Nodes, share of a core in per cent, and the greatest burst in per cent of the nodes."""
    with Site(folder, kind, size) as site:
        time.sleep(SETTLE)
        before, began = site.server.cpu(), time.monotonic()
        time.sleep(MEASURE)
        share = (site.server.cpu() - before) / 1e7 / (time.monotonic() - began)
    with open(site.arrivals) as file:
        burst = most_within(json.load(file), 0.010)
    print(f"{kind} {size}: {share:.1f} %", file=sys.stderr)
    return size, share, 100 * burst / size


def most_within(moments, width):
    most, first = 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= width:
            first += 1
        most = max(most, last - first + 1)
    return most


def answers(folder):
    """{(cores, probing): [(median, p99)] of each turn}, in microseconds."""
    found = {(cores, probing): [] for cores in (1, 2) for probing in (False, True)}
    for _ in range(TURNS):
        for cores, probing in found:
            every = 1.0 if probing else 86400
            core = procs.SERVER_CORE if cores == 1 else procs.BOTH_CORES
            with Site(folder, "http", SIZES[-1], every, core) as site:
                time.sleep(SETTLE)
                found[cores, probing].append(latency(site.address))
    return found


def latency(address):
    message, asker, took = wire.query(f"p0.{wire.ZONE}", "A", True), wire.Asker(address), []
    due = time.monotonic()
    for _ in range(QUESTIONS):
        sent, received, _ = asker.exchange(message)
        took.append((received - sent) * 1e6)
        due += PACE
        time.sleep(max(0, due - time.monotonic()))
    took.sort()
    return took[len(took) // 2], took[len(took) * 99 // 100]


def tell(shares, latency):
    print(procs.stamp("probing.py") + "\n")
    print("| nodes, each probed every second | " + " | ".join(
        f"{kind}: % of a core | largest burst in 10 ms" for kind in shares) + " |")
    print("|--:|" + "--:|" * 2 * len(shares))
    for rows in zip(*shares.values()):
        cells = [f"{share:.1f} | {burst:.1f} %" for _, share, burst in rows]
        print(f"| {rows[0][0]} | " + " | ".join(cells) + " |")
    print("\n| answers, µs | median | p99 |\n|---|--:|--:|")
    for (cores, probing), turns in latency.items():
        middle, tail = (statistics.median(values) for values in zip(*turns))
        words = f"{SIZES[-1]} nodes probed over HTTP" if probing else "nothing probed"
        print(f"| {words}, the server on {cores} core{'s'[:cores - 1]} | {middle:.0f} | {tail:.0f} |")
    kept = all(row[-1][1] <= CORE_LIMIT[kind] and row[-1][2] <= BURST_LIMIT
               for kind, row in shares.items())
    print(f"\nWith {SIZES[-1]} nodes at most 20 % of a core for HTTP, 10 % for TCP, and bursts of at "
          f"most 5 %: {'kept' if kept else 'NOT kept'}.")
    return kept


if __name__ == "__main__":
    main()
