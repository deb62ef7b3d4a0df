"""deploy/up: brings every node to what config.yaml says. Nodes go side by side, each through its own
role; one that fails ends for itself, and the next run goes on from where it stands."""

# gevent replaces the sockets of the library before anybody else imports them.
from gevent import monkey

monkey.patch_all()

import argparse
import fcntl
import importlib
import logging
import os
import socket
import time
import traceback
from pathlib import Path

import gevent
from gevent.lock import BoundedSemaphore
from gevent.pool import Pool
from pyinfra.api import BaseStateCallback, Config, Host, Inventory, State
from pyinfra.api.exceptions import ConnectError, NestedOperationError, PyinfraError
from pyinfra.context import ctx_host, ctx_state

from tiovivo_deploy import inventory, operations, secrets
from tiovivo_deploy.inventory import Cluster, Node, UsageError
from tiovivo_deploy.job import Gates, Job
from tiovivo_deploy.ssh import known_hosts
from tiovivo_deploy.summary import (
    CHANGED,
    FAILED,
    NOT_REACHED,
    UNCHANGED,
    WOULD_CHANGE,
    Outcome,
    Report,
    tail,
)

PROGRAM = "deploy/up"
# The role of nodes that `--only` does not name.
NEIGHBOUR = "neighbour"
PARALLEL = 32
CONNECT_SECONDS = 10
CONNECT_RETRIES = 2
# What a single command may take on a node where its operation says nothing else.
COMMAND_SECONDS = 300
NODE_SECONDS = 3600
# A connection without a sign of life for so long is lost.
SILENCE_SECONDS = 30
# A step that takes longer is told of again and again.
STILL_SECONDS = 15


def main() -> int:
    arguments = parse_arguments()
    logging.getLogger("pyinfra").addHandler(
        logging.StreamHandler() if arguments.verbose else logging.NullHandler()
    )
    logging.getLogger("pyinfra").setLevel(logging.DEBUG if arguments.verbose else logging.CRITICAL)
    cluster = inventory.load(arguments)
    nodes = inventory.select(cluster, arguments.only)
    if cluster.application is None and {node.role for node in nodes} - {"dns"}:
        raise UsageError(
            f"{cluster.config}: deploy.application is missing; only dns nodes can do without"
        )
    tiovivo = (
        inventory.find_tiovivo(arguments.tiovivo)
        if any(node.role == "dns" for node in nodes)
        else ""
    )
    with Lock(cluster):
        outcomes, report = install(cluster, nodes, tiovivo, arguments.dry)
    again = " ".join([PROGRAM, *(["--config", arguments.config] if arguments.config else [])])
    return 0 if report.close(outcomes, "" if arguments.dry else again) else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Brings every node to what config.yaml says."
    )
    inventory.add_arguments(parser)
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NODE",
        help="these nodes or roles; repeatable",
    )
    parser.add_argument(
        "--dry", action="store_true", help="change nothing, and show what would be changed"
    )
    parser.add_argument("--verbose", action="store_true", help="show each command")
    return parser.parse_args()


class Lock:
    """One installation at a time: two would undo each other."""

    def __init__(self, cluster: Cluster):
        self.path = Path(cluster.folder) / "secrets" / ".up.lock"

    def __enter__(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            self.file = open(self.path, "a+", encoding="ascii")
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.file.seek(0)
            raise UsageError(
                f"another {PROGRAM} is at work (process {self.file.read(20).strip()})"
            ) from error
        except OSError as error:
            raise UsageError(f"{self.path}: {error}") from error
        self.file.truncate(0)
        self.file.write(str(os.getpid()))
        self.file.flush()

    def __exit__(self, *_: object) -> None:
        self.file.close()


def install(
    cluster: Cluster, nodes: list[Node], tiovivo: str, dry: bool, neighbours: bool = True
) -> tuple[list[Outcome], Report]:
    """Runs the roles of these nodes, and tells the others what has changed for them."""
    report = Report(node.name for node in cluster.nodes)
    concerned = cluster.nodes if neighbours else nodes
    state = connect_state(cluster, concerned, dry)
    gates, one_at_a_time = Gates(nodes), BoundedSemaphore()
    own = secrets.of_cluster(cluster.folder, keep=not dry)
    runs = []
    for index, node in enumerate(concerned):
        role = node.role if node in nodes else NEIGHBOUR
        job = Job(node, cluster, own, gates, tiovivo, dry, one_at_a_time)
        runs.append(Run(state, state.inventory.get_host(node.name), job, role, index, report))
    # One for all greenlets, unlike the host: nobody may leave it before the last one.
    ctx_state.set(state)
    state.add_callback_handler(Progress({run.host: run for run in runs}))
    operations.show_difference = report.difference
    still = gevent.spawn(tell_slow_steps, runs)
    pool = Pool(PARALLEL)
    # Whoever is waited for comes first, and so never waits for a place in the pool.
    for run in sorted(runs, key=lambda run: inventory.ROLES.index(run.job.node.role)):
        pool.spawn(run.run)
    pool.join()
    still.kill()
    for run in runs:
        run.disconnect()
    return [run.outcome for run in runs if not run.is_idle()], report


def connect_state(cluster: Cluster, nodes: list[Node], dry: bool) -> State:
    """pyinfra's state with these hosts. When it executes, an operation takes effect as it is called;
    otherwise it only looks whether it would change something."""
    data = {
        "ssh_user": cluster.ssh.user,
        "ssh_port": cluster.ssh.port,
        "ssh_known_hosts_file": str(known_hosts(cluster)),
        "ssh_strict_host_key_checking": "accept-new",
        "ssh_connect_retries": CONNECT_RETRIES,
        "_timeout": COMMAND_SECONDS,
        "_sudo": cluster.ssh.user != "root",
    }
    if cluster.ssh.key:
        data["ssh_key"] = cluster.ssh.key
    hosts = [(node.name, {"ssh_hostname": node.address}) for node in nodes]
    # No ssh_config of the operator's: config.yaml says all.
    data["ssh_config_file"] = os.devnull
    state = State(
        Inventory((hosts, data)), Config(CONNECT_TIMEOUT=CONNECT_SECONDS), check_for_changes=dry
    )
    state.is_executing = not dry
    return state


class Run:
    """The installation of one node."""

    def __init__(self, state: State, host: Host, job: Job, role: str, index: int, report: Report):
        self.state, self.host, self.job, self.role, self.report = state, host, job, role, report
        self.outcome = Outcome(job.node.name, job.node.role)
        job.begin_step = self.begin
        self.step = "connecting"
        self.step_began = time.monotonic()
        self.ended = False
        # pyinfra joins operations of several hosts by their place; each host's are its own here.
        host.loop_position = [index]

    def run(self) -> None:
        began = time.monotonic()
        try:
            with gevent.Timeout(NODE_SECONDS, TimeoutError(f"not done within {NODE_SECONDS} s")):
                self._install()
        except NestedOperationError as error:
            self._fail(self._output(str(error.args[0])))
        except ConnectError as error:
            if self.role == NEIGHBOUR:
                # It may be down for its own reasons, and learns of the change later.
                self.outcome.result = NOT_REACHED
                self.job.note("it learns of this change by the next deploy/up")
            else:
                self._fail([explain_connection(str(error), self.job)])
        except (PyinfraError, TimeoutError, OSError, UsageError) as error:
            self._fail([str(error) or repr(error)])
        except Exception:  # noqa: BLE001 - a fault of a role must not end the other nodes
            self._fail(traceback.format_exc().splitlines())
        finally:
            self.ended = True
            # What is said of the last operation waits for its turn.
            gevent.sleep(0)
            self.outcome.notes = self.job.notes
            self.outcome.seconds = time.monotonic() - began
            self.job.gates.end(self.job.node)
        self.outcome.changes = sum(map(self.changes, self.host.op_hash_order))
        if self.outcome.result not in (FAILED, NOT_REACHED):
            self.outcome.result = self._result()
            if not self.is_idle():
                self.report.line(self.job.node.name, f"done: {self.outcome.result}")

    def _install(self) -> None:
        with ctx_host.use(self.host):
            self.host.connect(reason=None, show_errors=False, raise_exceptions=True)
            self.state.activate_host(self.host)
            notice_silence(self.host)
            operations.begin_node()
            base = [] if self.role == NEIGHBOUR else ["roles.base"]
            for module in (*base, f"roles.{self.role}"):
                self.begin(module)
                importlib.import_module(module).install(self.job)
                if self.host in self.state.failed_hosts:
                    raise PyinfraError(
                        "the node could not be asked how it stands; --verbose shows how"
                    )
            if self.job.dry:
                self._show_would_change()
            else:
                operations.end_node()

    def is_idle(self) -> bool:
        """A node that was not named, and for which nothing changed: not worth a line."""
        return (
            self.role == NEIGHBOUR and self.outcome.result == UNCHANGED and not self.outcome.notes
        )

    def changes(self, op_hash: str) -> bool:
        """Whether this operation changed something, or in a dry run would."""
        data = self.state.ops[self.host].get(op_hash)
        if data is None or not (self.job.dry or data.operation_meta.is_complete()):
            return False
        return operations.is_change(data.operation_meta)

    def _result(self) -> str:
        if not self.outcome.changes:
            return UNCHANGED
        return WOULD_CHANGE if self.job.dry else CHANGED

    def _show_would_change(self) -> None:
        for op_hash in self.host.op_hash_order:
            if self.changes(op_hash):
                self.report.line(self.job.node.name, f"would change: {self.name_of(op_hash)}")

    def _fail(self, details: list[str]) -> None:
        self.outcome.result = FAILED
        self.outcome.step = self.step
        self.outcome.details = tail("\n".join(details))
        self.report.line(self.job.node.name, f"FAILED at: {self.step}")

    def _output(self, op_hash: str) -> list[str]:
        """What the commands of a failed operation said."""
        data = self.state.ops[self.host].get(op_hash)
        said = (
            data.operation_meta if data is not None and data.operation_meta.is_complete() else None
        )
        return (said.stdout_lines + said.stderr_lines if said else []) or [
            "no word of it; --verbose shows each command"
        ]

    def begin(self, step: str) -> None:
        self.step, self.step_began = step, time.monotonic()

    def name_of(self, op_hash: str) -> str:
        return ", ".join(sorted(self.state.get_op_meta(op_hash).names))

    def disconnect(self) -> None:
        try:
            with gevent.Timeout(CONNECT_SECONDS, TimeoutError()):
                if self.host.connected:
                    self.host.disconnect()
        except (OSError, PyinfraError, EOFError):
            pass


class Progress(BaseStateCallback):
    """Tells what each operation did. (pyinfra gives the state as the first argument.)"""

    def __init__(self, runs: dict[Host, Run]):
        self.runs = runs

    def operation_host_start(self, state: State, host: Host, op_hash: str) -> None:
        run = self.runs[host]
        if host in state.failed_hosts:
            raise PyinfraError("the node could not be asked how it stands; --verbose shows how")
        run.begin(run.name_of(op_hash))

    def operation_host_success(
        self, state: State, host: Host, op_hash: str, retry_count: int = 0
    ) -> None:
        run = self.runs[host]
        gevent.spawn(tell_change, run, op_hash, time.monotonic() - run.step_began)


def tell_change(run: Run, op_hash: str, seconds: float) -> None:
    """In a greenlet of its own, as pyinfra notes what was done only after its callback."""
    if run.changes(op_hash):
        run.report.line(run.job.node.name, f"{run.name_of(op_hash)} ({seconds:.1f} s)")


def tell_slow_steps(runs: list[Run]) -> None:
    while True:
        gevent.sleep(STILL_SECONDS)
        for run in runs:
            seconds = time.monotonic() - run.step_began
            if not run.ended and seconds > STILL_SECONDS:
                run.report.line(run.job.node.name, f"still at: {run.step} ({seconds:.0f} s)")


def explain_connection(error: str, job: Job) -> str:
    if "does not match" in error:
        return (
            f"{error} Another machine answers, or it was installed anew: in that case take its line"
            f" out of {known_hosts(job.cluster)}"
        )
    return error


def notice_silence(host: Host) -> None:
    """A node that loses its power in the middle is noticed in half a minute, not in a quarter of an
    hour."""
    transport = host.connector.client.get_transport()
    transport.set_keepalive(SILENCE_SECONDS // 3)
    if isinstance(transport.sock, socket.socket):
        transport.sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_SECONDS * 1000
        )


if __name__ == "__main__":
    inventory.run_main(main, PROGRAM)
