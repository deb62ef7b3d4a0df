#!/usr/bin/env python3
"""scale.py [WHAT ...]: how cost grows, and whether anyone waits while much changes.

| what | shows |
|---|---|
| children | processor time for an answer with 1, 8, 64 and 256 nodes in a pool; the last does not fit and is cut |
| names | the same, memory, and time from the start to the first answer, with 100, 10,000 and 100,000 names of 8 addresses |
| zones | the same with 1 and 1,000 zones |
| ports | processor time for an answer when the same queries come from 1 to 128 ports |
| metrics | processor time for an answer while /metrics is read each second, against a server without it |
| counters | the same against a server that is built without counters, which takes some minutes at first |
| burst | 1,000 queries that wait when the server gets a processor: how many are answered |
| reload | the slowest answer while 100,000 names are loaded again |
| health | 100,000 names and 1,000 pools: from the failing reply of a node to the first answer without it, and the slowest answer meanwhile |

The first four go beside gdnsd in interleaved rounds. The server has core 0, all else core 1.
"""
import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time

from lib import load, plot, procs, servers, wire
from lib.watch import Watch

ROUNDS = 5
# Of load: many and short, for what a busy host does to one it then does to its neighbours.
LOADS, SECONDS = 40, 0.25
START_LIMIT = 60
BURST = 1000
NAMES = 100_000
POOLS = 1000
DASHBOARD = "127.0.0.1:8053"


def main():
    parts = {"children": children, "names": names, "zones": zones, "ports": ports,
             "metrics": metrics, "counters": counters, "burst": burst, "reload": reload, "health": health}
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", nargs="*", help="default: all of " + ", ".join(parts))
    parser.add_argument("--install", action="store_true", help="install the packages needed")
    parser.add_argument("--plots", metavar="FOLDER", help="write plots there")
    options = parser.parse_args()
    procs.need(["ip", "taskset", "dnsperf", "gdnsd"], [], options.install)
    procs.enter_namespace()
    os.sched_setaffinity(0, {procs.GENERATOR_CORE})
    print(procs.stamp("scale.py"))
    kept = True
    for what in options.what or parts:
        print(f"{what} ...", file=sys.stderr)
        # Or the kernel writes what a build left while a server is measured, and on its core.
        os.sync()
        with procs.Folder() as folder:
            kept &= parts[what](folder, options.plots)
    sys.exit(0 if kept else 1)


def verdict(words, value, limit, unit):
    """A line that says what was found beside what is asked for."""
    good = value <= limit
    print(f"\n{words}: {value:.2f}{unit}, at most {limit:g}{unit}: {'kept' if good else 'NOT kept'}")
    return good


# Cost of an answer.

KINDS = {"tiovivo": servers.tiovivo, "gdnsd": servers.gdnsd}


class Variant:
    """A server in one size."""

    def __init__(self, kind, size, site, questions, folder, address, clients):
        self.kind, self.size, self.clients = kind, size, clients
        self.folder = os.path.join(folder, f"{kind}-{size}")
        os.makedirs(self.folder)
        self.start = KINDS[kind](self.folder, site, address)
        self.file = os.path.join(self.folder, "questions")
        wire.write_for_dnsperf(self.file, questions)
        self.first, self.starts, self.costs = questions[-1], [], []

    def run(self):
        began = time.monotonic()
        self.server = procs.Server(self.kind, self.start.command, self.folder)
        if not procs.until(self.answers, START_LIMIT, 0.001):
            sys.exit(f"{self.kind} {self.size} does not answer:\n{self.server.tail()}")
        self.starts.append((time.monotonic() - began) * 1000)

    def answers(self):
        reply = wire.ask(self.start.address, self.first, 0.02)
        return reply is not None and reply[3] & 15 == 0

    def measure(self):
        done = load.load(self.server, self.start.address, self.file, SECONDS,
                         clients=self.clients)
        self.costs.append(done.cpu)

    def up(self):
        return statistics.median(self.starts)

    def cost(self):
        return statistics.median(self.costs)


def times(ours, theirs, together=1):
    """The median of the ratios of the rounds, so many of which count as one."""
    ratio = lambda at: sum(ours[at:at + together]) / sum(theirs[at:at + together])
    return statistics.median(map(ratio, range(0, len(ours), together)))


def rounds(count, variants):
    """The variants in a new order each round, so that none has a place of its own."""
    shuffled = random.Random(1).sample
    for _ in range(count):
        yield from shuffled(variants, len(variants))


def interleaved(variants):
    try:
        for variant in rounds(ROUNDS, variants):
            variant.run()
            variant.server.stop()
        for variant in variants:
            variant.run()
        for variant in rounds(LOADS, variants):
            variant.measure()
        for variant in variants:
            variant.memory = variant.server.pss()
    finally:
        for variant in variants:
            if hasattr(variant, "server"):
                variant.server.stop()
    return {(variant.kind, variant.size): variant for variant in variants}


def each_kind(sizes, site_of, questions_of, folder, clients_of=lambda size: load.CLIENTS):
    variants = []
    for kind in KINDS:
        for size in sizes:
            address = f"127.9.1.{len(variants) + 1}"
            variants.append(Variant(kind, size, site_of(size), questions_of(size), folder, address,
                                    clients_of(size)))
    return interleaved(variants)


def table(found, sizes, what, columns):
    print(f"\n| {what} | " + " | ".join(f"{kind}: {title}" for title in columns for kind in KINDS)
          + " |")
    print("|--:|" + "--:|" * len(KINDS) * len(columns))
    for size in sizes:
        cells = [f"{read(found[kind, size]):.2f}" if read is Variant.cost
                 else f"{read(found[kind, size]):,.1f}" for read in columns.values()
                 for kind in KINDS]
        print(f"| {size:,} | " + " | ".join(cells) + " |")


def draw(plots, name, title, found, sizes, read, across, up):
    if plots:
        series = {kind: [(size, read(found[kind, size])) for size in sizes] for kind in KINDS}
        plot.lines(os.path.join(plots, f"capacity-{name}.svg"), title, procs.stamp("scale.py"), series,
                   across, up)


COST = {"µs": Variant.cost}
ALL = {"µs": Variant.cost, "memory, MB": lambda v: v.memory, "first answer, ms": Variant.up}
UNCHECKED = servers.Check(kind="none", every=86400)


def children(folder, plots):
    sizes = [1, 8, 64, 256]
    site = lambda size: servers.Site(check=UNCHECKED, pools=[servers.Pool(
        ["www." + wire.ZONE], [servers.node_address(i) for i in range(size)])])
    questions = lambda size: [wire.query("www." + wire.ZONE, "A", True)] * 100
    found = each_kind(sizes, site, questions, folder)
    table(found, sizes, "nodes in the pool", COST)
    draw(plots, "children", "Processor time for an answer", found, sizes, Variant.cost,
         "nodes in the pool (256 do not fit into a UDP answer)", "µs of a core")
    ours = {size: found["tiovivo", size].costs for size in sizes}
    return (verdict("64 nodes against 8", times(ours[64], ours[8]), 1.2, " times")
            & verdict("256 nodes against 8", times(ours[256], ours[8]), 1.1, " times"))


def hosts(count):
    return "".join(f"h{name} {servers.TTL} IN A {servers.node_address(i)}\n"
                   for name in range(count) for i in range(8))


def asked_hosts(count):
    draw = random.Random(2).random
    return [wire.query(f"h{int(draw() * count)}.{wire.ZONE}", "A", draw() < 0.5)
            for _ in range(50_000)]


def names(folder, plots):
    sizes = [100, 10_000, NAMES]
    found = each_kind(sizes, lambda size: servers.Site(records=hosts(size), check=UNCHECKED),
                      asked_hosts, folder)
    table(found, sizes, "names", ALL)
    draw(plots, "names", "Processor time for an answer", found, sizes, Variant.cost,
         "names with 8 addresses", "µs of a core")
    draw(plots, "memory", "Memory", found, sizes, ALL["memory, MB"], "names with 8 addresses", "MB")
    draw(plots, "start", "From the start to the first answer", found, sizes,
         ALL["first answer, ms"], "names with 8 addresses", "ms")
    ours, theirs = found["tiovivo", NAMES], found["gdnsd", NAMES]
    kept = True
    for title, value in {"µs": times(ours.costs, theirs.costs), "memory": ours.memory / theirs.memory,
                         "first answer": times(ours.starts, theirs.starts)}.items():
        kept &= verdict(f"{NAMES:,} names, {title}, to gdnsd's", value, 1, " times")
    return kept


def zones(folder, plots):
    sizes = [1, 1000]
    apexes = lambda size: [f"z{n}.example" for n in range(size)]
    eight = "".join(f"www {servers.TTL} IN A {servers.node_address(i)}\n" for i in range(8))
    site = lambda size: servers.Site(zones=apexes(size), records=eight, check=UNCHECKED)
    draw_ = random.Random(3).random
    questions = lambda size: [wire.query(f"www.z{int(draw_() * size)}.example", "A", draw_() < 0.5)
                              for _ in range(20_000)]
    found = each_kind(sizes, site, questions, folder)
    table(found, sizes, "zones", ALL)
    ours = {size: found["tiovivo", size].costs for size in sizes}
    return verdict("1,000 zones against one", times(ours[1000], ours[1]), 1.15, " times")


def ports(folder, plots):
    sizes = [1, 4, 16, 64, 128]
    found = each_kind(sizes, lambda size: servers.standard(UNCHECKED), lambda size: wire.mix(),
                      folder, lambda size: size)
    table(found, sizes, "ports that ask", COST)
    draw(plots, "ports", "Processor time for an answer", found, sizes, Variant.cost,
         "ports from which 128 queries at a time come", "µs of a core")
    return True


def metrics(folder, _):
    return counted(folder, "/metrics", {"off": ("off", procs.TIOVIVO),
                                        "read each second": (DASHBOARD, procs.TIOVIVO)})


def counters(folder, _):
    uncounted = os.path.join(folder, "uncounted")
    build = ["cargo", "build", "--release", "--locked", "--quiet"]
    subprocess.run([*build, "--features", "uncounted"], cwd=procs.ROOT, check=True)
    shutil.copy(procs.TIOVIVO, uncounted)
    subprocess.run(build, cwd=procs.ROOT, check=True)
    os.sync()
    return counted(folder, "counters and /metrics",
                   {"not in it": ("off", uncounted),
                    "counted, and read each second": (DASHBOARD, procs.TIOVIVO)})


def counted(folder, what, kinds):
    """What the second kind of dashboard and binary costs against the first."""
    site = servers.standard(servers.Check(kind="tcp", every=86400))
    file = os.path.join(folder, "mix")
    wire.write_for_dnsperf(file, wire.mix())
    running, costs = {}, {kind: [] for kind in kinds}
    for number, (kind, (dashboard, binary)) in enumerate(kinds.items(), 1):
        place = os.path.join(folder, str(number))
        os.makedirs(place)
        start = servers.tiovivo(place, site, f"127.9.2.{number}", dashboard, binary=binary)
        running[kind] = procs.Server("tiovivo", start.command, place), start.address
    time.sleep(1)
    reader = None
    try:
        code = ("import time, urllib.request as u\nwhile True:\n"
                f" u.urlopen('http://{DASHBOARD}/metrics').read(); time.sleep(1)")
        reader = procs.Server("reader", [sys.executable, "-c", code], folder, procs.GENERATOR_CORE)
        for kind in rounds(3 * LOADS, list(kinds)):
            costs[kind].append(load.load(*running[kind], file, SECONDS).cpu)
    finally:
        for server, _ in running.values():
            server.stop()
        if reader:
            reader.stop()
    print(f"\n| {what} | µs for an answer |\n|---|--:|")
    for kind, found in costs.items():
        print(f"| {kind} | {statistics.median(found):.2f} |")
    off, on = costs.values()
    # A page read each second is in few of the short rounds, and the median would pass it over.
    return verdict("on against off", times(on, off, int(2 / SECONDS)), 1.03, " times")


# Does anyone wait?

SLOWEST = "slowest answer without what the host took of the core (and with it), ms"


def slowest(found):
    return max(each.ran for each in found)


def listed(found):
    return ", ".join(map(str, found))


def burst(folder, _):
    start = servers.tiovivo(folder, servers.standard(UNCHECKED), "127.9.3.1")
    server = procs.Server("tiovivo", start.command, folder)
    asker = wire.Asker(start.address)
    answered = []
    try:
        message = wire.query("www." + wire.ZONE, "A", True)
        procs.until(lambda: wire.ask(start.address, message, 0.05), START_LIMIT)
        for _ in range(ROUNDS):
            os.kill(server.process.pid, signal.SIGSTOP)
            for ident in range(BURST):
                asker.send(ident, message)
            os.kill(server.process.pid, signal.SIGCONT)
            answered.append(asker.collect(1))
    finally:
        server.stop()
    print(f"\nOf {BURST} queries that waited at once, answered: {answered}")
    return verdict("lost at most", BURST - min(answered), 0, " queries")


def reload(folder, _):
    start = servers.tiovivo(folder, servers.Site(records=hosts(NAMES), check=UNCHECKED,
                                                  pools=[]), "127.9.4.1")
    server = procs.Server("tiovivo", start.command, folder)
    zone = os.path.join(folder, "tiovivo127.9.4.1", wire.ZONE)
    soa = wire.query(wire.ZONE, "SOA", False)
    worst, took = [], []
    try:
        procs.until(lambda: wire.ask(start.address, soa, 0.05), START_LIMIT)
        time.sleep(2)
        usual = Watch(server, start.address, soa).for_seconds(3).end()
        for serial in range(2, 2 + ROUNDS):
            with open(zone) as file:
                text = file.read()
            with open(zone + ".new", "w") as file:
                file.write(text.replace(f"{serial - 1} 14400", f"{serial} 14400", 1))
            os.rename(zone + ".new", zone)
            watch = Watch(server, start.address, soa)
            began = time.monotonic()
            os.kill(server.pids()[-1], signal.SIGHUP)
            while not watch.is_serial(serial) and time.monotonic() - began < START_LIMIT:
                watch.look()
            took.append((time.monotonic() - began) * 1000)
            # What is freed afterwards may be felt, too.
            worst.append(watch.for_seconds(1).end())
    finally:
        server.stop()
    print(f"\nReload of {NAMES:,} names: seen after {statistics.median(took):.0f} ms (median of "
          f"{ROUNDS}); {SLOWEST} of each: {listed(worst)}; of 3 s without a reload: {usual}"
          f"{alone(folder, 6 * ROUNDS)}")
    return verdict("slowest answer during a reload", slowest(worst), 5, " ms")


def alone(folder, seconds):
    """What a bare echo server says, which nothing keeps from answering but the machine."""
    if not os.path.exists(procs.ECHO):
        return ""
    start = servers.echo("127.9.6.1")
    server = procs.Server("echo", start.command, folder)
    message = wire.query(wire.ZONE, "SOA", False)
    try:
        procs.until(lambda: wire.ask(start.address, message, 0.05), START_LIMIT)
        found = Watch(server, start.address, message).for_seconds(seconds).end()
        return f"; of {seconds} s of UDP alone: {found}"
    finally:
        server.stop()


def health(folder, _):
    members = [servers.node_address(index) for index in range(8)]
    pools = [servers.Pool([f"p{n}.{wire.ZONE}"], members) for n in range(POOLS - 1)]
    victim = servers.node_address(10)
    pools.append(servers.Pool(["www." + wire.ZONE], members[:3] + [victim]))
    # Each node of each pool is probed: 8,000 targets. Seldom, but for what the victim does.
    site = servers.Site(records=hosts(NAMES), pools=pools,
                        check=servers.Check("http", 10.0, 1.0, 1, 1))
    script = os.path.join(procs.ROOT, "bench/lib/nodes.py")
    arrivals = os.path.join(folder, "arrivals")
    port = str(servers.CHECK_PORT)
    nodes = procs.Server("nodes", [sys.executable, script, port, *members], folder,
                         procs.GENERATOR_CORE)
    harmed = procs.Server("victim", ["env", f"ARRIVALS={arrivals}", sys.executable, script, port,
                                     victim], folder, procs.GENERATOR_CORE)
    start = servers.tiovivo(folder, site, "127.9.5.1")
    config = os.path.join(folder, "tiovivo127.9.5.1", "config.yaml")
    with open(config) as file:
        text = file.read()
    # The last pool looks each second.
    head, tail = text.rsplit("every: 10000ms", 1)
    with open(config, "w") as file:
        file.write(head + "every: 1100ms" + tail)
    server = procs.Server("tiovivo", start.command, folder)
    message = wire.query("www." + wire.ZONE, "A", False)
    address = bytes(map(int, victim.split(".")))
    changes = []
    try:
        procs.until(lambda: wire.ask(start.address, message, 0.05), START_LIMIT)
        time.sleep(8)
        usual = Watch(server, start.address, message).for_seconds(3 * ROUNDS).end()
        watch = Watch(server, start.address, message)
        for turn in range(2 * ROUNDS):
            watch.for_seconds(1.5)
            out = turn % 2 == 0
            os.kill(harmed.pids()[-1], signal.SIGUSR1)
            end = time.monotonic() + 10
            while (address in watch.reply) is out and time.monotonic() < end:
                watch.look()
            changes.append(time.monotonic())
        meanwhile = watch.end()
        reloads = [reloaded(server, start.address, message) for _ in range(ROUNDS)]
    finally:
        server.stop()
        harmed.stop()
        nodes.stop()
    with open(arrivals) as file:
        moments = json.load(file)
    # The last connection before the change is seen is the one that decided it.
    late = [1000 * min(seen - moment for moment in moments if moment < seen) for seen in changes]
    print(f"\n{NAMES:,} names, {POOLS:,} pools, {8 * (POOLS - 1) + 4:,} targets: from the node's reply "
          "to the first answer that heeds it, ms: " + " ".join(f"{l:.1f}" for l in late))
    print(f"{SLOWEST}: {meanwhile}; of {3 * ROUNDS} s without a change: {usual}"
          f"{alone(folder, 6 * ROUNDS)}")
    print(f"{SLOWEST}, of each reload of all that: {listed(reloads)}")
    return (verdict("a change of health is answered within", max(late), 20, " ms")
            & verdict("slowest answer meanwhile", meanwhile.ran, 5, " ms")
            & verdict("slowest answer during a reload", slowest(reloads), 5, " ms"))


def reloaded(server, address, message):
    """Makes the server load everything again, though nothing is new."""
    watch = Watch(server, address, message)
    os.kill(server.pids()[-1], signal.SIGHUP)
    return watch.for_seconds(3).end()


main()
