"""Where a lab keeps its things, and the processes that it started.

Disks and logs are in the user's cache; sockets, process numbers and the machines' memory are below
/run, because they end with the machine and because the path of a socket must be short.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from .errors import LabError

# Namespaces, sockets and interfaces carry it.
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,15}")
# How long another command on the same lab is waited for, in seconds.
LOCK_WAIT = 900


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tiovivo" / "lab"


class Places:
    """The folders and names of one lab."""

    def __init__(self, name: str):
        if not NAME.fullmatch(name):
            raise LabError(
                f"a lab's name has 1 to 16 lower-case letters, digits and hyphens, not {name!r}"
            )
        self.name = name
        self.folder = cache_folder() / "labs" / name
        self.run = Path("/run/tiovivo-lab") / name
        self.memory = self.run / "memory"
        self.namespace = f"tiovivo-{name}"
        self.client_namespace = f"tiovivo-{name}-client"

    @property
    def cluster_file(self) -> Path:
        return self.folder / "cluster.json"

    def node(self, name: str) -> Path:
        return self.folder / "nodes" / name

    def make(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.run.mkdir(parents=True, exist_ok=True)

    def remove(self) -> None:
        if os.path.ismount(self.memory):
            run("umount", "--lazy", self.memory)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.run, ignore_errors=True)

    @contextmanager
    def lock(self):
        """One command at a time changes a lab."""
        self.make()
        with open(self.run / "lock", "w") as file:
            deadline = time.monotonic() + LOCK_WAIT
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise LabError(f"another command holds the lab {self.name}") from None
                    time.sleep(0.2)
            yield


class Process:
    """A process that outlives the command that started it.

    It is known by its number and its start time: the kernel gives numbers again.
    """

    def __init__(self, file: Path):
        self.file = file

    def start(self, command: list, **options) -> None:
        child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **options,
        )
        self.file.parent.mkdir(parents=True, exist_ok=True)
        state = {"pid": child.pid, "started": start_time(child.pid)}
        self.file.write_text(json.dumps(state))

    @property
    def pid(self) -> int | None:
        try:
            state = json.loads(self.file.read_text())
        except (OSError, ValueError):
            return None
        if state["started"] and start_time(state["pid"]) == state["started"]:
            return state["pid"]
        return None

    def kill(self, wait: float = 10) -> None:
        """Ends the process and its group at once, as a power cut would."""
        pid = self.pid
        if pid is not None:
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            deadline = time.monotonic() + wait
            while self.pid is not None and time.monotonic() < deadline:
                time.sleep(0.01)
        self.file.unlink(missing_ok=True)


def start_time(pid: int) -> str | None:
    """Field 22 of /proc/PID/stat; None for a process that is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def run(*command, check: bool = True, input: str | None = None) -> str:
    """Runs a short command of the machine itself; its output, or its complaint as an error."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, capture_output=True, text=True, input=input, timeout=300, check=False
    )
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout
