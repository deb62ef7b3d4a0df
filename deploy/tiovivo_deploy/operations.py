"""What a role says of a node, as pyinfra operations: packages, files, units. Each asks the node first
and does nothing when all is as it should be. All of an operation's questions are one command on the
node, since a slow machine pays for each process.

Files come whole: they are laid aside and renamed, so a run that is killed leaves the old or the new."""

import base64
import difflib
import hashlib
import io
import re
import shlex
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation

APT_SECONDS = 1800
# apt waits for the lock of dpkg by itself, and not for that of its lists, which a killed run or the
# daily update of the machine may hold: five minutes.
UPDATE_LISTS = (
    "update_lists() { for try in $(seq 60); do"
    " if apt-get OPTIONS -qq update 2>/run/tiovivo-apt-update; then return 0; fi;"
    " if ! grep -q 'Could not get lock' /run/tiovivo-apt-update; then break; fi; sleep 5; done;"
    " cat /run/tiovivo-apt-update >&2; return 1; }"
)
SERVICE_SECONDS = 180
# Beside the place of a file: the folder from which it is renamed into its place.
ASIDE = ".tiovivo-new"
# A longer file is not shown line by line in a dry run.
DIFFERENCE_OCTETS = 64 * 1024
FILES = Path(__file__).resolve().parents[1] / "files"


@dataclass(frozen=True)
class File:
    """A file on a node. `secret` keeps its content out of what is shown."""

    path: str
    content: str | bytes
    mode: str = "644"
    owner: str = "root:root"
    secret: bool = False

    @property
    def octets(self) -> bytes:
        return self.content.encode() if isinstance(self.content, str) else self.content

    @property
    def parent(self) -> str:
        return str(Path(self.path).parent)

    @property
    def aside(self) -> str:
        return f"{self.parent}/{ASIDE}/{Path(self.path).name}"

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.octets).hexdigest()


@dataclass(frozen=True)
class Folder:
    path: str
    mode: str = "755"
    owner: str = "root:root"


def template(file: str, /, **values: Any) -> str:
    """A file of deploy/files, with `@NAME@` replaced by the value of that name. A name without a value
    or a value without a place is a fault of the role."""
    text = (FILES / file).read_text(encoding="utf-8")
    for key, value in values.items():
        mark = f"@{key.upper()}@"
        if mark not in text:
            raise ValueError(f"deploy/files/{file} has no {mark}")
        text = text.replace(mark, str(value))
    return text


# --- runs that were killed -----------------------------------------------------------------------

# A changed file counts only when its service has read it. A run that is killed in between leaves a
# mark here, named after the operation, and `changed` says so to the next run.
UNFINISHED = "/var/lib/tiovivo-deploy/unfinished"
# Of each node: marks that an earlier run left, and those that the next service() takes away.
_left: dict[str, set[str]] = {}
_read: dict[str, set[str]] = {}


class UnfinishedMarks(FactBase[set[str]]):
    """What an earlier run left behind."""

    def command(self) -> str:
        return f"ls {UNFINISHED} 2>/dev/null || true"

    @staticmethod
    def default() -> set[str]:
        return set()

    def process(self, output: Iterable[str]) -> set[str]:
        return {line for line in output if line}


def begin_node() -> None:
    """Asks what an earlier run left; before the role of a node."""
    _left[host.name] = host.get_fact(UnfinishedMarks)
    _read[host.name] = set()


def end_node() -> None:
    """The role came to its end: everything that was changed is in force."""
    if _left[host.name] or _read[host.name]:
        host.run_shell_command(StringCommand(f"rm -rf {UNFINISHED}"))


def mark_unfinished() -> str:
    """For operations that change what a service reads: a shell command that goes before the change."""
    mark = _mark(host.current_op_hash)
    _read[host.name].add(mark)
    return f"mkdir -p {UNFINISHED} && touch {UNFINISHED}/{mark}"


def changed(*results: Any) -> bool:
    """Whether any of these operations changed something, or in a dry run would; or did in a run that
    did not come to its end."""
    marks = {_mark(result._hash) for result in results}
    _read[host.name] |= marks
    return bool(marks & _left[host.name]) or any(map(is_change, results))


def is_change(result: Any) -> bool:
    """Whether this operation itself changed something, or in a dry run would."""
    return result.did_change() if result.is_complete() else result.will_change


def _mark(op_hash: str) -> str:
    name = ",".join(sorted(host.state.get_op_meta(op_hash).names))
    return re.sub("[^a-z0-9]+", "-", name.lower())


def _take_marks() -> list[str]:
    marks = sorted(_read[host.name])
    paths = shlex.join(f"{UNFINISHED}/{mark}" for mark in marks)
    return [f"rm -f {paths}"] if marks else []


# --- packages ------------------------------------------------------------------------------------


class InstalledPackages(FactBase[set[str]]):
    """Those of the named packages that are wholly installed."""

    def command(self, names: list[str]) -> str:
        return f"dpkg-query -W -f '${{Package}} ${{db:Status-Abbrev}}\\n' {shlex.join(names)} 2>/dev/null; true"

    @staticmethod
    def default() -> set[str]:
        return set()

    def process(self, output: Iterable[str]) -> set[str]:
        rows = [line.split() for line in output]
        return {row[0] for row in rows if len(row) == 2 and row[1] in ("ii", "hi")}


@operation()
def install_packages(packages: list[str]):
    """Installs what is missing of these; a run that was killed inside of dpkg is finished first."""
    there = host.get_fact(InstalledPackages, names=sorted(packages))
    missing = [package for package in packages if package not in there]
    if not missing:
        host.noop("all packages are installed")
        return
    options = "-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3"
    keep = "-o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef"
    get = f"apt-get {options} {keep} -y -qq install --no-install-recommends {shlex.join(missing)}"
    # Lists of packages of this hour will do, unless they miss one.
    fresh = "find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mmin -60 | grep -q ."
    yield StringCommand(
        "export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l;"
        f" {UPDATE_LISTS.replace('OPTIONS', options)};"
        # Waits for a dpkg that a killed run left at work, and finishes what it left half done.
        f" {{ apt-get {options} {keep} -y -qq -f install || dpkg --configure -a --force-confold; }}"
        f" && {{ {fresh} || update_lists; }} && {{ {get} || {{ update_lists && {get}; }}; }}",
        _timeout=APT_SECONDS,
    )


# --- files ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stat:
    kind: str
    mode: str
    owner: str
    sha256: str = ""


class Stats(FactBase[dict[str, Stat]]):
    """Kind, mode, owner and hash of paths; those that are absent are left out. Links are not
    followed."""

    def command(self, paths: list[str]) -> str:
        named = shlex.join(paths)
        return (
            f"export LC_ALL=C; stat -c '%F|%a|%U:%G|%n' -- {named} 2>/dev/null;"
            f" echo; sha256sum -- {named} 2>/dev/null; true"
        )

    @staticmethod
    def default() -> dict[str, Stat]:
        return {}

    def process(self, output: Iterable[str]) -> dict[str, Stat]:
        lines = list(output)
        cut = lines.index("") if "" in lines else len(lines)
        hashes = {line[66:]: line[:64] for line in lines[cut + 1 :] if len(line) > 66}
        stats = {}
        for line in lines[:cut]:
            kind, mode, owner, path = line.split("|", 3)
            stats[path] = Stat(kind, mode, owner, hashes.get(path, ""))
        return stats


class Text(FactBase[str]):
    """The beginning of a file, for the difference that a dry run shows."""

    def command(self, path: str) -> str:
        return f"head -c {DIFFERENCE_OCTETS} -- {shlex.quote(path)} 2>/dev/null; true"

    @staticmethod
    def default() -> str:
        return ""


# Shows the difference that a run would make: called with the node's name, and lines.
show_difference: Callable[[str, list[str]], None] | None = None


@operation()
def put_files(files: list[File] = [], folders: list[Folder] = []):  # noqa: B006
    """Lays files and folders as they are named; what stands there in another form is replaced."""
    paths = [folder.path for folder in folders] + [file.path for file in files]
    stats = host.get_fact(Stats, paths=paths) if paths else {}
    wrong_folders = [
        folder
        for folder in folders
        if stats.get(folder.path) != Stat("directory", folder.mode, folder.owner)
    ]
    wrong_files = [file for file in files if not _as_wanted(stats.get(file.path), file)]
    if not wrong_folders and not wrong_files:
        host.noop("all files are as they should be")
        return
    if not host.state.is_executing and show_difference:
        for file in wrong_files:
            show_difference(host.name, _difference(stats.get(file.path), file))
    commands = [mark_unfinished()] if wrong_files else []
    commands += [_make_folder(folder) for folder in wrong_folders]
    if wrong_files:
        commands += unpack_commands(wrong_files)
    # By standard input: no file of the upload is open to others, and many small ones are one packet.
    yield StringCommand(" && ".join(commands), _stdin=pack(wrong_files) if wrong_files else None)


def pack(files: list[File]) -> str:
    """An archive of the files in their places aside, in text, since standard input takes text only."""
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for file in files:
            member = tarfile.TarInfo(file.aside.lstrip("/"))
            member.size, member.mode = len(file.octets), int(file.mode, 8)
            member.uname = member.gname = "root"
            archive.addfile(member, io.BytesIO(file.octets))
    return base64.b64encode(octets.getvalue()).decode("ascii")


def unpack_commands(files: list[File]) -> list[str]:
    """Takes such an archive from standard input and lays the files in their order. A command has as
    many files as it can: a slow machine pays for each process."""
    # Parents that nobody named are Debian's usual ones.
    parents = sorted({file.parent for file in files})
    asides = shlex.join(f"{parent}/{ASIDE}" for parent in parents)
    commands = [
        f"mkdir -p -- {shlex.join(parents)}",
        f"rm -rf -- {asides}",
        f"mkdir -m 700 -- {asides}",
        # With the time of the node: Python compares that of a source with its compiled file.
        "base64 -d | tar -xpmf - -C /",
    ]
    for owner in sorted({file.owner for file in files} - {"root:root"}):
        theirs = [file.aside for file in files if file.owner == owner]
        commands.append(f"chown {owner} -- {shlex.join(theirs)}")
    for parent, group in groupby(files, lambda file: file.parent):
        laid = shlex.join(file.aside for file in group)
        commands.append(f"mv -f -t {shlex.quote(parent)} -- {laid}")
    return [*commands, f"rmdir -- {asides}"]


def _as_wanted(stat: Stat | None, file: File) -> bool:
    return (
        stat is not None
        and stat.kind in ("regular file", "regular empty file")
        and stat.mode == file.mode
        and stat.owner == file.owner
        and stat.sha256 == file.hash
    )


def _make_folder(folder: Folder) -> str:
    path = shlex.quote(folder.path)
    return f"mkdir -p -- {path} && chown {folder.owner} -- {path} && chmod {folder.mode} -- {path}"


def _difference(stat: Stat | None, file: File) -> list[str]:
    """What a run would change of the file, in lines of a unified diff."""
    if stat is None:
        return [f"{file.path} (new, {len(file.octets)} octets)"]
    head = [file.path]
    if (stat.mode, stat.owner) != (file.mode, file.owner):
        head.append(f"  mode {stat.mode} {stat.owner}, then {file.mode} {file.owner}")
    if stat.sha256 == file.hash:
        return head
    if file.secret:
        return [*head, "  content not shown: it is secret"]
    new = file.octets
    if len(new) > DIFFERENCE_OCTETS or b"\0" in new:
        return [*head, f"  {len(new)} octets, not shown"]
    old = host.get_fact(Text, path=file.path)
    lines = difflib.unified_diff(
        old.splitlines(), new.decode(errors="replace").splitlines(), lineterm="", n=2
    )
    return head + ["  " + line for line in list(lines)[2:]]


@operation()
def remove_files(paths: list[str]):
    """Takes away files and links; folders are left alone."""
    stats = host.get_fact(Stats, paths=paths)
    there = [path for path in paths if path in stats and stats[path].kind != "directory"]
    if there:
        yield StringCommand(f"rm -f -- {shlex.join(there)}")


@operation(is_idempotent=False)
def run(command: str, seconds: int = SERVICE_SECONDS):
    """Runs a shell command; the role calls it only when there is something to do."""
    yield StringCommand(command, _timeout=seconds)


# --- units ---------------------------------------------------------------------------------------


class UnitState(FactBase[dict[str, str]]):
    """What systemd says of a unit."""

    def command(self, unit: str) -> str:
        return (
            "systemctl show -p LoadState,ActiveState,UnitFileState,NeedDaemonReload"
            f" {shlex.quote(unit)} 2>/dev/null; true"
        )

    @staticmethod
    def default() -> dict[str, str]:
        return {}

    def process(self, output: Iterable[str]) -> dict[str, str]:
        return dict(line.split("=", 1) for line in output if "=" in line)


@operation()
def service(
    unit: str,
    running: bool = True,
    enabled: bool = True,
    restart: bool = False,
    reload: bool = False,
    on_failure: str = "true",
):
    """Brings a unit to this state. `restart` and `reload` are for changes that the role made: a unit that
    does not run yet is only started. `on_failure` is a shell command that follows the explanation."""
    state = host.get_fact(UnitState, unit=unit)
    name = shlex.quote(unit)
    active = state.get("ActiveState") in ("active", "reloading", "activating")
    commands = []
    if state.get("NeedDaemonReload") == "yes" or state.get("LoadState") in (None, "not-found"):
        commands.append("systemctl daemon-reload")
    is_enabled = state.get("UnitFileState") in (
        "enabled",
        "enabled-runtime",
        "static",
        "alias",
        "generated",
    )
    if enabled != is_enabled and (
        enabled or state.get("UnitFileState") in ("enabled", "enabled-runtime")
    ):
        commands.append(f"systemctl --quiet {'enable' if enabled else 'disable'} {name}")
    if running:
        # A unit that gave up counts its starts: it is allowed to try again.
        verb = "restart" if restart else "reload-or-restart" if reload and active else "start"
        if restart or reload or not active:
            commands.append(
                f"{{ systemctl reset-failed {name} 2>/dev/null; systemctl {verb} {name}; }}"
            )
    elif active:
        commands.append(f"systemctl stop {name}")
    if not [command for command in commands if command != "systemctl daemon-reload"]:
        commands = commands if state.get("NeedDaemonReload") == "yes" else []
    if commands:
        commands += _take_marks()
        explain = f"systemctl --no-pager --full --lines=15 status {name} >&2; {on_failure}; exit 1"
        yield StringCommand(
            " && ".join(commands) + f" || {{ {explain}; }}", _timeout=SERVICE_SECONDS
        )
