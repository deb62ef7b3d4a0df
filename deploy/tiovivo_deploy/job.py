"""One node's installation, as its role sees it."""

from dataclasses import dataclass, field

from gevent.event import Event

from tiovivo_deploy.inventory import Cluster, Node
from tiovivo_deploy.secrets import Secrets

MOTHER_SECONDS = 1800


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
    # The tiovivo program for dns nodes.
    tiovivo: str = ""
    dry: bool = False
    # Set when the mother of this run has come to an end, well or not.
    mother_done: Event = field(default_factory=Event)

    def await_mother(self) -> None:
        """Called where a role needs what the mother serves; returns at once when she is not in
        this run."""
        if not self.dry:
            self.mother_done.wait(MOTHER_SECONDS)
