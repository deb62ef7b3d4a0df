"""What the mother and the standby have in common: the same services on both, so that each can replace
the other. Which of them is the mother now is asked, never taken from config.yaml."""

import json
from collections.abc import Iterable
from typing import Any

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation

from tiovivo_deploy.data import files, plan
from tiovivo_deploy.data.plan import Plan
from tiovivo_deploy.inventory import UsageError
from tiovivo_deploy.job import Job
from tiovivo_deploy.operations import (
    Folder,
    changed,
    install_packages,
    put_files,
    run,
    service,
)
from tiovivo_deploy.ssh import Shell

PACKAGES = (
    "mariadb-server",
    "mariadb-client",
    "redis-server",
    "nfs-kernel-server",
    "lsyncd",
    "rsync",
    "iproute2",
    "python3",
)
SET_UP_SECONDS = 300
JOIN_SECONDS = 6 * 3600


class DataState(FactBase[dict[str, Any]]):
    """What `tiovivo-data state` prints; nothing before it is installed."""

    def command(self) -> str:
        return "/usr/local/sbin/tiovivo-data state 2>/dev/null || true"

    @staticmethod
    def default() -> dict[str, Any]:
        return {}

    def process(self, output: Iterable[str]) -> dict[str, Any]:
        try:
            return json.loads("\n".join(output) or "{}")
        except ValueError:
            return {}


def install(job: Job) -> Plan:
    """Everything of the data part. Returns who is the mother now."""
    shell = Shell(job.cluster)
    try:
        now = plan.look(job.cluster, shell)
        if now.refusal and now.kind(job.node) in ("new", "unknown"):
            raise UsageError(now.refusal)
        lay(job)
        if now.mother == job.node.name:
            become_mother(job)
        else:
            become_standby(job, now, shell)
        return now
    finally:
        shell.close()


def lay(job: Job) -> None:
    """Packages, files and services; neither address nor writes."""
    cluster, node, secrets = job.cluster, job.node, job.secrets
    has_peer = files.peer(cluster, node) is not None
    # Before the packages: their services start at once, and must not listen to everybody.
    early = put_files(
        name="listen on private addresses alone",
        files=[
            files.File("/etc/sysctl.d/60-tiovivo-data.conf", files.template("data/sysctl.conf")),
            files.File("/etc/nfs.conf.d/tiovivo.conf", files.template("data/nfs.conf")),
        ],
    )
    if changed(early):
        run(
            name="settings of the kernel", command="sysctl -q -p /etc/sysctl.d/60-tiovivo-data.conf"
        )
    install_packages(name="database, broker and file server", packages=list(PACKAGES))
    put_files(
        name="folders of application, static files and media",
        folders=[
            Folder("/srv/app"),
            Folder("/srv/static"),
            Folder("/srv/media", mode="775", owner="www-data:www-data"),
            Folder("/var/lib/tiovivo-data", mode="700"),
            Folder(files.CONFIG, mode="755"),
        ],
    )
    programs = put_files(
        name="programs of mother and standby",
        files=[*files.programs(), files.settings(cluster, node, secrets)],
    )
    units = put_files(name="units of mother and standby", files=files.units(has_peer))
    copying = put_files(name="copying of files", files=files.copying(cluster, node, secrets))
    mariadb = put_files(name="configuration of MariaDB", files=[files.mariadb(cluster, node)])
    redis = put_files(name="configuration of redis", files=files.redis(cluster, node, secrets))
    exports = put_files(name="exports", files=[files.exports(cluster)])
    restart = {
        "mariadb.service": changed(mariadb),
        "redis-server.service": changed(redis),
        "nfs-server.service": changed(early),
        "tiovivo-data.service": changed(programs) or changed(units),
    }
    start_services(
        name="database, broker, file server and watcher",
        restart=restart,
        reread=changed(units) or changed(redis),
    )
    if changed(exports) and not changed(early):
        run(name="export to all nodes", command="exportfs -ra")
    if changed(copying):
        run(
            name="copy with the new settings",
            command="systemctl try-restart tiovivo-copy.service tiovivo-receive.service",
        )


class UnitStates(FactBase[dict[str, dict[str, str]]]):
    """What systemd says of several units, by one command."""

    def command(self, units: list[str]) -> str:
        return f"systemctl show -p Id,ActiveState,UnitFileState {' '.join(units)} 2>/dev/null; true"

    @staticmethod
    def default() -> dict[str, dict[str, str]]:
        return {}

    def process(self, output: Iterable[str]) -> dict[str, dict[str, str]]:
        blocks = "\n".join(output).split("\n\n")
        states = [
            dict(line.split("=", 1) for line in b.splitlines() if "=" in line) for b in blocks
        ]
        return {state["Id"]: state for state in states if "Id" in state}


@operation()
def start_services(restart: dict[str, bool], reread: bool):
    """Enables and starts them all at once: systemd reads all units anew after each `enable`, which is
    seconds on a slow machine, and their starts need not wait for each other."""
    states = host.get_fact(UnitStates, units=sorted(restart))
    enabled = {"enabled", "enabled-runtime", "static", "alias"}
    new = [u for u in restart if states.get(u, {}).get("UnitFileState") not in enabled]
    again = [unit for unit, wanted in restart.items() if wanted]
    still = [
        unit
        for unit in restart
        if unit not in again and states.get(unit, {}).get("ActiveState") != "active"
    ]
    commands = [
        f"systemctl {verb} {' '.join(units)}"
        for verb, units in (("-q enable", new), ("restart", again), ("start", still))
        if units
    ]
    if not commands and not reread:
        host.noop("all services run")
        return
    if reread and not new:
        commands.insert(0, "systemctl daemon-reload")
    explain = f"systemctl --no-pager --full --lines=15 status {' '.join(restart)} >&2; exit 1"
    yield StringCommand(" && ".join(commands) + f" || {{ {explain}; }}", _timeout=SET_UP_SECONDS)


def become_mother(job: Job) -> None:
    state = host.get_fact(DataState)
    alone = files.peer(job.cluster, job.node) is None
    if not alone:
        service(name="receiver is off", unit="tiovivo-receive.service", running=False)
    serves = state.get("kind") == "mother" and state.get("holds_address")
    if not serves or state.get("read_only") is not False:
        run(name="be the mother", command="tiovivo-data set-up", seconds=SET_UP_SECONDS)
    if not job.dry:
        plan.mark_made(job.cluster)
    # Without a standby nobody else can be the mother, so a boot may bring it back.
    service(name="the mother's address", unit="tiovivo-mother.service", running=True, enabled=alone)


def become_standby(job: Job, now: Plan, shell: Shell) -> None:
    """A machine without data joins by itself; one that was the mother only by deploy/rejoin."""
    kind = now.kind(job.node)
    if now.mother is None or (kind == "mother" and not job.dry):
        job.note(now.refusal or f"it was replaced by {now.mother}: deploy/rejoin {job.node.name}")
        return
    mother = job.cluster.node(now.mother)
    if kind in ("new", "joining"):
        if mother.role == "mother":
            job.await_mother()
        standing = plan.look(job.cluster, shell).standings[mother.name]
        if not job.dry and standing.kind != "mother":
            raise UsageError(f"{mother.name} is not the mother yet: it has to be installed first")
        run(
            name="copy everything from the mother",
            command=f"tiovivo-data join {standing.epoch} {standing.since}",
            seconds=JOIN_SECONDS,
        )
        if not job.dry:
            sent = shell.run(mother, "tiovivo-data send", timeout=JOIN_SECONDS)
            if not sent.ok:
                raise UsageError(f"{mother.name}: files were not sent: {sent.reason}")
        run(name="be the standby", command="tiovivo-data joined")
    if kind in ("new", "joining", "standby"):
        service(name="receiver of files", unit="tiovivo-receive.service")
    service(name="no address at boot", unit="tiovivo-mother.service", running=False, enabled=False)
