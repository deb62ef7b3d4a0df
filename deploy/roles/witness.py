"""A name server's part in a failover by itself; the role dns calls it."""

from pyinfra import host

from tiovivo_deploy.data import files
from tiovivo_deploy.job import Job
from tiovivo_deploy.operations import File, UnitState, changed, put_files, service, template

WAKE = "/usr/local/sbin/tiovivo-data"
UNIT = "tiovivo-witness.service"


def install(job: Job) -> None:
    """Nothing with `failover: manual`, but what an automatic one left is stopped."""
    if not job.cluster.mother_address or not job.cluster.with_role("mother"):
        return
    if job.cluster.failover != "automatic":
        stop()
        return
    laid = put_files(
        name="witness of the mother",
        files=[
            *files.programs(),
            files.settings(job.cluster, job.node, job.secrets),
            File(f"/etc/systemd/system/{UNIT}", template(f"data/units/{UNIT}")),
        ],
    )
    service(name="witness of the mother", unit=UNIT, restart=changed(laid))
    if not has_hook(job):
        job.note(
            "no hook wakes the witness, so a failover takes up to a second longer: config.yaml wants"
            f" hooks: [{{ name: failover, command: [{WAKE}, wake], on: [node], pools: [mother] }}]"
        )


def stop() -> None:
    if host.get_fact(UnitState, unit=UNIT).get("ActiveState") == "active":
        service(name="no witness", unit=UNIT, running=False, enabled=False)


def has_hook(job: Job) -> bool:
    try:
        with open(job.cluster.config, encoding="utf-8", errors="replace") as file:
            return f"{WAKE}, wake" in file.read(4 * 1024 * 1024)
    except OSError:
        return False
