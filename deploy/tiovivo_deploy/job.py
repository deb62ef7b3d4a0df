"""One node's installation, as its role sees it."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gevent.event import Event
from gevent.lock import BoundedSemaphore

from tiovivo_deploy.inventory import ROLES, Cluster, Node
from tiovivo_deploy.secrets import Secrets

MOTHER_SECONDS = 1800
CHILDREN_SECONDS = 900


class Gates:
    """What the nodes of one run wait for: that all nodes of a role have come to an end, well or not. A
    role without nodes in the run is open from the start."""

    def __init__(self, nodes: Iterable[Node]):
        self._pending = Counter(node.role for node in nodes)
        self._gates = {role: Event() for role in ROLES}
        self._ended: set[str] = set()
        # The name server that did not come back after its restart.
        self.fallen = ""
        for role in ROLES:
            if not self._pending[role]:
                self._gates[role].set()

    def end(self, node: Node) -> None:
        """This node has come to its end, or so far that nobody need wait for it any longer."""
        if node.name in self._ended:
            return
        self._ended.add(node.name)
        self._pending[node.role] -= 1
        if self._pending[node.role] == 0:
            self._gates[node.role].set()

    def wait(self, role: str, seconds: float) -> bool:
        return self._gates[role].wait(seconds)


@dataclass
class Job:
    """What a role gets: `def install(job: Job)` in deploy/roles/ROLE.py. It calls operations, which
    take effect at once, in order; with `dry` they only look. So a role reads like a script:

        config = put_files(name="configuration of nginx", files=[...])
        service(name="nginx", unit="nginx.service", reload=changed(config))

    A failing operation ends the role of this node, and of no other."""

    node: Node
    cluster: Cluster
    secrets: Secrets
    gates: Gates
    # The tiovivo program for dns nodes.
    tiovivo: str = ""
    dry: bool = False
    # Name servers are restarted one after another: `with job.one_at_a_time:`.
    one_at_a_time: BoundedSemaphore = field(default_factory=BoundedSemaphore)
    # Tells what the node is at now, where that is no operation.
    begin_step: Callable[[str], None] = lambda step: None
    # What the summary says of this node beside the changes.
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Words for the summary: what this run could not do, and need not fail for."""
        self.notes.append(text)

    def await_mother(self) -> None:
        """Called where a role needs what the mother serves; returns at once when she is not in
        this run."""
        if not self.dry:
            self.begin_step("waiting for the mother")
            self.gates.wait("mother", MOTHER_SECONDS)

    def mother_is_ready(self) -> None:
        """The mother serves: whoever waits for her goes on, though her role has not ended."""
        if not self.dry:
            self.gates.end(self.node)

    def await_children(self) -> None:
        """Called by name servers: a new child is answered as soon as they know it, so it comes
        first."""
        if not self.dry:
            self.begin_step("waiting for the children")
            self.gates.wait("child", CHILDREN_SECONDS)
