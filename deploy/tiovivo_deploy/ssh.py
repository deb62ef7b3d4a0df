"""Commands on nodes, by the ssh program. Whatever a node does, a call ends within its time.

The first command to a node opens a connection that the others of this process share; it is closed
with the process. Host keys are taken on first sight and kept beside config.yaml, in
`secrets/known_hosts`: a machine that was installed anew must be forgotten there."""

import atexit
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tiovivo_deploy.inventory import Cluster, Node

CONNECT_SECONDS = 10
COMMAND_SECONDS = 60
# A node that is silent for three times this is lost.
ALIVE_SECONDS = 5
PARALLEL = 16
# What ssh itself says when it could not reach the node.
UNREACHABLE = 255
TIMED_OUT = 124


@dataclass(frozen=True)
class Result:
    """What became of a command on a node."""

    node: Node
    status: int
    out: str
    err: str
    seconds: float

    @property
    def ok(self) -> bool:
        return self.status == 0

    @property
    def reached(self) -> bool:
        return self.status != UNREACHABLE

    @property
    def reason(self) -> str:
        """One line that says why it failed."""
        lines = [
            line for line in (self.err.strip() or self.out.strip()).splitlines() if line.strip()
        ]
        return lines[-1].strip() if lines else f"exit status {self.status}"


class Shell:
    """Runs commands on the nodes of one cluster."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self._sockets = Path(tempfile.mkdtemp(prefix="tiovivo-ssh-"))
        self._reached: dict[str, Node] = {}
        atexit.register(self.close)

    def run(
        self,
        node: Node,
        command: str | list[str],
        *,
        stdin: str | bytes | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> Result:
        """Runs a command as root: a list is quoted, a string is given to the node's shell as it is."""
        text = shlex.join(command) if isinstance(command, list) else command
        if self.cluster.ssh.user != "root":
            text = "sudo -n -- sh -c " + shlex.quote(text)
        began = time.monotonic()
        data = stdin.encode() if isinstance(stdin, str) else stdin
        source = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
        try:
            done = subprocess.run(
                ["ssh", *self.options(), self.destination(node), text],
                capture_output=True,
                timeout=timeout,
                check=False,
                **source,
            )
            status, out, err = done.returncode, done.stdout, done.stderr
            self._reached[node.name] = node
        except subprocess.TimeoutExpired as late:
            status, out = TIMED_OUT, late.stdout or b""
            err = (late.stderr or b"") + f"\nnot done within {timeout:g} s".encode()
        return Result(
            node,
            status,
            out.decode(errors="replace"),
            err.decode(errors="replace"),
            time.monotonic() - began,
        )

    def run_all(
        self,
        nodes: Iterable[Node],
        command: str | list[str] | Callable[[Node], str | list[str]],
        *,
        stdin: str | bytes | None = None,
        timeout: float = COMMAND_SECONDS,
        parallel: int = PARALLEL,
    ) -> list[Result]:
        """Runs it on all of them side by side; the results stand in the order of the nodes."""

        def one(node: Node) -> Result:
            return self.run(
                node, command(node) if callable(command) else command, stdin=stdin, timeout=timeout
            )

        nodes = list(nodes)
        if not nodes:
            return []
        with ThreadPoolExecutor(min(parallel, len(nodes))) as pool:
            return list(pool.map(one, nodes))

    def popen(self, node: Node, command: str, **arguments) -> subprocess.Popen:
        """A command whose end is not waited for; whoever starts it ends it."""
        text = (
            command
            if self.cluster.ssh.user == "root"
            else "sudo -n -- sh -c " + shlex.quote(command)
        )
        return subprocess.Popen(["ssh", *self.options(), self.destination(node), text], **arguments)

    def interactive(self, node: Node, command: str) -> int:
        """A command with this terminal as its own; its exit status."""
        terminal = ["-t"] if os.isatty(0) and os.isatty(1) else []
        text = (
            command
            if self.cluster.ssh.user == "root"
            else "sudo -n -- sh -c " + shlex.quote(command)
        )
        return subprocess.run(
            ["ssh", *terminal, *self.options(), self.destination(node), text], check=False
        ).returncode

    def remote_shell(self) -> str:
        """For `rsync --rsh`."""
        return shlex.join(["ssh", *self.options()])

    def destination(self, node: Node) -> str:
        return f"{self.cluster.ssh.user}@{node.address}"

    def options(self) -> list[str]:
        ssh = self.cluster.ssh
        settings = {
            "BatchMode": "yes",
            "ConnectTimeout": CONNECT_SECONDS,
            "ServerAliveInterval": ALIVE_SECONDS,
            "ServerAliveCountMax": 3,
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": known_hosts(self.cluster),
            "LogLevel": "ERROR",
            "ControlMaster": "auto",
            "ControlPath": self._sockets / "%C",
            "ControlPersist": 60,
        }
        options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        if ssh.key:
            options += ["-i", ssh.key, "-o", "IdentitiesOnly=yes"]
        return [*options, "-p", str(ssh.port)]

    def close(self) -> None:
        """Closes what is open."""
        for node in self._reached.values():
            subprocess.run(
                ["ssh", *self.options(), "-O", "exit", self.destination(node)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=CONNECT_SECONDS,
                check=False,
            )
        self._reached.clear()
        shutil.rmtree(self._sockets, ignore_errors=True)
        atexit.unregister(self.close)


def known_hosts(cluster: Cluster) -> Path:
    """The file of host keys, made when it is not there."""
    path = Path(cluster.folder) / "secrets" / "known_hosts"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    return path
