"""The trees that the mother serves: releases and static files to read, media to write. Each is a
systemd mount, which waits for the mother when she is away, at boot as well."""

from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import FactBase

from tiovivo_deploy.inventory import UsageError
from tiovivo_deploy.job import Job
from tiovivo_deploy.operations import (
    File,
    Folder,
    install_packages,
    put_files,
    run,
    service,
    template,
)

PACKAGES = ["nfs-common"]
# For a change of a release or a file to be seen within a second; with NFS's defaults it is a minute.
# `retry` is in minutes: a node that boots while the mother is away mounts when she is back.
COMMON = "nfsvers=4.2,hard,actimeo=1,nosuid,nodev,_netdev,retry=10080"
MOUNT_SECONDS = 120


@dataclass(frozen=True)
class Tree:
    path: str
    options: str


APP = Tree("/srv/app", f"ro,{COMMON}")
STATIC = Tree("/srv/static", f"ro,noexec,{COMMON}")
# A name that was asked for before it came would be missing for half a minute otherwise.
MEDIA = Tree("/srv/media", f"rw,noexec,lookupcache=positive,{COMMON}")


class Mounts(FactBase[dict[str, tuple[str, str]]]):
    """What is mounted: path to (source, kind of file system)."""

    def command(self) -> str:
        return "cat /proc/self/mounts"

    @staticmethod
    def default() -> dict[str, tuple[str, str]]:
        return {}

    def process(self, output: list[str]) -> dict[str, tuple[str, str]]:
        rows = [line.split() for line in output]
        return {row[1]: (row[0], row[2]) for row in rows if len(row) > 2}


def trees_of(job: Job) -> list[Tree]:
    application = job.cluster.application
    static = [STATIC] if application and application.static else []
    media = [MEDIA] if application and application.media else []
    return [APP, *static, *media]


def install(job: Job) -> None:
    install_packages(name="packages for NFS", packages=PACKAGES)
    mounts = host.get_fact(Mounts)
    own = [tree for tree in trees_of(job) if not is_foreign(mounts, tree)]
    if not own:
        return
    source = job.cluster.mother_address
    if not source:
        raise UsageError(
            "deploy.mother_address is missing: the nodes mount the mother's trees there"
        )
    source = f"[{source}]" if ":" in source else source
    put_files(
        name="mount units",
        files=[File(unit_path(tree), mount_unit(tree, source)) for tree in own],
    )
    job.await_mother()
    for tree in own:
        mount(tree, f"{source}:{tree.path}", mounts)


def mount(tree: Tree, what: str, mounts: dict[str, tuple[str, str]]) -> None:
    there = mounts.get(tree.path, ("", ""))[0]
    if not there:
        # The folder below a mount is made only while nothing is mounted on it.
        put_files(name=f"folder {tree.path}", folders=[Folder(tree.path)])
        run(
            name=f"mount {tree.path}",
            command=f"systemctl daemon-reload && systemctl --quiet enable {unit(tree)} &&"
            f" timeout {MOUNT_SECONDS} systemctl start {unit(tree)} || {{ echo 'the mother does not"
            f" serve {what} within {MOUNT_SECONDS} s; this node goes on trying' >&2;"
            f" systemctl --no-pager --full --lines=15 status {unit(tree)} >&2; exit 1; }}",
            seconds=MOUNT_SECONDS + 30,
        )
        return
    service(name=f"unit of {tree.path}", unit=unit(tree))
    if there != what:
        raise UsageError(
            f"{tree.path} is mounted from {there}, and should be from {what}:"
            f" stop the application, then systemctl restart {unit(tree)}, or restart the node"
        )


def is_foreign(mounts: dict[str, tuple[str, str]], tree: Tree) -> bool:
    """Whether another kind of storage is mounted there: it is the operator's own, and stays."""
    kind = mounts.get(tree.path, ("", ""))[1]
    return bool(kind) and not kind.startswith("nfs") and kind != "autofs"


def unit(tree: Tree) -> str:
    return tree.path.strip("/").replace("/", "-") + ".mount"


def unit_path(tree: Tree) -> str:
    return f"/etc/systemd/system/{unit(tree)}"


def mount_unit(tree: Tree, source: str) -> str:
    return template(
        "mounts/nfs.mount", what=f"{source}:{tree.path}", where=tree.path, options=tree.options
    )
