"""What a node has to know when others were added or taken out: `deploy/up --only server-4` runs this on
the nodes that it does not name. Nothing is installed here, and a node that was never installed is left
alone."""

from pyinfra import host
from pyinfra.api import FactBase

from roles import base, dns
from tiovivo_deploy.data import files
from tiovivo_deploy.job import Job
from tiovivo_deploy.operations import changed, put_files, run


class Installed(FactBase[bool]):
    """Whether deploy/up was here before."""

    def command(self) -> str:
        return "test -e /etc/tiovivo-firewall.nft && echo yes || true"

    @staticmethod
    def default() -> bool:
        return False

    def process(self, output: list[str]) -> bool:
        return "yes" in output


def install(job: Job) -> None:
    if not host.get_fact(Installed):
        return
    base.install_firewall(job)
    if job.node.role in ("mother", "standby"):
        exports = put_files(name="exports", files=[files.exports(job.cluster)])
        if changed(exports):
            run(name="export to all nodes", command="exportfs -ra")
    if job.node.role == "dns":
        job.await_children()
        dns.install_configuration(job)
