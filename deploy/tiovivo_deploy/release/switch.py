"""Bringing a release to the nodes, and back: the canary first, then one rename for all."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tiovivo_deploy.inventory import Cluster, Node
from tiovivo_deploy.release import nodes
from tiovivo_deploy.release.nodes import Mother, NodeReport, ReleaseFailed
from tiovivo_deploy.ssh import Shell
from tiovivo_deploy.summary import Report, count

# Until a node has loaded a release anew in all of its processes, on a slow machine over NFS.
NODE_SECONDS = 180
KEEP = 5


@dataclass
class Fleet:
    """Those that run the application, and how they are spoken to."""

    cluster: Cluster
    shell: Shell
    mother: Mother
    report: Report
    reports: list[NodeReport] = field(default_factory=list)

    @property
    def nodes(self) -> list[Node]:
        """All that run the application: the mother to try releases, children, workers. The standby
        runs nothing, and gets the tree by replication."""
        others = self.cluster.with_role("child")
        if self.cluster.application.celery:
            others += self.cluster.with_role("worker")
        return [self.mother.node, *others]

    def await_all(self, some: list[Node], release: str, again: Callable[[], object]):
        return nodes.await_release(self.shell, some, release, NODE_SECONDS, again)

    def await_trial(self, canary: Node, release: str, again: Callable[[], object]):
        return nodes.await_release(
            self.shell, [canary], release, NODE_SECONDS, again, how=nodes.TRY
        )[0]


def roll_out(fleet: Fleet, release: str, before: str | None) -> None:
    """Brings the release to all nodes, or leaves them with what they had."""
    forgive(fleet, release)
    canary = choose_canary(fleet)
    if canary and before:
        try_on_canary(fleet, canary, release)
    fleet.mother.order("switch", release)
    fleet.report.say(f"release {release} is current")
    reports = fleet.await_all(fleet.nodes, release, lambda: fleet.mother.order("touch"))
    bad = [(r, words) for r in reports if (words := complaint(r, release))]
    serving = [r for r in reports if r.serves(release)]
    for report in reports:
        if not report.reached:
            fleet.report.line(
                report.node.name, "not reached: it takes the release when it comes back"
            )
    if bad and before:
        fleet.mother.order("switch", before)
        fleet.report.say(f"back to release {before}")
        fleet.await_all(fleet.nodes, before, lambda: fleet.mother.order("touch"))
    if bad:
        words = "; ".join(f"{report.node.name}: {text}" for report, text in bad)
        stays = f"; release {before} serves on" if before else ""
        raise ReleaseFailed(f"release {release} was not taken by every node: {words}{stays}")
    if not serving:
        raise ReleaseFailed("no node was reached")
    fleet.reports = reports
    for report in serving:
        fleet.report.line(report.node.name, f"runs release {release}")


def complaint(report: NodeReport, release: str) -> str | None:
    """Why the node does not serve the release; None when all of it does, or it was not reached."""
    if not report.reached or report.serves(release):
        return None
    refusal = report.refusal(release)
    if refusal:
        return refusal
    if not report.reports:
        return f"no process of the application runs there ({report.words or 'see deploy/logs'})"
    served = sorted(str(r.get("release")) for r in report.reports)
    return f"after {NODE_SECONDS} s its processes still run {', '.join(served)}"


def forgive(fleet: Fleet, release: str) -> None:
    """A release that was refused once, by a fault that is mended, gets another chance."""
    command = ["/usr/bin/python3", f"{nodes.TOOLS}/report.py", "--forgive", release]
    fleet.shell.run_all(fleet.nodes, command)


def choose_canary(fleet: Fleet) -> Node | None:
    """The first child that answers; a cluster of one child tries the release there all the same."""
    for report in nodes.ask(fleet.shell, fleet.cluster.with_role("child")):
        if report.reached and report.reports:
            return report.node
    return None


def try_on_canary(fleet: Fleet, canary: Node, release: str) -> None:
    def tell():
        fleet.mother.order("canary", canary.name, release)

    tell()
    report = fleet.await_trial(canary, release, tell)
    if not report.tries(release):
        words = complaint(report, release) or report.words
        fleet.mother.order("canary", canary.name, "-")
        raise ReleaseFailed(f"the canary {canary.name} does not take release {release}: {words}")
    fleet.report.line(canary.name, f"canary: runs release {release}, the warm request is answered")


def prune(fleet: Fleet) -> None:
    """Deletes old releases when it is known that nobody runs them."""
    absent = [r.node.name for r in fleet.reports if not r.reached]
    if absent:
        fleet.report.say(f"old releases stay: {', '.join(absent)} may run one of them")
        return
    running = sorted({release for report in fleet.reports for release in report.runs()})
    deleted = fleet.mother.order("prune", str(KEEP), *running, timeout=600)["deleted"]
    if deleted:
        fleet.report.say(f"{count(len(deleted), 'old release')} deleted: {', '.join(deleted)}")
