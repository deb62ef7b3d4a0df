"""deploy/promote: the standby becomes the mother.

Two mothers are worse than none. So the old one must be proven gone: by a fencing command, by the word
of a person, or because she hands over herself. The standby refuses all the same while anything of the
old mother answers."""

import argparse
import queue
import shlex
import subprocess
import sys
import threading
import time

from tiovivo_deploy import inventory
from tiovivo_deploy.data import files, plan, rejoin
from tiovivo_deploy.inventory import Cluster, Node, UsageError
from tiovivo_deploy.ssh import Shell
from tiovivo_deploy.summary import printable

PROGRAM = "deploy/promote"
FENCE_SECONDS = 60
PROMOTE_SECONDS = 300
HAND_OVER_SECONDS = 600
LOOK_SECONDS = 8


def main() -> int:
    arguments = parse_arguments()
    cluster = inventory.load(arguments)
    shell = Shell(cluster)
    try:
        return promote(cluster, shell, arguments)
    finally:
        shell.close()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Makes the standby the mother, or a machine that was the mother before a boot.",
    )
    inventory.add_arguments(parser)
    parser.add_argument("node", nargs="?", help="the machine to promote (the standby)")
    proof = parser.add_mutually_exclusive_group()
    proof.add_argument(
        "--fenced-by",
        metavar="COMMAND",
        nargs="?",
        const="",
        help="run this first; exit status 0 proves that the old mother is dead. {node} and {address}"
        " are replaced. Without COMMAND: that of deploy.fence",
    )
    proof.add_argument(
        "--i-know-it-is-dead",
        action="store_true",
        help="you have seen that the old mother is off, and stays off",
    )
    proof.add_argument(
        "--hand-over",
        action="store_true",
        help="both live: writes stop, nothing is lost, the old mother becomes the standby",
    )
    return parser.parse_args()


def promote(cluster: Cluster, shell: Shell, arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    if len(files.pair(cluster)) < 2:
        raise UsageError(f"{cluster.config}: there is no standby to promote")
    node = cluster.node(arguments.node) if arguments.node else find_standby(cluster, shell)
    if node not in files.pair(cluster):
        raise UsageError(f"{node.name} is a {node.role}: only mother and standby can be promoted")
    other = files.peer(cluster, node)
    if arguments.hand_over:
        if not hand_over(shell, other):
            return 1
    elif arguments.fenced_by is not None:
        words = fence(cluster, other, arguments.fenced_by)
        if words:
            print(f"{PROGRAM}: {words}: nothing was changed", file=sys.stderr)
            return 1
    elif not arguments.i_know_it_is_dead:
        refusal = why_not(cluster, shell, node, other)
        if refusal:
            print(f"{PROGRAM}: {refusal}", file=sys.stderr)
            return 1
    done = shell.run(node, "/usr/local/sbin/tiovivo-promote", timeout=PROMOTE_SECONDS)
    for line in done.out.splitlines():
        print(f"{node.name}: {printable(line)}")
    if not done.ok:
        print(f"{PROGRAM}: {node.name}: {printable(done.err.strip(), 1000)}", file=sys.stderr)
        if arguments.hand_over:
            print(f"{other.name} can be brought back: {PROGRAM} {other.name}", file=sys.stderr)
        return 1
    print(f"{node.name} is the mother, {time.monotonic() - began:.1f} s")
    if arguments.hand_over:
        return rejoin.rejoin(cluster, shell, other)
    print(f"when {other.name} is back: deploy/rejoin {other.name}")
    return 0


def find_standby(cluster: Cluster, shell: Shell) -> Node:
    """The first of the two that says that it is the standby. Nobody waits for the dead one, not even
    the end of this program: so its thread is a daemon."""
    nodes = files.pair(cluster)
    answers: queue.SimpleQueue = queue.SimpleQueue()

    def ask(node: Node) -> None:
        answers.put(shell.run(node, f"cat {plan.ROLE_FILE}", timeout=LOOK_SECONDS))

    for node in nodes:
        threading.Thread(target=ask, args=(node,), daemon=True).start()
    said = []
    for _ in nodes:
        try:
            result = answers.get(timeout=LOOK_SECONDS * 2)
        except queue.Empty:
            break
        if result.ok and result.out.startswith("standby "):
            return result.node
        said.append(f"{result.node.name}: {result.out.strip() or result.reason}")
    raise UsageError(f"no machine is a complete standby ({'; '.join(sorted(said))})")


def hand_over(shell: Shell, mother: Node) -> bool:
    done = shell.run(mother, "tiovivo-data hand-over", timeout=HAND_OVER_SECONDS)
    if not done.ok:
        print(f"{PROGRAM}: {mother.name} does not hand over: {done.reason}", file=sys.stderr)
        return False
    print(f"{mother.name}: gave up its role, {done.seconds:.1f} s")
    return True


def fence(cluster: Cluster, node: Node, command: str) -> str:
    """Runs the command on this machine; empty when it proved the end of the node."""
    words = shlex.split(command) or (cluster.fence or {}).get("command", [])
    if not words:
        raise UsageError("--fenced-by needs a COMMAND, as config.yaml has no deploy.fence")
    address = files.check_private(node)
    words = [word.replace("{node}", node.name).replace("{address}", address) for word in words]
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=FENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the fence {words[0]} did not end within {FENCE_SECONDS} s"
    except OSError as error:
        return f"the fence {words[0]}: {error}"
    if done.returncode != 0:
        said = printable((done.stderr or done.stdout).strip())
        return (
            f"the fence does not prove that {node.name} is dead (status {done.returncode}): {said}"
        )
    print(f"{node.name} is fenced")
    return ""


def why_not(cluster: Cluster, shell: Shell, node: Node, other: Node) -> str:
    """Without a proof only a machine that is the mother already may be brought back after a boot."""
    now = plan.look(cluster, shell)
    if now.mother == node.name and now.standings[other.name].kind != "silent":
        return ""
    if now.mother == node.name and now.standings[node.name].holds_address:
        return ""
    state = now.standings[other.name]
    if state.kind == "released" and now.standings[node.name].kind in ("standby", "released"):
        return ""
    if state.kind == "silent":
        return (
            f"{other.name} does not answer, but may be alive and cut off: prove its end by"
            " --fenced-by COMMAND, or say --i-know-it-is-dead when you have seen that it is off"
        )
    if state.kind == "mother" and not state.holds_address:
        return (
            f"{other.name} is up and was the mother: bring it back ({PROGRAM} {other.name}),"
            f" or switch it off and say --i-know-it-is-dead"
        )
    return f"{other.name} is alive ({state.kind}): to change places in good order say --hand-over"


if __name__ == "__main__":
    inventory.run_main(main, PROGRAM)
