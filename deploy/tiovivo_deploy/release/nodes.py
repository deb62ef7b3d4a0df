"""What the mother and the nodes are told about releases, and what they say."""

import gzip
import json
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tiovivo_deploy.inventory import Cluster, Node, UsageError
from tiovivo_deploy.release import source as sources
from tiovivo_deploy.ssh import Shell

TOOLS = "/usr/local/lib/tiovivo-app/tiovivo_app"
MAKE_SECONDS = 3600
SHORT_SECONDS = 60
# Words of report.py.
AWAIT = "--await"
TRY = "--try"
# Beside the time that a node is given: for the connection and a slow machine.
MARGIN_SECONDS = 20
UNREACHABLE = 255


class ReleaseFailed(Exception):
    """A release or a switch did not come about: words, and what the node printed."""

    def __init__(self, words: str, lines: list[str] | None = None):
        super().__init__(words)
        self.lines = lines or []


@dataclass
class NodeReport:
    """What a node says about its processes."""

    node: Node
    reached: bool
    reports: list[dict[str, Any]] = field(default_factory=list)
    words: str = ""

    def runs(self) -> set[str]:
        """Releases of processes that serve or finish their work."""
        serving = {r["release"] for r in self.reports if r.get("release")}
        return serving | {old for r in self.reports for old in r.get("finishing") or []}

    def processes(self) -> set[object]:
        return {report.get("pid") for report in self.reports}

    def serves(self, release: str) -> bool:
        return bool(self.reports) and all(r.get("release") == release for r in self.reports)

    def tries(self, release: str) -> bool:
        """Whether a process serves the release already, and answered its warm request."""
        return any(r.get("release") == release for r in self.reports)

    def refusal(self, release: str) -> str | None:
        """Why a process of this node refuses the release."""
        for report in self.reports:
            if report.get("wanted") == release and report.get("refused"):
                return str(report["refused"])
        return None


def find_mother(cluster: Cluster, shell: Shell) -> Node:
    """The node that has the mother's address now; the other of the pair may have been promoted."""
    pair = [*cluster.with_role("mother"), *cluster.with_role("standby")]
    if not pair:
        raise UsageError(f"{cluster.config}: no node has the role mother")
    if not cluster.mother_address:
        return pair[0]
    command = ["ip", "-o", "addr", "show", "to", cluster.mother_address]
    results = shell.run_all(pair, command, timeout=SHORT_SECONDS)
    for result in results:
        if result.ok and result.out.strip():
            return result.node
    reasons = "; ".join(f"{result.node.name}: {_why(result)}" for result in results)
    raise ReleaseFailed(f"no node has the mother's address {cluster.mother_address} ({reasons})")


def _why(result) -> str:
    return "does not have it" if result.ok else result.reason


class Mother:
    """Orders to mother.py."""

    def __init__(self, node: Node, shell: Shell):
        self.node, self.shell = node, shell

    def order(self, *words: str, timeout: float = SHORT_SECONDS) -> dict[str, Any]:
        result = self.shell.run(
            self.node, ["/usr/bin/python3", f"{TOOLS}/mother.py", *words], timeout=timeout
        )
        return self._answer(result.out.splitlines(), result.reason)

    def make(
        self,
        key: str,
        source: sources.Source,
        packages: Path | None,
        say: Callable[[dict[str, Any]], None],
    ) -> dict[str, Any]:
        """Sends the archive and tells each step as it begins."""
        process = self.shell.popen(
            self.node,
            f"/usr/bin/python3 {TOOLS}/mother.py make {key}",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=False,
        )
        late = threading.Timer(MAKE_SECONDS, process.kill)
        late.start()
        errors: list[bytes] = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read(1 << 20)))
        reader.start()
        sender = threading.Thread(target=send, args=(process.stdin, source, packages))
        sender.start()
        lines = []
        try:
            for line in process.stdout:
                text = line.decode(errors="replace")
                lines.append(text)
                words = _words(text)
                if "step" in words:
                    say(words)
            process.wait()
        finally:
            process.kill()
            late.cancel()
            sender.join(MARGIN_SECONDS)
            reader.join(MARGIN_SECONDS)
        said = b"".join(errors).decode(errors="replace").strip().splitlines()
        return self._answer(lines, said[-1] if said else "the connection ended")

    def _answer(self, lines: list[str], reason: str) -> dict[str, Any]:
        for line in reversed(lines):
            words = _words(line)
            if "done" in words:
                return words["done"]
            if "failed" in words:
                raise ReleaseFailed(str(words["failed"]), [str(x) for x in words.get("lines", [])])
        raise ReleaseFailed(f"{self.node.name}: {reason}")


def send(stream, source: sources.Source, packages: Path | None) -> None:
    """The archive of a release: `src/`, and `site/`, the environment's packages, when the mother lacks them."""
    try:
        with (
            stream,
            gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=1) as packed,
            tarfile.open(fileobj=packed, mode="w|") as archive,
        ):
            sources.add_to(archive, source)
            if packages:
                archive.add(packages, "site")
    except (BrokenPipeError, ConnectionError, ValueError):
        pass  # the mother ended; her words say why


def _words(line: str) -> dict[str, Any]:
    try:
        words = json.loads(line)
    except ValueError:
        return {}
    return words if isinstance(words, dict) else {}


def ask(shell: Shell, nodes: list[Node], *words: str, seconds: float = 0) -> list[NodeReport]:
    """What the nodes' processes run; with `--await`, as soon as they have settled."""
    command = ["/usr/bin/python3", f"{TOOLS}/report.py", *words]
    results = shell.run_all(nodes, command, timeout=seconds + MARGIN_SECONDS)
    return [_report(result) for result in results]


def _report(result) -> NodeReport:
    if result.status == UNREACHABLE:
        return NodeReport(result.node, reached=False, words=result.reason)
    try:
        reports = json.loads(result.out)
        return NodeReport(result.node, True, [r for r in reports if isinstance(r, dict)])
    except ValueError:
        return NodeReport(result.node, True, words=result.reason)


def await_release(
    shell: Shell,
    nodes: list[Node],
    release: str,
    seconds: float,
    again: Callable[[], object],
    how: str = AWAIT,
) -> list[NodeReport]:
    """Waits until every node runs the release or refuses it: all of its processes, or with TRY the first
    one, since the others take the same way. uwsgi can miss a touch (during another
    chain reload), so when no process of a node was replaced for a while, they are told `again`."""
    began = time.monotonic()
    reports: dict[str, NodeReport] = {}
    waiting = list(nodes)
    while waiting:
        left = seconds - (time.monotonic() - began)
        step = max(1.0, min(TOUCH_AGAIN_SECONDS, left))
        before = {name: report.processes() for name, report in reports.items()}
        for report in ask(shell, waiting, how, release, f"{step:.1f}", seconds=step):
            reports[report.node.name] = report
        still = [n.name for n in waiting if before.get(n.name) == reports[n.name].processes()]
        waiting = [n for n in waiting if not _settled(reports[n.name], release, how)]
        if left <= step:
            break
        if any(node.name in still for node in waiting):
            again()
    return [reports[node.name] for node in nodes]


TOUCH_AGAIN_SECONDS = 12


def _settled(report: NodeReport, release: str, how: str) -> bool:
    if not report.reached or report.refusal(release) is not None:
        return True
    return report.serves(release) if how == AWAIT else report.tries(release)
