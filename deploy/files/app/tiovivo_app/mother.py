"""The mother's side of a release: makes it beside the others, switches, prunes. Run by root over ssh.

    mother.py look                       what there is: Python, releases, which one is current
    mother.py make KEY < archive.tar     makes the next release from `src/` and, when the virtual
                                         environment KEY is not there yet, its packages in `site/`
    mother.py canary NODE N              this node alone shall run release N (`-`: as the others)
    mother.py switch N                   all nodes shall
    mother.py touch                      tells the nodes once more
    mother.py prune KEEP N...            deletes old releases; KEEP newest and those named stay

Each prints lines of JSON: {"step": …} while it works, and {"done": …} or {"failed": …} at its end.
Before the switch nothing that serves is touched: migrations are to add, never to take away.
"""

import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tiovivo_app import releases
from tiovivo_app.releases import APP

STATIC = Path(os.environ.get("TIOVIVO_STATIC", "/srv/static"))
PYTHON = "/usr/bin/python3"
USER = os.environ.get("TIOVIVO_USER", "www-data")
INSTALL_SECONDS = 900
DJANGO_SECONDS = 1800
# Releases that were begun and never served, and environments without a release, are kept so long.
LEFTOVER_SECONDS = 3600
SHOWN_LINES = 12


class ReleaseError(Exception):
    """The release cannot be made: words for the operator, and the last lines of what said so."""

    def __init__(self, words, lines=()):
        super().__init__(words)
        self.lines = list(lines)[-SHOWN_LINES:]


def main(arguments):
    os.umask(0o022)
    commands = {"look": look, "make": make, "canary": canary, "switch": switch, "prune": prune}
    commands["touch"] = touch_all
    try:
        with lock(arguments[0]):
            say(done=commands[arguments[0]](*arguments[1:]))
        return 0
    except ReleaseError as error:
        say(failed=str(error), lines=error.lines)
    except (OSError, ValueError, KeyError, tarfile.TarError, subprocess.SubprocessError) as error:
        say(failed=f"{type(error).__name__}: {error}", lines=[])
    return 1


def say(**words):
    print(json.dumps(words), flush=True)


def lock(command):
    """Two releases at once would take each other's number and link."""
    APP.mkdir(parents=True, exist_ok=True)
    file = open(APP / ".release.lock", "a", encoding="ascii")  # noqa: SIM115 - the caller closes it
    if command != "look":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ReleaseError("another release is being made at the moment") from None
    return file


def look():
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "libc": platform.libc_ver()[1],
        "current": current(),
        "releases": numbers(),
        "environments": sorted(p.name for p in (APP / "venvs").glob("*") if is_complete(p)),
    }


def current():
    try:
        return os.path.basename(os.readlink(APP / "current"))
    except OSError:
        return None


def numbers():
    found = (APP / "releases").glob("*") if (APP / "releases").is_dir() else ()
    return sorted((p.name for p in found if p.name.isdigit()), key=int)


def make(key):
    """Makes the next release; says its number. What fails before the end is deleted."""
    release = str(int((numbers() or ["0"])[-1]) + 1)
    folder = APP / "releases" / release
    folder.mkdir(parents=True)
    try:
        say(step="unpack", release=release)
        unpack(sys.stdin.buffer, folder)
        install_environment(key, folder)
        (folder / "venv").symlink_to(f"../../venvs/{key}")
        say(step="compile")
        compile_all(folder / "src")
        django(release, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / "made").write_text(json.dumps({"at": time.time(), "environment": key}))
    return {"release": release, "current": current()}


def unpack(stream, folder):
    with tarfile.open(fileobj=stream, mode="r|*") as archive:
        for member in archive:
            # Sources come from the operator, who may still have a link in them that leads outside.
            path = os.path.normpath(member.name)
            if path.startswith(("/", "..")):
                raise ReleaseError(f"the source has a file outside of its folder: {member.name}")
            if member.islnk() or member.isdev():
                raise ReleaseError(f"the source has a file of a kind that is not taken: {path}")
            target = os.path.normpath(os.path.join(os.path.dirname(path), member.linkname))
            if member.issym() and target.startswith(("/", "..")):
                raise ReleaseError(f"the source has a link that leads outside: {path}")
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            archive.extract(member, folder, set_attrs=True)
    if not (folder / "src").is_dir():
        raise ReleaseError("the source is empty")


def is_complete(venv):
    return (venv / "complete").exists()


def install_environment(key, folder):
    """The virtual environment of these requirements, made once, of the packages that came along."""
    venv, packages = APP / "venvs" / key, folder / "site"
    if is_complete(venv):
        shutil.rmtree(packages, ignore_errors=True)
        return
    say(step="environment")
    if not packages.is_dir():
        raise ReleaseError("the packages of the environment did not come along; try again")
    shutil.rmtree(venv, ignore_errors=True)
    run([PYTHON, "-m", "venv", "--without-pip", venv], "no virtual environment could be made")
    site = venv / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
    site.rmdir()
    packages.rename(site)
    if not (site / ".compiled").exists():
        compile_all(site)
    (venv / "complete").write_text(time.strftime("%F %T"))


def compile_all(folder):
    """Children read the tree only: what is not compiled now is compiled in each process again."""
    command = [PYTHON, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode=unchecked-hash"]
    # A file that does not compile may be a template or for another Python: importing it tells.
    subprocess.run(
        [*command, folder],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=INSTALL_SECONDS,
        check=False,
    )


def django(release, folder):
    """Runs the project as its own user: import, static files, migrations, the warm request."""
    collected = folder / "collected"
    collected.mkdir()
    shutil.chown(collected, USER)
    prefix = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 and USER != "root" else []
    script = Path(__file__).with_name("prepare.py")
    command = [*prefix, folder / "venv/bin/python", script, release]
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | {"TIOVIVO_COLLECT_INTO": str(collected)},
    )
    lines, failed = [], None
    late = threading.Timer(DJANGO_SECONDS, process.kill)
    late.start()
    for line in process.stdout:
        if line.startswith("@@"):
            words = json.loads(line[2:])
            failed = words.get("failed", failed)
            if "step" in words:
                say(**words)
        elif line.strip():
            lines = [*lines, line.rstrip()[:400]][-200:]
    status = process.wait()
    if not late.is_alive():
        failed = f"the project did not get ready within {DJANGO_SECONDS} s"
    late.cancel()
    if status != 0 or failed:
        raise ReleaseError(failed or f"Django ended with status {status}", lines)
    publish(collected, folder)
    shutil.rmtree(collected, ignore_errors=True)


def publish(collected, folder):
    """Adds collected files to the one static root; the manifest goes to the release. Nothing is taken
    away: pages of the old release are out there, and ask for their files."""
    manifest = folder / "static-manifest"
    manifest.mkdir(exist_ok=True)
    names = []
    for path in sorted(collected.rglob("*")):
        name = path.relative_to(collected)
        if path.is_dir():
            (STATIC / name).mkdir(parents=True, exist_ok=True)
        elif name.name == "staticfiles.json" and len(name.parts) == 1:
            shutil.copyfile(path, manifest / name)
        else:
            names.append(str(name))
            put(path, STATIC / name)
    (manifest / "files").write_text("\n".join(names) + "\n")


def put(source, target):
    """The file, whole or not at all: a visitor may ask for it at this moment."""
    try:
        if target.read_bytes() == source.read_bytes():
            return
    except OSError:
        pass
    aside = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, aside)
    aside.chmod(0o644)
    aside.replace(target)


def canary(node, release):
    link = APP / "canary" / node
    if release == "-":
        link.unlink(missing_ok=True)
    else:
        point(link, release)
    releases.touch(APP / "canary" / f"{node}.reload")
    return {"canary": node, "release": release}


def switch(release):
    before = current()
    point(APP / "current", release)
    for link in (APP / "canary").glob("*"):
        if link.is_symlink():
            link.unlink()
    touch_all()
    return {"current": release, "before": before}


def touch_all():
    releases.touch(APP / "reload")
    return {"current": current()}


def point(link, release):
    """One atomic rename."""
    folder = APP / "releases" / release
    if not folder.is_dir():
        raise ReleaseError(f"there is no release {release}")
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.path.relpath(folder, link.parent))
    fresh.replace(link)


def prune(keep, *running):
    """Deletes releases, then environments and static files that no release has any more."""
    stay = {*numbers()[-int(keep) :], *running, current()}
    deleted = [n for n in numbers() if n not in stay]
    gone = static_files(deleted)
    for number in deleted:
        delete(APP / "releases" / number)
    used = {os.path.basename(os.readlink(APP / "releases" / n / "venv")) for n in numbers()}
    for venv in (APP / "venvs").glob("*"):
        if venv.name not in used and time.time() - venv.stat().st_mtime > LEFTOVER_SECONDS:
            delete(venv)
    for name in gone - static_files(numbers()):
        (STATIC / name).unlink(missing_ok=True)
    return {"deleted": deleted, "kept": numbers()}


def delete(folder):
    """Renamed first: a half-deleted release is none."""
    aside = folder.with_name(f".{folder.name}.gone")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def static_files(those):
    """The names of the files that these releases put into the static root."""
    names = set()
    for number in those:
        path = APP / "releases" / number / "static-manifest" / "files"
        names |= set(path.read_text().splitlines()) if path.exists() else set()
    return {name for name in names if name and not name.startswith(("/", ".."))}


def run(command, words, seconds=120):
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )
    if done.returncode != 0:
        raise ReleaseError(words, (done.stdout + done.stderr).splitlines())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
