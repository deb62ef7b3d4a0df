"""deploy/logs: the journals of all nodes as one, in the order of time."""

import argparse
import heapq
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterable

from tiovivo_deploy import inventory
from tiovivo_deploy.inventory import Node
from tiovivo_deploy.ssh import Result, Shell
from tiovivo_deploy.summary import printable

PROGRAM = "deploy/logs"
LOOK_SECONDS = 60
# Of what the cluster runs; a unit that a node does not have is no fault to journalctl.
UNITS = [
    "tiovivo*",
    "nginx.service",
    "mariadb.service",
    "redis-server.service",
    "nfs-server.service",
    "srv-*.mount",
]
ACCESS = "/var/log/nginx/access.log"


def main() -> int:
    arguments = parse_arguments()
    cluster = inventory.load(arguments)
    nodes = inventory.select(cluster, arguments.only)
    shell = Shell(cluster)
    try:
        if arguments.follow:
            return follow(shell, nodes, arguments)
        results = shell.run_all(nodes, command(arguments), timeout=LOOK_SECONDS)
        width = max(len(node.name) for node in nodes)
        for line in merge(results):
            print(f"{line[1]:<{width}}  {printable(line[2], limit=2000)}")
        failed = [result for result in results if not result.ok]
        for result in failed:
            print(f"{result.node.name}: no logs: {printable(result.reason)}", file=sys.stderr)
        return 1 if failed else 0
    finally:
        shell.close()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    inventory.add_arguments(parser)
    parser.add_argument(
        "--only", action="append", default=[], metavar="NODE", help="nodes or roles"
    )
    parser.add_argument("--since", default="-1h", help="as journalctl takes it (-1h)")
    parser.add_argument("--lines", type=int, default=500, help="at most so many of each node (500)")
    parser.add_argument(
        "--unit", action="append", default=[], help="these units instead; repeatable"
    )
    parser.add_argument("--grep", metavar="PATTERN", help="lines that match (PCRE)")
    parser.add_argument("--access", action="store_true", help="requests to nginx instead")
    parser.add_argument("--follow", "-f", action="store_true", help="go on with what comes")
    return parser.parse_args()


def command(arguments: argparse.Namespace) -> str:
    count = max(1, arguments.lines)
    if arguments.access:
        follow = " --follow=name --retry" if arguments.follow else ""
        # Its lines carry the time within; `merge` finds it.
        search = (
            f" | grep --line-buffered -P -- {shlex.quote(arguments.grep)}" if arguments.grep else ""
        )
        return f"[ ! -e {ACCESS} ] || tail -n {count}{follow} {ACCESS}{search}"
    words = ["journalctl", "--no-pager", "--quiet", "-o", "short-iso", "--utc", "-n", str(count)]
    words += ["--since", arguments.since]
    if arguments.grep:
        words += ["--grep", arguments.grep]
    if arguments.follow:
        words.append("--follow")
    for unit in arguments.unit or UNITS:
        words += ["--unit", unit]
    # journalctl ends with 1 when --grep found nothing.
    return shlex.join(words) + ("" if arguments.follow else " || [ $? -eq 1 ]")


def merge(results: Iterable[Result]) -> Iterable[tuple[str, str, str]]:
    """Lines of all nodes as (time, node, line). A node's own lines keep their order, also when its clock
    was set in between."""
    return heapq.merge(*map(timed, results), key=lambda line: line[0])


def timed(result: Result) -> list[tuple[str, str, str]]:
    lines, latest = [], ""
    for line in result.out.splitlines():
        latest = max(latest, time_of(line))
        lines.append((latest, result.node.name, line))
    return lines


def time_of(line: str) -> str:
    """The ISO time of a line of the journal (its beginning) or of nginx (in brackets), as text that
    sorts: both are in UTC here or carry the same offset; empty when there is none."""
    start = line.partition("[")[2] if line[:1] != "2" or line[4:5] != "-" else line
    moment = start[:19]
    return moment if len(moment) == 19 and moment[4] == "-" and moment[10] == "T" else ""


def follow(shell: Shell, nodes: list[Node], arguments: argparse.Namespace) -> int:
    """Prints each line as it comes, until it is interrupted or no node is left."""
    width = max(len(node.name) for node in nodes)
    lock = threading.Lock()
    processes = []

    def show(node: Node, process: subprocess.Popen) -> None:
        for raw in process.stdout:
            text = printable(raw.decode(errors="replace").rstrip("\n"), limit=2000)
            with lock:
                print(f"{node.name:<{width}}  {text}", flush=True)
        with lock:
            print(f"{node.name:<{width}}  (the connection has ended)", file=sys.stderr)

    threads = []
    for node in nodes:
        process = shell.popen(
            node, command(arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        processes.append(process)
        thread = threading.Thread(target=show, args=(node, process), daemon=True)
        thread.start()
        threads.append(thread)
    try:
        for thread in threads:
            thread.join()
    finally:
        for process in processes:
            process.kill()
    return 1


if __name__ == "__main__":
    inventory.run_main(main, PROGRAM)
