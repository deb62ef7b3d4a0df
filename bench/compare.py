#!/usr/bin/env python3
"""compare.py: what an answer costs tiovivo, gdnsd, NSD, Knot DNS, BIND and PowerDNS, as Debian has them.

Each server has core 0, dnsperf has core 1. All serve the same zone with eight nodes under two names
and are asked the same questions (lib/wire.py), in rounds that go through all servers in another
order each time; the table has the medians. What is measured is the time that the server's threads
were on a processor, by the kernel's own account: it is the server's, however fast the generator is.
"""
import argparse
import os
import random
import statistics
import subprocess
import sys
import time

from lib import load, plot, procs, servers, wire

START_LIMIT = 20
# dnsperf needs some of the core that it shares with nobody; at this rate no server is pressed.
SLOW = 10_000


def main():
    options = arguments()
    commands = ["dnsperf", "ip", "taskset", "gdnsd", "nsd", "knotd", "named", "pdns_server"]
    packages = ["pdns-backend-bind", "pdns-backend-lua2"]
    procs.need(commands, packages, options.install)
    procs.enter_namespace()
    with procs.Folder() as folder:
        mix = os.path.join(folder, "mix")
        wire.write_for_dnsperf(mix, wire.mix())
        running = Running(folder, mix)
        try:
            running.start(options.only)
            # The checks' first rounds.
            time.sleep(3)
            running.measure(options.rounds, options.seconds)
            rows = running.rows()
        finally:
            running.stop()
    print(table(rows, options))
    plot.bars(options.plot, "Processor time for a DNS answer", f"median and range of "
              f"{options.rounds} rounds; {procs.stamp('compare.py')}",
              [(row.name, row.busy, row.least, row.most, row.ours) for row in rows],
              "microseconds of the server's core for each answer")
    print(f"\nplot: {options.plot}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--install", action="store_true", help="install the packages needed")
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=1, help="each load; %(default)s")
    parser.add_argument("--plot", default="target/compare.svg", help="default: %(default)s")
    parser.add_argument("--only", help="servers whose names begin so, with commas between")
    return parser.parse_args()


class Running:
    def __init__(self, folder, mix):
        self.folder, self.mix = folder, mix
        self.started, self.measured, self.nodes = [], {}, None

    def start(self, only):
        self.nodes = procs.Server("nodes", [sys.executable, os.path.join(
            procs.ROOT, "bench/lib/nodes.py"), str(servers.CHECK_PORT)], self.folder,
            core=procs.GENERATOR_CORE)
        site, unchecked = servers.standard(), servers.standard(servers.Check(kind="none"))
        kinds = [
            ("tiovivo", lambda a: servers.tiovivo(self.folder, site, a)),
            ("gdnsd, HTTP checks", lambda a: servers.gdnsd(self.folder, site, a)),
            ("gdnsd, no checks", lambda a: servers.gdnsd(self.folder, unchecked, a)),
            ("NSD, no checks", lambda a: servers.nsd(self.folder, site, a)),
            ("Knot DNS, no checks", lambda a: servers.knot(self.folder, site, a)),
            ("BIND, no checks", lambda a: servers.bind(self.folder, site, a)),
            ("PowerDNS, HTTP checks (Lua)",
             lambda a: servers.powerdns(self.folder, site, a, lua=True)),
            ("PowerDNS, no checks", lambda a: servers.powerdns(self.folder, site, a)),
        ]
        if os.path.exists(procs.ECHO):
            kinds.append(("(UDP alone)", servers.echo))
        wanted = tuple(only.split(",")) if only else ""
        for number, (name, configure) in enumerate(kinds):
            if not name.startswith(wanted):
                continue
            address = f"127.9.0.{number + 1}"
            # BIND answers only on addresses that an interface has.
            subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
            began = time.monotonic()
            start = configure(address)
            began = time.monotonic()
            server = procs.Server(name, start.command, self.folder)
            self.started.append((server, start.address))
            first = wire.query("www." + wire.ZONE, "A", False)
            if not procs.until(lambda: wire.ask(start.address, first, 0.05), START_LIMIT, 0.001):
                sys.exit(f"{name} does not answer:\n{server.tail()}")
            server.up = (time.monotonic() - began) * 1000

    def measure(self, rounds, seconds):
        shuffled = random.Random(1).sample
        for number in range(rounds):
            for server, address in shuffled(self.started, len(self.started)):
                busy = load.load(server, address, self.mix, seconds)
                slow = load.load(server, address, self.mix, seconds, rate=SLOW)
                self.measured.setdefault(server, []).append((busy, slow))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)

    def rows(self):
        return sorted((Row(s, self.measured[s]) for s, _ in self.started), key=lambda r: r.busy)

    def stop(self):
        for server, _ in self.started:
            server.stop()
        if self.nodes:
            self.nodes.stop()


class Row:
    def __init__(self, server, loads):
        self.name, self.up = server.name, server.up
        self.ours = server.name == "tiovivo"
        costs = [busy.cpu for busy, _ in loads]
        self.busy, self.least, self.most = statistics.median(costs), min(costs), max(costs)
        self.rate = statistics.median(busy.rate for busy, _ in loads)
        self.slow = statistics.median(slow.cpu for _, slow in loads)
        self.lost = sum(busy.lost + slow.lost for busy, slow in loads)
        self.memory = server.pss()


def table(rows, options):
    ours = next((row.busy for row in rows if row.ours), float("nan"))
    lines = [f"{procs.stamp('compare.py')}, {options.rounds} rounds", "",
             "| server | µs for an answer | to tiovivo's | answered a second | core used "
             f"| µs at {SLOW:,} a second | memory, MB | lost |",
             "|---|--:|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        name = f"**{row.name}**" if row.ours else row.name
        lines.append(f"| {name} | {row.busy:.2f} | {row.busy / ours:.2f} | {row.rate:,.0f} "
                     f"| {row.rate * row.busy / 1e4:.0f} % | {row.slow:.2f} | {row.memory:.1f} | {row.lost} |")
    lines += ["", "Where less than 95 % of the server's core is used, dnsperf was the limit: each time "
              "that the server", "waits for it costs a wake-up, which a busier server is spared."]
    return "\n".join(lines)


main()
