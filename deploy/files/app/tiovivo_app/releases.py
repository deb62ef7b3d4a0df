"""Which release a process runs, and how it binds itself to exactly that one.

The mother holds `releases/N` (`src`, `venv`), the link `current`, and `canary/NODE` for a node that
tries a release before the others; all nodes see that tree, read-only. A process resolves the link
once and uses real paths only: through a link, a switch would mix the modules of two releases.

Each node remembers in its own state folder which releases loaded (`good`), which did not (`bad`) and
which is being loaded at the moment (`trying`): one small file per release, so no lock is needed.
"""

import json
import os
import site
import sys
import time
from pathlib import Path

APP = Path(os.environ.get("TIOVIVO_APP", "/srv/app"))
STATE = Path(os.environ.get("TIOVIVO_STATE", "/var/lib/tiovivo-app"))
# A release that has served before may fail to load for a passing reason (a network that is slow).
TRIES_OF_A_GOOD_RELEASE = 3
GOOD_RELEASES_KEPT = 20
REASON_MAX = 2000


def wanted(node, app=APP):
    """The name of the release that this node shall run; None while there is none."""
    for link in (app / "canary" / node, app / "current"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if (app / "releases" / os.path.basename(target)).is_dir():
            return os.path.basename(target)
    return None


class NodeState:
    """What this node knows about releases. Every file is written whole, or not at all."""

    def __init__(self, folder=STATE):
        self.folder = Path(folder)

    def prepare(self):
        for name in ("good", "bad", "trying", "workers"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        return self

    def is_good(self, release):
        return (self.folder / "good" / release).exists()

    def why_bad(self, release):
        """Why this node refuses the release; None when it does not."""
        try:
            return (self.folder / "bad" / release).read_text()[:REASON_MAX]
        except OSError:
            return None

    def last_good(self, app=APP, suffix="", other_than=None):
        """The release that loaded here most lately, still exists and is not refused. `suffix` tells
        the marks of Celery workers from those of the web application."""
        marks = sorted((self.folder / "good").iterdir(), key=_changed, reverse=True)
        for mark in marks:
            name = mark.name.removesuffix(suffix)
            if f"{name}{suffix}" != mark.name or name == other_than:
                continue
            if self.why_bad(mark.name) is None and (app / "releases" / name).is_dir():
                return name
        return None

    def begin(self, release, worker):
        """Counts an attempt before it is made, so that one that kills the process counts, too."""
        path = self.folder / "trying" / f"{release}.{worker}"
        tries = _number(path) + 1
        _write(path, str(tries))
        return tries

    def unfinished(self, release, worker):
        """How many attempts of this worker came to no end since the last success."""
        return _number(self.folder / "trying" / f"{release}.{worker}")

    def tries(self, release):
        return TRIES_OF_A_GOOD_RELEASE if self.is_good(release) else 1

    def accept(self, release, worker):
        (self.folder / "trying" / f"{release}.{worker}").unlink(missing_ok=True)
        _write(self.folder / "good" / release, "")
        marks = sorted((self.folder / "good").iterdir(), key=_changed, reverse=True)
        for mark in marks[GOOD_RELEASES_KEPT:]:
            mark.unlink(missing_ok=True)

    def refuse(self, release, worker, reason):
        (self.folder / "trying" / f"{release}.{worker}").unlink(missing_ok=True)
        _write(self.folder / "bad" / release, reason[:REASON_MAX])

    def forgive(self, release=None):
        """Forgets refusals and unfinished attempts: the next load tries again."""
        for kind in ("bad", "trying"):
            for path in (self.folder / kind).iterdir():
                if release is None or path.name.partition(".")[0] in (release, f"{release}-celery"):
                    path.unlink(missing_ok=True)

    def report(self, worker, **fields):
        """What a worker process says about itself; read by the health answer and by `report.py`."""
        pid = os.getpid()
        fields |= {"worker": str(worker), "pid": pid, "born": _born(pid), "at": time.time()}
        _write(self.folder / "workers" / f"{worker}.json", json.dumps(fields))

    def reports(self):
        """The reports of worker processes that are alive."""
        found = []
        for path in sorted((self.folder / "workers").glob("*.json")):
            try:
                fields = json.loads(path.read_text())
                # A number alone may belong to another process by now, above all after a boot.
                if fields["born"] == _born(int(fields["pid"])):
                    found.append(fields)
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return found


def pin(release, settings, app=APP):
    """Binds this process to the release: working folder, module path, interpreter.

    Returns the project's root: the shallowest folder of `src` that holds the settings module.
    """
    folder = (app / "releases" / release).resolve(strict=True)
    venv = (folder / "venv").resolve(strict=True)
    root = project_root(folder / "src", settings)
    here = Path(__file__).resolve().parent
    own = str(here.parent)
    # Debian's own packages would stand in for what the project's requirements leave out.
    kept = [p for p in sys.path if p not in ("", ".", own, str(here)) and "dist-packages" not in p]
    sys.path[:] = [str(root), *kept]
    site.addsitedir(str(venv / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"))
    sys.path.append(own)
    sys.executable = str(venv / "bin" / "python")
    os.environ["VIRTUAL_ENV"] = str(venv)
    os.environ["TIOVIVO_RELEASE"] = release
    os.environ["TIOVIVO_RELEASE_FOLDER"] = str(folder)
    os.chdir(root)
    return root


def project_root(src, settings):
    """The folder from which `settings` can be imported: `src` or one at most two levels below."""
    inside = settings.replace(".", "/")
    for pattern in (None, "*/", "*/*/"):
        for path in sorted(src.glob(pattern)) if pattern else [src]:
            if (path / f"{inside}.py").is_file() or (path / inside / "__init__.py").is_file():
                return path
    raise FileNotFoundError(f"no folder of the source holds the settings module {settings}")


def touch(path):
    """Moves the time of a watched file. uwsgi compares whole seconds: two touches within one count."""
    path.touch()
    seconds = max(int(time.time()), int(path.stat().st_mtime) + 1)
    os.utime(path, (seconds, seconds))


def _born(pid):
    """When the process was started, in ticks since the boot; an error when it is there no more."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        words = file.read().rpartition(")")[2].split()
    if words[0] in "ZX":
        raise ProcessLookupError(pid)
    return words[19]


def _changed(path):
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _number(path):
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _write(path, text):
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)
