"""What every node has, whatever its role: packages and the firewall."""

import ipaddress

from pyinfra import host
from pyinfra.api import FactBase

from tiovivo_deploy.job import Job
from tiovivo_deploy.operations import (
    File,
    Folder,
    changed,
    install_packages,
    put_files,
    service,
    template,
)

PACKAGES = ["ca-certificates", "nftables", "python3", "rsync"]
# What each role serves to everybody, over TCP. (The firewall template has port 53 over UDP.)
PUBLIC_PORTS = {"child": [80, 443], "dns": [53, 443, 853]}


def install(job: Job) -> None:
    install_packages(name="packages of every node", packages=PACKAGES)
    install_firewall(job)


class KernelLacksFirewall(FactBase[bool]):
    """Whether nft is there and the kernel refuses it, as in some containers."""

    def command(self) -> str:
        rules = (
            "add table inet tiovivo_probe; add chain inet tiovivo_probe"
            " c { type filter hook input priority 0; }; add rule inet tiovivo_probe c ct state new"
        )
        return (
            f"! command -v nft >/dev/null || nft --check '{rules}' >/dev/null 2>&1 || echo refused"
        )

    @staticmethod
    def default() -> bool:
        return False

    def process(self, output: list[str]) -> bool:
        return "refused" in "".join(output)


def install_firewall(job: Job) -> None:
    rules = put_files(
        name="firewall rules",
        files=[
            File("/etc/tiovivo-firewall.nft", firewall_rules(job)),
            File(
                "/etc/systemd/system/tiovivo-firewall.service",
                template("base/tiovivo-firewall.service"),
            ),
        ],
        folders=[Folder("/etc/tiovivo-firewall.d")],
    )
    if host.get_fact(KernelLacksFirewall):
        job.note("its kernel has no nftables: no firewall")
        return
    service(name="firewall", unit="tiovivo-firewall.service", reload=changed(rules))


def firewall_rules(job: Job) -> str:
    ports = [job.cluster.ssh.port, *PUBLIC_PORTS.get(job.node.role, [])]
    is_dns = job.node.role == "dns"
    addresses = [ipaddress.ip_address(text) for text in job.cluster.private_addresses]
    addresses += [
        ipaddress.ip_address(text) for node in job.cluster.nodes for text in node.addresses
    ]
    return template(
        "base/firewall.nft",
        cluster4=elements(address for address in addresses if address.version == 4),
        cluster6=elements(address for address in addresses if address.version == 6),
        untracked=template("base/untracked.nft").rstrip() + "\n" if is_dns else "",
        public_untracked="\t\tmeta l4proto { tcp, udp } th dport 53 accept" if is_dns else "",
        ports=", ".join(map(str, sorted(set(ports)))),
    )


def elements(addresses) -> str:
    """The line of a set; nftables refuses an empty one."""
    distinct = sorted(set(addresses))
    return f"\t\telements = {{ {', '.join(map(str, distinct))} }}" if distinct else ""
