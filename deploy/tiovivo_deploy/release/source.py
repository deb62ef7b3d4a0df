"""The project's files, from a folder or from git."""

import hashlib
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tiovivo_deploy.inventory import Cluster, UsageError

GIT_SECONDS = 600
# What is no part of a release, wherever it stands.
JUNK_FOLDERS = {
    *(".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".idea", ".vscode", ".vagrant"),
}
JUNK_SUFFIXES = (".pyc", ".pyo", ".sqlite3", ".swp", "~")
# Secrets of a developer's own machine; the nodes' come from `env_file`.
JUNK_FILES = {".env"}
LARGEST_MB = 2048


@dataclass(frozen=True)
class Source:
    """A folder on this machine that holds the project, and words for where it comes from."""

    folder: Path
    words: str
    # Paths below the folder that are left out: the cluster's own secrets.
    without: tuple[Path, ...] = ()


def open_source(cluster: Cluster) -> Source:
    """The source of config.yaml; from git a fresh check-out below the user's cache."""
    source = cluster.application.source
    if "git" in source:
        return check_out(source["git"], source.get("ref") or "HEAD")
    folder = Path(source["folder"])
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder (deploy.application.source)")
    secret = [Path(cluster.folder) / "secrets", Path(cluster.folder) / "state"]
    if cluster.application.env_file:
        secret.append(Path(cluster.application.env_file))
    return Source(folder, str(folder), tuple(path.resolve() for path in secret))


def check_out(url: str, ref: str) -> Source:
    """The files of one commit; the repository is kept, so that the next time is short."""
    place = cache_folder() / "git" / hashlib.sha256(url.encode()).hexdigest()[:16]
    if not (place / "HEAD").exists():
        place.mkdir(parents=True, exist_ok=True)
        git(place, "init", "--quiet", "--bare")
    # `--` and the colon: neither address nor name can be taken for an option.
    git(
        place,
        "fetch",
        "--quiet",
        "--force",
        "--depth",
        "1",
        "--",
        url,
        f"{ref}:refs/tiovivo/wanted",
    )
    commit = git(place, "rev-parse", "refs/tiovivo/wanted").strip()
    folder = Path(tempfile.mkdtemp(prefix="tiovivo-source-"))
    git(place, f"--work-tree={folder}", "checkout", "--force", "--quiet", commit, "--", ".")
    return Source(folder, f"{url} {ref}, commit {commit[:12]}")


def git(place: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", f"--git-dir={place}", *words],
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"GIT_TERMINAL_PROMPT": "0"},
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError("git is not installed, and deploy.application.source names one") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"git {words[0]} did not end within {GIT_SECONDS} s") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise UsageError(f"git {words[0]}: {lines[-1]}")
    return done.stdout


def cache_folder() -> Path:
    """What can be made again: repositories, wheels."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "tiovivo"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def files_of(source: Source) -> Iterator[tuple[Path, str]]:
    """Each file and link with its name in the release, in a fixed order."""
    octets = 0
    for folder, folders, names in os.walk(source.folder):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if name not in JUNK_FOLDERS and (here / name).resolve() not in source.without
        )
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [name for name in folders if name not in links]
        for name in sorted([*names, *links]):
            path = here / name
            if name in JUNK_FILES or name.endswith(JUNK_SUFFIXES):
                continue
            if path.resolve() in source.without:
                continue
            if not (path.is_symlink() or path.is_file()):
                continue  # sockets and pipes
            octets += path.lstat().st_size
            if octets > LARGEST_MB << 20:
                raise UsageError(f"{source.folder}: more than {LARGEST_MB} MB; is it the project?")
            yield path, str(path.relative_to(source.folder))


def add_to(archive: tarfile.TarFile, source: Source) -> int:
    """Adds the files below `src/`; how many there are."""
    number = 0
    for path, name in files_of(source):
        # Two names of one file are two files in the release.
        archive.inodes.clear()
        archive.add(path, f"src/{name}", recursive=False)
        number += 1
    return number
