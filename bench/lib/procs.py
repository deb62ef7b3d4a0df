"""Processes under measurement: started on a core, watched by what the kernel tells of them."""
import datetime
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TIOVIVO = os.path.join(ROOT, "target/release/tiovivo")
# Sends back what comes: what the machine gives to any server. Missing unless it was built.
ECHO = os.path.join(ROOT, "target/release/examples/echo")
# Name servers live in sbin, which is not in everyone's path.
os.environ["PATH"] += ":/usr/sbin:/sbin"
SERVER_CORE, GENERATOR_CORE, BOTH_CORES = 0, 1, "0,1"
STOP_LIMIT = 5

# Debian package of each command that the scripts call.
PACKAGES = {
    "gdnsd": "gdnsd", "nsd": "nsd", "knotd": "knot", "named": "bind9",
    "pdns_server": "pdns-server", "dnsperf": "dnsperf", "ip": "iproute2",
    "taskset": "util-linux", "nft": "nftables",
}


def need(commands, packages=(), install=False):
    """Leaves with what is missing, or installs it when it is root who says `install`."""
    missing = [PACKAGES[command] for command in commands if not shutil.which(command)]
    missing += [package for package in packages if not is_installed(package)]
    if missing and install:
        # tests/lib.sh installs without starting what it installed.
        script = f'. {ROOT}/tests/lib.sh; need_packages "$@"'
        subprocess.run(["bash", "-c", script, "bash", *missing], check=True)
        missing = []
    if missing:
        words = " ".join(sorted(set(missing)))
        sys.exit(f"missing: {words}\n  run again with --install, or: apt-get install {words}")
    if os.geteuid() != 0:
        sys.exit("this needs root: it makes a network namespace and pins processes to cores")
    if not os.path.exists(TIOVIVO):
        sys.exit("target/release/tiovivo is missing: cargo build --release")


def is_installed(package):
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
                           capture_output=True, text=True)
    return asked.stdout == "installed"


def enter_namespace():
    """Runs the rest of the script in a network of its own: no other traffic, no connection
    tracking, and every port is free."""
    if os.environ.get("TIOVIVO_BENCH_NAMESPACE"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    os.environ["TIOVIVO_BENCH_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


class Server:
    """A started server with its children. Its output is in `folder`/NAME.log."""

    def __init__(self, name, command, folder, core=SERVER_CORE):
        self.name = name
        self.log = os.path.join(folder, f"{name}.log")
        command = shlex.split(command) if isinstance(command, str) else command
        if core is not None:
            command = ["taskset", "--cpu-list", str(core), *command]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True)

    def pids(self):
        return family(self.process.pid)

    def cpu(self):
        """Nanoseconds on a processor, of all threads of all processes."""
        total = 0
        for pid in self.pids():
            try:
                threads = os.listdir(f"/proc/{pid}/task")
            except OSError:
                continue
            for thread in threads:
                try:
                    with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                        total += int(file.read().split()[0])
                except OSError:
                    pass
        return total

    def pss(self):
        """MB of memory; what several processes share is counted once."""
        total = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/smaps_rollup") as file:
                    total += sum(int(l.split()[1]) for l in file if l.startswith("Pss:"))
            except OSError:
                pass
        return total / 1024

    def stop(self):
        for pid in reversed(self.pids()):
            send(pid, signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            for pid in reversed(self.pids()):
                send(pid, signal.SIGKILL)
            self.process.wait()

    def tail(self):
        with open(self.log, errors="replace") as file:
            return "".join(file.readlines()[-10:])


def send(pid, what):
    try:
        os.kill(pid, what)
    except OSError:
        pass


def family(pid):
    """The process and those that descend from it."""
    children = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(entry))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def until(condition, seconds, pause=0.01):
    """The first true result, or None when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(pause)
    return None


class Folder:
    """A temporary folder that name servers of other users may read."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="tiovivo-bench-")
        os.chmod(self.path, 0o755)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def stamp(script):
    """Whose figures these are."""
    return f"{datetime.date.today()}, {machine()}; bench/{script}"


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    version = os.uname().release.split("-")[0]
    return f"{len(models)} cores of {models[0]}, Linux {version}"
