"""A name server: the program tiovivo, the configuration, and the secrets that all name servers share.
Never are two of them restarted at once, and a configuration that this machine would refuse is not laid."""

import shlex

from pyinfra import host
from pyinfra.api import FactBase, FileUploadCommand, StringCommand, operation

from roles import witness
from tiovivo_deploy import dns_files
from tiovivo_deploy.inventory import UsageError
from tiovivo_deploy.job import Job
from tiovivo_deploy.operations import (
    File,
    Folder,
    Stats,
    UnitState,
    changed,
    mark_unfinished,
    put_files,
    run,
    service,
    template,
)

UNIT = "tiovivo.service"
BINARY = "/usr/local/bin/tiovivo"
# The one before, for the way back.
PREVIOUS = "/usr/local/lib/tiovivo/previous"
WORK = "/var/lib/tiovivo-deploy"
HEALTH_SECONDS = 30
BACK = (
    f"if [ -e {PREVIOUS} ]; then cp -p {PREVIOUS} {BINARY}.new && mv -f {BINARY}.new {BINARY};"
    f" systemctl restart {UNIT} && echo 'the program before is back, and runs' >&2; fi"
)


def install(job: Job) -> None:
    program = install_program(name="program tiovivo", binary=job.tiovivo)
    secrets = put_files(
        name="secrets of tiovivo",
        folders=[Folder(dns_files.SECRETS, mode="700")],
        files=dns_files.secret_files(job.cluster, job.secrets),
    )
    unit = put_files(
        name="unit of tiovivo",
        files=[File(f"/etc/systemd/system/{UNIT}.d/deploy.conf", template("dns/deploy.conf"))],
    )
    if is_running():
        # Clients are answered by it; a new server may well start before the children.
        job.await_children()
    # Program, unit and configuration of one run belong together: only then it restarts.
    install_configuration(job, restart=changed(program, secrets, unit))
    witness.install(job)


def install_configuration(job: Job, restart: bool = False) -> None:
    files = dns_files.config_files(job.cluster, job.node, dns_files.ETC, dns_files.CREDENTIALS)
    try_configuration(job, files)
    config = put_files(name="configuration of tiovivo", files=files)
    begin(job, restart, reload=changed(config))


def is_running() -> bool:
    return host.get_fact(UnitState, unit=UNIT).get("ActiveState") == "active"


def begin(job: Job, restart: bool, reload: bool = False) -> None:
    """Restarts wait for each other, until the server before answers. A program that does not start
    gives its place back to the one before."""
    if not restart:
        service(name="tiovivo runs", unit=UNIT, reload=reload)
        return
    with job.one_at_a_time:
        if job.gates.fallen:
            raise UsageError(f"left as it is, since {job.gates.fallen} did not come back well")
        job.gates.fallen = job.node.name
        restarted = service(name="tiovivo runs", unit=UNIT, restart=True, on_failure=BACK)
        if changed(restarted) and not job.dry:
            health = f"{BINARY} health --config {dns_files.ETC}/config.yaml"
            run(
                name="tiovivo answers",
                command=f"for i in $(seq {HEALTH_SECONDS}); do {health} >&2 && exit 0; sleep 1; done;"
                f" journalctl --unit {UNIT} --lines 15 --no-pager >&2; exit 1",
                seconds=HEALTH_SECONDS * 3,
            )
        # Not reached when an operation failed: what felled one name server must not fell them all.
        job.gates.fallen = ""


class ProgramHashes(FactBase[dict[str, str]]):
    """Hashes of the installed files of the program."""

    def command(self, paths: list[str]) -> str:
        return f"sha256sum -- {shlex.join(paths)} 2>/dev/null; true"

    @staticmethod
    def default() -> dict[str, str]:
        return {}

    def process(self, output: list[str]) -> dict[str, str]:
        return {line[66:]: line[:64] for line in output if len(line) > 66}


@operation()
def install_program(binary: str):
    """Lays the program, its unit, manual pages and completions. The program is tried before it takes
    the place of the one that is there."""
    program = dns_files.pack_program(binary)
    if host.get_fact(ProgramHashes, paths=sorted(program.hashes)) == program.hashes:
        host.noop("the program is installed")
        return
    archive = f"{WORK}/tiovivo.tar.gz"
    yield StringCommand(f"{mark_unfinished()} && rm -rf {WORK}/new && mkdir {WORK}/new")
    yield FileUploadCommand(str(program.archive), archive)
    yield StringCommand(
        f"tar -C {WORK}/new -xzf {archive} && {WORK}/new{BINARY} --version >&2"
        f" && mkdir -p {PREVIOUS.rpartition('/')[0]} {BINARY.rpartition('/')[0]}"
        f" && {{ [ ! -e {BINARY} ] || cp -p {BINARY} {PREVIOUS}; }}"
        f" && cp -p {WORK}/new{BINARY} {BINARY}.new && mv -f {BINARY}.new {BINARY}"
        f" && rm {WORK}/new{BINARY} && cp -a {WORK}/new/. / && rm -rf {WORK}/new {archive}"
    )


def try_configuration(job: Job, files: list[File]) -> None:
    """Has the new program read the new configuration aside; its faults are the operator's to read,
    and the old configuration stays."""
    stats = host.get_fact(Stats, paths=[file.path for file in files])
    if job.dry or all(
        stats.get(file.path) and stats[file.path].sha256 == file.hash for file in files
    ):
        return
    aside = f"{WORK}/config"
    put_files(
        name="configuration of tiovivo, aside",
        files=dns_files.config_files(job.cluster, job.node, aside, dns_files.SECRETS),
    )
    run(
        name="tiovivo accepts its configuration",
        command=f"{BINARY} check --config {aside}/config.yaml >/dev/null 2>{WORK}/faults; status=$?;"
        f" sed 's|{aside}|{dns_files.ETC}|g' {WORK}/faults >&2; rm -rf {aside} {WORK}/faults; exit $status",
    )
