"""A node's machine: how it is started, hung, cut off and powered off.

Both kinds start from the same image with a layer of their own over it, and read the same seed
(name, addresses, keys) when they start.
"""

import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import network
from .errors import LabError
from .image import ptrace_shim
from .places import Places, Process, run

# Mebibytes; pages that a machine never touched cost nothing.
MEMORY = {"mother": 768, "standby": 768, "child": 448, "worker": 512, "dns": 192}
SEED_BLOCK = 65536


class Machine:
    """What both kinds have in common."""

    def __init__(self, places: Places, node: dict, networks: network.Networks):
        self.places = places
        self.name = node["name"]
        self.role = node["role"]
        self.public = networks.public[self.name]
        self.private = networks.private[self.name]
        self.folder = places.node(self.name)
        self.process = Process(places.run / "nodes" / f"{self.name}.pid")
        self.console = self.folder / "console.log"

    @property
    def address(self) -> str:
        """Where ssh reaches it from the router."""
        return (self.private or self.public)[0].split("/")[0]

    def seed(self, keys: list[str]) -> str:
        settings = {
            "lab_name": self.name,
            "lab_public": " ".join(self.public),
            "lab_private": " ".join(self.private),
            "lab_router_v4": network.ROUTER_V4,
            "lab_router_v6": network.ROUTER_V6,
            "lab_keys": "\n".join(keys),
        }
        return "".join(f"{key}={shlex.quote(value)}\n" for key, value in settings.items())

    def interfaces(self) -> list[tuple[str, str]]:
        """The letter of the router's side and the name of the node's side."""
        return [("p", "public")] + ([("q", "private")] if self.private else [])

    def state(self) -> str:
        pid = self.process.pid
        if pid is None:
            return "off"
        if self.is_hung(pid):
            return "hung"
        return "running" if network.is_plugged(self.places, self.name) else "cut"

    def is_hung(self, pid: int) -> bool:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        return stat[0] in ("T", "t")

    def open_console(self):
        """Appended to, so that the log of a machine that was powered off is still there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return open(self.console, "ab")

    def power_off(self) -> None:
        end(self.process)

    def forget(self) -> None:
        """Powers off and removes the machine's disk and cables."""
        self.power_off()
        have = network.links(self.places.namespace)
        names = [network.device(kind, self.name) for kind in "pq"]
        network.batch(self.places.namespace, [f"link del {n}" for n in names if n in have])
        shutil.rmtree(self.folder, ignore_errors=True)


class UserModeLinux(Machine):
    """A kernel of its own, as a process."""

    def power_on(self, image: Path, keys: list[str]) -> None:
        self.make_taps()
        with self.open_console() as console:
            seed = self.seed(keys).encode()
            seed_disk = self.folder / "seed"
            seed_disk.write_bytes(seed.ljust(-(-len(seed) // SEED_BLOCK) * SEED_BLOCK, b"\0"))
            environment = {**os.environ, "TMPDIR": str(self.places.memory)}
            if shim := ptrace_shim():
                environment["LD_PRELOAD"] = str(shim)
            self.process.start(
                [
                    "nsenter",
                    f"--net=/run/netns/{self.places.namespace}",
                    "--",
                    "linux.uml",
                    *self.kernel_line(image, seed_disk),
                ],
                stdout=console,
                stderr=console,
                env=environment,
                cwd=self.folder,
            )

    def kernel_line(self, image: Path, seed_disk: Path) -> list[str]:
        line = [
            f"umid={self.name}",
            f"uml_dir={self.places.run}/uml",
            f"mem={MEMORY[self.role]}M",
            f"ubda={self.folder}/disk.cow,{image}",
            f"ubdbr={seed_disk}",
            "root=/dev/ubda",
            "rw",
            "quiet",
            "con=null",
            "con0=null,fd:1",
            "ssl=null",
        ]
        for number, (kind, _) in enumerate(self.interfaces()):
            line.append(
                f"vec{number}:transport=tap,ifname={network.device(kind, self.name)},depth=128,"
                f"gro=1,mac={network.mac(self.places.name, kind, self.name)}"
            )
        return line

    def make_taps(self) -> None:
        have = network.links(self.places.namespace)
        lines = []
        for kind, bridge in self.interfaces():
            name = network.device(kind, self.name)
            if name not in have:
                run("ip", "-n", self.places.namespace, "tuntap", "add", name, "mode", "tap")
                lines.append(f"link set {name} master {bridge} up")
        network.batch(self.places.namespace, lines)

    def hang(self) -> None:
        if pid := self.process.pid:
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        if pid := self.process.pid:
            os.kill(pid, signal.SIGCONT)


class Container(Machine):
    """A system container with a network namespace of its own, on the machine's kernel."""

    @property
    def namespace(self) -> str:
        return f"{self.places.namespace}-{network.device('n', self.name)}"

    def power_on(self, image: Path, keys: list[str]) -> None:
        if not shutil.which("systemd-nspawn"):
            raise LabError("systemd-nspawn not found: apt-get install systemd-container")
        self.make_links()
        for part in ("image", "upper/etc", "work", "root"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        (self.folder / "upper/etc/lab-seed").write_text(self.seed(keys))
        groups = " ".join(f"{top}/{self.namespace}" for top in control_group_tops())
        # The mounts are in a mount namespace of the process, and end with it.
        script = f"""
            for group in {groups}; do
                mkdir -p $group && echo $$ >$group/cgroup.procs || true
            done
            set -e
            mount -o loop,ro,noload {shlex.quote(str(image))} image
            mount -t overlay -o lowerdir=image,upperdir=upper,workdir=work overlay root
            exec systemd-nspawn --quiet --boot --directory=root --machine={shlex.quote(self.name)} \
                --network-namespace-path=/run/netns/{self.namespace} --register=no --keep-unit \
                --capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_NICE \
                --resolv-conf=off --timezone=off --link-journal=no --console=pipe
        """
        with self.open_console() as console:
            self.process.start(
                ["unshare", "--mount", "--propagation=private", "sh", "-c", script],
                stdout=console,
                stderr=console,
                cwd=self.folder,
                env={**os.environ, "SYSTEMD_NSPAWN_LOCK": "0"},
            )

    def make_links(self) -> None:
        places = self.places
        if self.namespace not in network.namespaces():
            run("ip", "netns", "add", self.namespace)
        have = network.links(places.namespace)
        for kind, bridge in self.interfaces():
            name = network.device(kind, self.name)
            if name in have:
                continue
            address = network.mac(places.name, kind, self.name)
            inner = f"name {bridge} netns {self.namespace} address {address}"
            network.batch(
                places.namespace,
                [f"link add {name} type veth peer {inner}", f"link set {name} master {bridge} up"],
            )

    def hang(self) -> None:
        for pid in self.all_pids():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self.all_pids():
            os.kill(pid, signal.SIGCONT)

    def is_hung(self, pid: int) -> bool:
        return all(super(Container, self).is_hung(each) for each in self.all_pids()[1:2] or [pid])

    def all_pids(self) -> list[int]:
        """The container's processes, its supervisor first."""
        pid = self.process.pid
        return [] if pid is None else [pid, *descendants(pid)]

    def forget(self) -> None:
        super().forget()
        if self.namespace in network.namespaces():
            run("ip", "netns", "del", self.namespace)
        remove_control_groups(self.namespace)


def control_group_tops() -> list[str]:
    """Of the hierarchies in which a container has a group of its own. systemd-nspawn would put all that
    one shell starts into the same group, where the systemd of each takes the processes of the others
    for its own."""
    rows = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return [row[1] for row in rows if row[2] == "cgroup2" or "name=systemd" in row[3].split(",")]


def remove_control_groups(pattern: str) -> None:
    """Those of ended containers, by the pattern of their namespaces; deepest first."""
    for group in [group for top in control_group_tops() for group in Path(top).glob(pattern)]:
        for folder, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                # Its last process is about to end: the folder is taken again by the next lab.
                pass


def end(process: Process) -> None:
    """As a power cut. A container's init is in no group of ours; when it is killed, all of its
    processes end at once."""
    pid = process.pid
    for each in descendants(pid) if pid else ():
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.kill()


def descendants(pid: int) -> list[int]:
    found = []
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    for child in map(int, children):
        found += [child, *descendants(child)]
    return found


def make(places: Places, node: dict, networks: network.Networks) -> Machine:
    kind = Container if node["role"] == "dns" else UserModeLinux
    return kind(places, node, networks)


def make_memory(places: Places, nodes: list[dict]) -> None:
    """A file system in memory for the machines' memory: on a disk each page would be written."""
    places.memory.mkdir(parents=True, exist_ok=True)
    size = sum(MEMORY[node["role"]] for node in nodes) + 64
    options = f"size={size}M,mode=0700"
    if os.path.ismount(places.memory):
        run("mount", "-o", f"remount,{options}", places.memory)
    else:
        run("mount", "-t", "tmpfs", "-o", options, "tiovivo-lab", places.memory)


def load_factor() -> float:
    """How much longer a wait has to be than on a quiet machine."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def wait_for_ssh(machine: Machine, ssh: list[str], bound: float) -> float:
    """Seconds until the machine let us in. The bound grows with the load of this machine."""
    began = time.monotonic()
    while True:
        done = subprocess.run(
            [*ssh, machine.address, "true"],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        waited = time.monotonic() - began
        if done.returncode == 0:
            return waited
        if machine.process.pid is None:
            raise LabError(f"{machine.name} ended while it started: see {machine.console}")
        if waited > bound * load_factor():
            raise LabError(
                f"{machine.name} did not answer ssh within {waited:.0f} s "
                f"({done.stderr.strip()}): see {machine.console}"
            )
        time.sleep(0.3)
