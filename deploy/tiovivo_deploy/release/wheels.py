"""The project's requirements as wheels for the nodes' Python, made on this machine: nodes need no way
out. Wheels are kept below the user's cache by a hash of what they were made from."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tiovivo_deploy.inventory import Cluster, UsageError
from tiovivo_deploy.release import build_root
from tiovivo_deploy.release.source import cache_folder

PIP_SECONDS = 1200
# A project may bring these itself; where it does not, the cluster needs them.
DRIVERS = ("mysqlclient", "pymysql")
DRIVER = "PyMySQL>=1.1"
# kombu imports packaging for redis, and does not ask for it.
BROKER = ("redis>=4.5", "packaging")
# glibc of the nodes is at least the one for which these wheels were built.
OLDEST_GLIBC = 5
SHOWN_LINES = 12
INCLUDE = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[\s=]\s*(\S+)")


@dataclass(frozen=True)
class Target:
    """Python and machine of the nodes, as the mother says."""

    python: str  # with all its parts, as 3.11.2
    machine: str
    libc: str
    debian: str

    @property
    def minor(self) -> str:
        return ".".join(self.python.split(".")[:2])

    def platforms(self) -> list[str]:
        """Wheel tags that run there, the newest first."""
        minor = int(self.libc.partition(".")[2] or 36)
        newest_first = range(minor, OLDEST_GLIBC - 1, -1)
        tags = [f"manylinux_2_{number}_{self.machine}" for number in newest_first]
        tags += [f"{name}_{self.machine}" for name in ("manylinux2014", "linux")]
        if self.machine in ("x86_64", "i686"):
            tags += [f"{name}_{self.machine}" for name in ("manylinux2010", "manylinux1")]
        return tags


@dataclass(frozen=True)
class Requirements:
    """What pip is asked for: the project's file, and what the cluster adds."""

    file: Path | None
    text: str
    extra: list[str]

    def key(self, target: Target) -> str:
        """The name of the virtual environment."""
        text = "\n".join([target.minor, target.machine, target.debian, self.text, *self.extra])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_requirements(cluster: Cluster, folder: Path) -> Requirements:
    """The project's requirements with all files that they include."""
    application = cluster.application
    name = application.requirements or "requirements.txt"
    path = folder / name
    if not path.is_file() and name == "requirements.txt":
        path = folder / "pyproject.toml"
    if not path.is_file():
        raise UsageError(f"{folder / name}: no such file (deploy.application.requirements)")
    text = of_pyproject(path) if path.suffix == ".toml" else read_included(path, folder, set())
    packages = {_canonical(line) for line in text.splitlines()}
    extra = [] if packages & set(DRIVERS) else [DRIVER]
    if application.celery:
        extra += [line for line in BROKER if _canonical(line) not in packages]
    return Requirements(None if path.suffix == ".toml" else path, text, extra)


def read_included(path: Path, folder: Path, seen: set[Path]) -> str:
    """The text of a requirements file, with included files in their places."""
    path = path.resolve()
    if path in seen:
        return ""
    seen.add(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error
    texts = []
    for line in lines:
        included = INCLUDE.match(line)
        texts.append(read_included(path.parent / included[1], folder, seen) if included else line)
    return "\n".join(texts)


def of_pyproject(path: Path) -> str:
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
        return "\n".join(project["dependencies"])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"{path}: no [project] dependencies; name a requirements file by"
            " deploy.application.requirements"
        ) from error


def _canonical(line: str) -> str:
    name = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line)
    return re.sub(r"[-_.]+", "-", name[1]).lower() if name else ""


def make(requirements: Requirements, target: Target, say) -> Path:
    """The folder of installed packages, for the site-packages of the virtual environment. Installing
    is unpacking, which this machine does in the nodes' stead."""
    place = cache_folder() / "environments" / requirements.key(target)
    if (place / "complete").exists():
        os.utime(place)
        return place / "site"
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    try:
        wheels = fresh / "wheels"
        wheels.mkdir()
        (wheels / "requirements.txt").write_text(_without_itself(requirements.text))
        (wheels / "extra.txt").write_text("\n".join(requirements.extra) + "\n")
        download(wheels, target, say)
        say("unpacking wheels")
        unpack(wheels, fresh / "site", target, requirements.key(target))
        shutil.rmtree(wheels)
        (fresh / "complete").touch()
        shutil.rmtree(place, ignore_errors=True)
        fresh.rename(place)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return place / "site"


def _without_itself(text: str) -> str:
    """Without lines that install the project itself: its files are in the release."""
    own = re.compile(r"^\s*(-e\s*|--editable[\s=]\s*)?\.(\[.*\])?/?\s*$")
    return "\n".join(line for line in text.splitlines() if not own.match(line)) + "\n"


def download(folder: Path, target: Target, say) -> None:
    """Wheels as they are published; what has none is built in a root of the nodes' release."""
    say("fetching wheels")
    for name in ("requirements.txt", "extra.txt"):
        what = ["-r", str(folder / name)]
        if name == "extra.txt":
            # What the project chose stays as it is.
            constraints = folder / "constraints.txt"
            constraints.write_text("".join(f"{n}=={v}\n" for n, v in versions(folder)))
            what += ["-c", str(constraints)]
        if fetch(folder, target, what):
            say("building wheels: not everything is published as one")
            build_root.build(folder, folder / name, target.debian, target.machine)


def versions(folder: Path) -> list[tuple[str, str]]:
    """Name and version of each wheel."""
    return [tuple(path.name.split("-")[:2]) for path in sorted(folder.glob("*.whl"))]


def unpack(folder: Path, site: Path, target: Target, key: str) -> None:
    """Installs the wheels into `site`, and compiles them where this Python writes what theirs reads."""
    names = sorted(str(path) for path in folder.glob("*.whl"))
    site.mkdir()
    if names:
        failure = pip(target, "install", "--no-deps", "--no-compile", "--target", str(site), *names)
        if failure:
            raise UsageError("the requirements cannot be installed:\n  " + "\n  ".join(failure))
    # Commands that would start this machine's Python.
    shutil.rmtree(site / "bin", ignore_errors=True)
    if target.minor == "{}.{}".format(*sys.version_info):
        command = [sys.executable, "-m", "compileall", "-q", "-j", "0"]
        command += ["--invalidation-mode=unchecked-hash", "-s", str(site)]
        command += ["-p", f"/srv/app/venvs/{key}/lib/python{target.minor}/site-packages"]
        subprocess.run(
            [*command, str(site)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PIP_SECONDS,
            check=False,
        )
        (site / ".compiled").touch()


def fetch(folder: Path, target: Target, what: list[str]) -> list[str]:
    """Downloads wheels; the last lines that pip said when it failed, none when all is there."""
    # Of wheels that were built for a part of the same requirements.
    return pip(target, "download", "--find-links", str(folder), "--dest", str(folder), *what)


def pip(target: Target, command: str, *words: str) -> list[str]:
    """Runs pip for the nodes' Python; the last lines that it said when it failed."""
    line = [sys.executable, "-m", "tiovivo_deploy.release.pip_for", target.python, target.machine]
    line += [command, "--disable-pip-version-check", "--quiet", "--only-binary=:all:"]
    line += ["--implementation", "cp", "--python-version", target.python]
    for abi in (f"cp{target.minor.replace('.', '')}", "abi3", "none"):
        line += ["--abi", abi]
    for platform in target.platforms():
        line += ["--platform", platform]
    try:
        done = subprocess.run(
            [*line, *words],
            capture_output=True,
            text=True,
            timeout=PIP_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [f"pip did not end within {PIP_SECONDS} s"]
    if done.returncode == 0:
        return []
    return (done.stderr.strip().splitlines() or ["pip gave no reason"])[-SHOWN_LINES:]
