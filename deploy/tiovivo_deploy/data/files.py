"""What mother, standby and name servers get for the data part, as texts: no node is asked."""

import ipaddress
import json

from tiovivo_deploy.inventory import Cluster, Node, UsageError
from tiovivo_deploy.operations import FILES, File, template
from tiovivo_deploy.secrets import Secrets

TREES = ("/srv/app", "/srv/static", "/srv/media")
# By its number in `fsid=`, a client finds a tree again on the other machine.
EXPORTS = (("/srv/app", 1, "ro"), ("/srv/static", 2, "ro"), ("/srv/media", 3, "rw"))
PACKAGE = "/usr/local/lib/tiovivo/tiovivo_data"
CONFIG = "/etc/tiovivo-data"
# MariaDB falls back by itself after this long; with automatic failover only the watcher does.
MANUAL_TIMEOUT_MS = 2000
AUTOMATIC_TIMEOUT_MS = 10 * 365 * 24 * 3600 * 1000


def pair(cluster: Cluster) -> list[Node]:
    """The machines that can be the mother: the mother and the standby of config.yaml."""
    mothers, standbys = cluster.with_role("mother"), cluster.with_role("standby")
    if len(mothers) != 1 or len(standbys) > 1:
        raise UsageError(
            f"{cluster.config}: {len(mothers)} nodes have the role mother and {len(standbys)} the"
            " role standby; there must be one mother, and at most one standby"
        )
    return [*mothers, *standbys]


def peer(cluster: Cluster, node: Node) -> Node | None:
    """The other machine of the pair."""
    return next((other for other in pair(cluster) if other.name != node.name), None)


def settings(cluster: Cluster, node: Node, secrets: Secrets) -> File:
    """config.json: everything that the programs of a node must know."""
    other = peer(cluster, node) if node in pair(cluster) else None
    database = (cluster.database or {}).get("name") or "application"
    witnesses = cluster.with_role("dns") if cluster.failover == "automatic" else []
    content = {
        "node": node.name,
        "address": check_private(node),
        "mother_address": mother_address(cluster),
        "peer": machine(other) if other else None,
        "witnesses": [machine(witness) for witness in witnesses],
        "pair": [machine(member) for member in pair(cluster)],
        "automatic": cluster.failover == "automatic",
        "fence": (cluster.fence or {}).get("command", []),
        "database": database,
        "database_user": database,
        "database_password": secrets.get("database-password"),
        "replication_password": secrets.get("replication-password"),
        "broker_password": secrets.get("broker-password"),
        "key": secrets.get("failover-key"),
        "api": f"http://{getattr(cluster, 'dashboard', None) or '127.0.0.1:8053'}",
        "trees": list(TREES),
    }
    if node not in pair(cluster):
        # A name server has no business with the database.
        for key in ("database_password", "replication_password", "broker_password"):
            content[key] = ""
        content["fence"] = []
    text = json.dumps(content, indent=1) + "\n"
    return File(f"{CONFIG}/config.json", text, mode="600", secret=True)


def machine(node: Node) -> dict[str, str]:
    return {"name": node.name, "address": check_private(node)}


def mother_address(cluster: Cluster) -> str:
    if not cluster.mother_address:
        raise UsageError(f"{cluster.config}: deploy.mother_address is missing")
    if ipaddress.ip_address(cluster.mother_address).version != 4:
        raise UsageError(f"{cluster.config}: deploy.mother_address must be an IPv4 address")
    return cluster.mother_address


def check_private(node: Node) -> str:
    """The private IPv4 address of a node: replication and the virtual address go by it."""
    for address in [*node.private, *node.addresses]:
        if ipaddress.ip_address(address).version == 4:
            return address
    raise UsageError(f"{node.name}: has no IPv4 address; give it one as `private:`")


def programs() -> list[File]:
    """The Python package and its two commands."""
    folder = FILES / "data"
    modules = [
        File(f"{PACKAGE}/{path.name}", path.read_text(encoding="utf-8"))
        for path in sorted((folder / "tiovivo_data").glob("*.py"))
    ]
    commands = [
        File(f"/usr/local/sbin/{path.name}", path.read_text(encoding="utf-8"), mode="755")
        for path in sorted((folder / "bin").iterdir())
    ]
    return modules + commands


def units(has_peer: bool) -> list[File]:
    """Of mother and standby; without a standby nothing is copied."""
    folder = "/etc/systemd/system"
    wants = "tiovivo-copy.service" if has_peer else ""
    files = [
        File(
            f"{folder}/tiovivo-mother.service",
            template("data/units/tiovivo-mother.service", wants=wants),
        ),
        unit("tiovivo-data.service"),
    ]
    if has_peer:
        files += [unit("tiovivo-copy.service"), unit("tiovivo-receive.service")]
    return files


def unit(name: str) -> File:
    return File(f"/etc/systemd/system/{name}", template(f"data/units/{name}"))


def mariadb(cluster: Cluster, node: Node) -> File:
    automatic = cluster.failover == "automatic"
    words = (
        "only it ends it: a commit waits rather than be lost." if automatic else "2 s, then not."
    )
    text = template(
        "data/mariadb.cnf",
        address=check_private(node),
        mother_address=mother_address(cluster),
        server_id=int(ipaddress.ip_address(check_private(node))),
        timeout_ms=AUTOMATIC_TIMEOUT_MS if automatic else MANUAL_TIMEOUT_MS,
        timeout_words=words,
    )
    return File("/etc/mysql/mariadb.conf.d/99-tiovivo.cnf", text)


def redis(cluster: Cluster, node: Node, secrets: Secrets) -> list[File]:
    text = template(
        "data/redis.conf",
        address=check_private(node),
        mother_address=mother_address(cluster),
        password=secrets.get("broker-password"),
    )
    return [
        File("/etc/redis/tiovivo.conf", text, mode="640", owner="root:redis", secret=True),
        File(
            "/etc/systemd/system/redis-server.service.d/tiovivo.conf",
            template("data/redis-unit.conf"),
        ),
    ]


def exports(cluster: Cluster) -> File:
    """Each node by its address: a private network is often shared with strangers."""
    clients = sorted({check_private(node) for node in cluster.with_role(*NFS_ROLES)})
    lines = ["# Laid by deploy/up; it is replaced at each run."]
    for tree, number, access in EXPORTS:
        options = f"({access},sync,fsid={number},no_subtree_check,root_squash)"
        lines.append(" ".join([tree, *(client + options for client in clients)]))
    return File("/etc/exports.d/tiovivo.exports", "\n".join(lines) + "\n")


NFS_ROLES = ("mother", "standby", "child", "worker")


def copying(cluster: Cluster, node: Node, secrets: Secrets) -> list[File]:
    """lsyncd of the mother and rsync's daemon of the standby; both machines have both."""
    other = peer(cluster, node)
    if other is None:
        return []
    password = secrets.get("replication-password")
    trees = [(tree, tree.rsplit("/", 1)[-1]) for tree in TREES]
    target = f"rsync://tiovivo@{check_private(other)}"
    syncs = "\n".join(
        LSYNCD_TREE.format(tree=tree, target=f"{target}/{name}") for tree, name in trees
    )
    modules = "\n".join(f"[{name}]\npath = {tree}" for tree, name in trees)
    receiver = RSYNCD.format(address=check_private(node), peer=check_private(other))
    folder = "/var/lib/tiovivo-data"
    return [
        File(f"{CONFIG}/copy.lua", LSYNCD_HEAD + syncs + "\n"),
        File(f"{CONFIG}/rsyncd.conf", f"{receiver}\n{modules}\n"),
        File(f"{folder}/rsync-password", password + "\n", mode="600", secret=True),
        File(f"{folder}/rsyncd-secrets", f"tiovivo:{password}\n", mode="600", secret=True),
    ]


LSYNCD_HEAD = """\
-- Laid by deploy/up; it is replaced at each run. What changed is sent within a second: so much of
-- the newest files a power cut of the mother can take.
settings {
    nodaemon = true,
    insist = true,
    maxProcesses = 4,
    statusFile = "/run/tiovivo-data/copy.status",
    statusInterval = 1,
}
"""

LSYNCD_TREE = """
sync {{
    default.rsync,
    source = "{tree}",
    target = "{target}",
    delay = 0.3,
    rsync = {{
        archive = true,
        hard_links = true,
        password_file = "/var/lib/tiovivo-data/rsync-password",
        _extra = {{ "--timeout=30", "--contimeout=5" }},
    }},
}}"""

RSYNCD = """\
# Laid by deploy/up; it is replaced at each run. The mother alone may send.
address = {address}
port = 873
uid = root
gid = root
use chroot = yes
read only = no
numeric ids = yes
max connections = 8
timeout = 60
# A name of the mother is asked for before each copy otherwise, for seconds where nobody answers.
reverse lookup = no
hosts allow = {peer}
hosts deny = *
auth users = tiovivo
secrets file = /var/lib/tiovivo-data/rsyncd-secrets
"""
