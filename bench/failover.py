#!/usr/bin/env python3
"""failover.py: how soon a node that fails leaves the answers, and how soon it is back.

Real processes are the nodes. Each round does one harm to a node of each of four pools, at a random
moment between two probes, and asks every server each 10 ms whether the node is in its answers. All
servers see the same harm at the same time. They check over HTTP with the same numbers: every second,
timeout 500 ms, out after 2 failures, back after 2 successes, or as near as a server comes to that.

| harm | done by |
|---|---|
| port refused | the process is killed |
| process hangs | SIGSTOP: connections are accepted and nothing is said |
| HTTP 500 | the process says so from then on |
| packets lost | they are dropped on the way to it |
"""
import argparse
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time

from lib import procs, servers, wire

CHECK = servers.Check(kind="http", every=1.0, timeout=0.5, fall=2, rise=2)
HARMS = ["port refused", "process hangs", "HTTP 500", "packets lost"]
# What tiovivo is held to (seconds).
OUT_LIMIT = {"port refused": 2.5, "process hangs": 3.5, "HTTP 500": 2.5, "packets lost": 3.5}
BACK_LIMIT = 3.0
# After that a server is said not to do it.
PATIENCE = 15
LOOK = 0.01
NODES_OF_A_POOL = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--install", action="store_true", help="install the packages needed")
    parser.add_argument("--rounds", type=int, default=10, help="default: %(default)s")
    options = parser.parse_args()
    procs.need(["ip", "taskset", "nft", "gdnsd", "pdns_server"],
               ["pdns-backend-bind", "pdns-backend-lua2"], options.install)
    procs.enter_namespace()
    with procs.Folder() as folder:
        run = Run(folder)
        try:
            run.start()
            for number in range(options.rounds):
                run.round()
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        finally:
            run.stop()
    print(f"{procs.stamp('failover.py')}, {options.rounds} rounds, seconds: median (worst)\n")
    sys.exit(0 if run.tell() else 1)


class Node:
    """The one of its pool that is harmed."""

    def __init__(self, harm, address, folder):
        self.harm, self.address, self.folder, self.process = harm, address, folder, None
        self.name = f"{harm.replace(' ', '-').lower()}.{wire.ZONE}"
        self.question = wire.query(self.name, "A", True)

    def start(self):
        script = os.path.join(procs.ROOT, "bench/lib/nodes.py")
        self.process = procs.Server(f"node {self.address}", [
            sys.executable, script, str(servers.CHECK_PORT), self.address], self.folder, core=None)
        procs.until(self.accepts, 10)

    def accepts(self):
        try:
            socket.create_connection((self.address, servers.CHECK_PORT), 0.2).close()
            return True
        except OSError:
            return False

    def fail(self):
        pid = self.process.process.pid
        match self.harm:
            case "port refused":
                os.kill(pid, signal.SIGKILL)
                self.process.process.wait()
            case "process hangs":
                os.kill(pid, signal.SIGSTOP)
            case "HTTP 500":
                os.kill(pid, signal.SIGUSR1)
            case "packets lost":
                rules = ("table ip harm { chain in { type filter hook input priority 0; "
                         f"ip daddr {self.address} drop; }}; }}")
                subprocess.run(["nft", rules], check=True)

    def recover(self):
        pid = self.process.process.pid
        match self.harm:
            case "port refused":
                self.start()
            case "process hangs":
                os.kill(pid, signal.SIGCONT)
            case "HTTP 500":
                os.kill(pid, signal.SIGUSR1)
            case "packets lost":
                subprocess.run(["nft", "delete table ip harm"], check=True)


class Run:
    def __init__(self, folder):
        self.folder, self.servers, self.healthy = folder, {}, None
        self.out, self.back = {}, {}
        self.pause = random.Random(5)

    def start(self):
        pools, self.nodes, healthy = [], [], []
        for number, harm in enumerate(HARMS):
            first = number * NODES_OF_A_POOL
            members = [servers.node_address(first + i) for i in range(NODES_OF_A_POOL)]
            node = Node(harm, members[0], self.folder)
            node.start()
            self.nodes.append(node)
            healthy += members[1:]
            pools.append(servers.Pool([node.name], members))
        script = os.path.join(procs.ROOT, "bench/lib/nodes.py")
        self.healthy = procs.Server("nodes", [sys.executable, script, str(servers.CHECK_PORT),
                                              *healthy], self.folder, core=None)
        site = servers.Site(pools=pools, check=CHECK)
        starts = {
            "tiovivo": servers.tiovivo(self.folder, site, "127.9.0.1"),
            "gdnsd": servers.gdnsd(self.folder, site, "127.9.0.2"),
            "PowerDNS": servers.powerdns(self.folder, site, "127.9.0.3", lua=True),
        }
        for name, start in starts.items():
            server = procs.Server(name, start.command, self.folder, core=None)
            self.servers[name] = (server, start.address)
        for name, (server, _) in self.servers.items():
            if not procs.until(lambda: all(self.has(name, node) for node in self.nodes), 20):
                sys.exit(f"{name} does not answer with every node:\n{server.tail()}")

    def has(self, name, node):
        """Whether the node is in the server's answer; None without an answer."""
        reply = wire.ask(self.servers[name][1], node.question, 0.2)
        return None if reply is None else node.address in wire.addresses(reply)

    def round(self):
        # PowerDNS checks only what it is asked for, and all shall have settled.
        self.watch({}, False, 2 + self.pause.random() * 2)
        since = {}
        for node in self.nodes:
            node.fail()
            since[node] = time.monotonic()
        self.watch(since, False, PATIENCE, self.out)
        self.watch({}, False, self.pause.random())
        for node in self.nodes:
            node.recover()
            since[node] = time.monotonic()
        self.watch(since, True, PATIENCE, self.back)

    def watch(self, since, wanted, seconds, times=None):
        """Asks until every answer is as wanted, and notes when it became so."""
        end = time.monotonic() + seconds
        waiting = {(name, node) for name in self.servers for node in since}
        while (waiting or not since) and time.monotonic() < end:
            began = time.monotonic()
            for name in self.servers:
                for node in self.nodes:
                    if self.has(name, node) is wanted and (name, node) in waiting:
                        waiting.discard((name, node))
                        took = time.monotonic() - since[node]
                        times.setdefault((name, node.harm), []).append(took)
            time.sleep(max(0, LOOK - (time.monotonic() - began)))
        for name, node in waiting:
            times.setdefault((name, node.harm), []).append(float("inf"))

    def tell(self):
        kept = True
        cell = lambda times: f"{statistics.median(times):.1f} ({max(times):.1f})"
        names = list(self.servers)
        print("| harm | " + " | ".join(f"{n}: out | back" for n in names) + " |")
        print("|---|" + "--:|" * 2 * len(names))
        for harm in HARMS:
            cells = [cell(t[name, harm]) for name in names for t in (self.out, self.back)]
            print(f"| {harm} | " + " | ".join(cells) + " |")
            kept &= max(self.out["tiovivo", harm]) <= OUT_LIMIT[harm]
            kept &= max(self.back["tiovivo", harm]) <= BACK_LIMIT
        print("\ngdnsd checks every 2 s with a timeout of 1 s, its shortest. PowerDNS has a timeout of 1 s, "
              "and its first failure\nor success decides.")
        print("\ntiovivo is " + ("within" if kept else "NOT within") + " its limits: out after "
              "2.5 s (refused, 500) and 3.5 s (hanging, lost), back after 3 s.")
        return kept

    def stop(self):
        for node in self.nodes:
            procs.send(node.process.process.pid, signal.SIGCONT)
            node.process.stop()
        self.healthy.stop()
        for server, _ in self.servers.values():
            server.stop()


main()
