"""Builds wheels of packages that are published as sources only, in a root of the nodes' own release:
what is compiled there fits the nodes' libraries."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from tiovivo_deploy.inventory import UsageError
from tiovivo_deploy.release.source import cache_folder

# A compiler, and what Django projects most often compile against.
PACKAGES = (
    *("python3-dev", "python3-pip", "python3-venv", "gcc", "g++", "make", "pkg-config", "git"),
    *("ca-certificates", "libmariadb-dev", "libpq-dev", "libffi-dev", "libssl-dev", "zlib1g-dev"),
    *("libjpeg-dev", "libxml2-dev", "libxslt1-dev", "libldap2-dev", "libsasl2-dev", "gettext"),
)
MAKE_SECONDS = 1200
BUILD_SECONDS = 1800
SHOWN_LINES = 15


def build(folder: Path, requirements: Path, debian: str, machine: str) -> None:
    """Puts wheels of everything in `requirements` into `folder`."""
    if machine != platform.machine():
        raise UsageError(
            f"some requirements have no wheel for {machine}, and this machine is a"
            f" {platform.machine()}: put wheels of them into an index that pip knows"
        )
    root = Path("/")
    prefix = []
    if not is_this_machine(debian):
        root = make_root(debian)
        prefix = ["chroot", str(root)]
    place = Path("/tmp") / f"tiovivo-wheels-{os.getpid()}"
    inside = root / place.relative_to("/")
    inside.mkdir(mode=0o755)
    try:
        shutil.copy(requirements, inside / "requirements.txt")
        for wheel in folder.glob("*.whl"):
            shutil.copy(wheel, inside)
        venv = place / "venv"
        run([*prefix, "/usr/bin/python3", "-m", "venv", str(venv)], MAKE_SECONDS)
        command = [*prefix, str(venv / "bin/python"), "-m", "pip", "wheel", "--quiet"]
        command += ["--disable-pip-version-check", "--find-links", str(place)]
        command += ["--wheel-dir", str(place), "-r", str(place / "requirements.txt")]
        run(command, BUILD_SECONDS)
        for wheel in inside.glob("*.whl"):
            shutil.copy(wheel, folder)
    finally:
        shutil.rmtree(inside, ignore_errors=True)


def is_this_machine(debian: str) -> bool:
    """Whether this machine runs the nodes' release and has what compiling needs."""
    try:
        release = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return False
    if f"VERSION_CODENAME={debian}" not in release.replace('"', "").splitlines():
        return False
    needed = ("python3-dev", "python3-venv", "gcc", "pkg-config", "libmariadb-dev")
    done = subprocess.run(["dpkg", "-s", *needed], capture_output=True, check=False)
    return done.returncode == 0


def make_root(debian: str) -> Path:
    """The root, made once; needs root and mmdebstrap or debootstrap."""
    root = cache_folder() / f"build-{debian}"
    if (root / "complete").exists():
        refresh(root)
        return root
    maker = shutil.which("mmdebstrap") or shutil.which("debootstrap")
    if os.geteuid() != 0 or not maker:
        raise UsageError(
            "some requirements have no wheel and must be built: run this as root on a machine with"
            " mmdebstrap (apt-get install mmdebstrap), or pin versions that are published as wheels"
        )
    shutil.rmtree(root, ignore_errors=True)
    names = ",".join(PACKAGES)
    run([maker, "--variant=minbase", f"--include={names}", debian, str(root)], MAKE_SECONDS)
    refresh(root)
    (root / "complete").touch()
    return root


def refresh(root: Path) -> None:
    """Names, authorities and pip's configuration of this machine, which may change."""
    for name in ("etc/resolv.conf", "etc/pip.conf", "etc/hosts"):
        if Path("/", name).is_file():
            (root / name).unlink(missing_ok=True)
            shutil.copy(Path("/", name), root / name)
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    if certificates.is_file():
        shutil.copy(certificates, root / "etc/ssl/certs/ca-certificates.crt")


def run(command: list[str], seconds: int) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"{command[0]} did not end within {seconds} s") from error
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()[-SHOWN_LINES:]
        raise UsageError("wheels cannot be built:\n  " + "\n  ".join(lines))
