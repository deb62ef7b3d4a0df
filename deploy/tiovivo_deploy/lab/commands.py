"""What each command of `deploy/lab` does."""

import json
import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import cluster as cluster_module
from . import image, machine, network
from .client import Client, enter
from .cluster import Cluster
from .errors import LabError
from .outlet import ADDRESS as OUTLET
from .places import Places, Process

# On a quiet machine of two cores, seven start in under 30 s.
START_LIMIT = 90
LOG_LIMIT = 60
SSH_OPTIONS = ["-o", "ConnectTimeout=3", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes"]


def up(places: Places, arguments) -> None:
    began = time.monotonic()
    said = cluster_module.read_inventory(arguments)
    cluster = cluster_module.from_inventory(said)
    wanted = chosen(cluster, arguments.only)
    disk = image.ensure(cluster.debian)
    with places.lock():
        cluster_module.save(places, said)
        remove_strangers(places, cluster)
        network.make_router(places, cluster.networks)
        machine.make_memory(places, cluster.nodes)
        start_outlet(places)
        Client(places).start(cluster.zones, cluster.name_servers())
        write_ssh_files(places)
        machines = [machine.make(places, node, cluster.networks) for node in wanted]
        if arguments.fresh:
            for each in machines:
                each.forget()
        start(places, machines, disk, keys(places, cluster))
    if cluster.key is None:
        print(f"deploy.ssh.key in the configuration lets `deploy/up` in: {own_key(places)}")
    print(f"lab {places.name} is up after {time.monotonic() - began:.1f} s")


def start(places: Places, machines: list, disk: Path, authorized: list[str]) -> None:
    """Starts what is off, lets go what hangs, plugs in what is cut; waits until ssh answers."""
    for each in machines:
        if each.process.pid is None:
            each.power_on(disk, authorized)
        each.resume()
        network.plug(places, each.name)
    failures = []
    with ThreadPoolExecutor(max_workers=len(machines)) as pool:
        waits = {
            each.name: pool.submit(machine.wait_for_ssh, each, ssh(places), START_LIMIT)
            for each in machines
        }
        for name, wait in waits.items():
            try:
                print(f"{name:12} answers after {wait.result():5.1f} s", flush=True)
            except LabError as error:
                failures.append(str(error))
    if failures:
        raise LabError("\n     ".join(failures))


def remove_strangers(places: Places, cluster: Cluster) -> None:
    """Ends machines of an earlier configuration that the present one does not have."""
    known = {node["name"] for node in cluster.nodes}
    nodes = places.folder / "nodes"
    for folder in nodes.iterdir() if nodes.exists() else ():
        if folder.name not in known:
            for role in ("dns", "child"):
                stranger = {"name": folder.name, "role": role}
                networks = network.Networks({folder.name: []}, {folder.name: []}, [])
                machine.make(places, stranger, networks).forget()


def start_outlet(places: Places) -> None:
    process = Process(places.run / "outlet.pid")
    if process.pid is None:
        with open(places.folder / "outlet.log", "ab") as log:
            module = f"{__package__}.outlet"
            process.start([sys.executable, "-m", module, places.namespace], stdout=log, stderr=log)


def status(places: Places, arguments) -> None:
    cluster = cluster_module.load(places)
    rows = []
    for node in cluster.nodes:
        each = machine.make(places, node, cluster.networks)
        rows.append(
            {
                "name": each.name,
                "role": each.role,
                "state": each.state(),
                "kind": type(each).__name__,
                "public": node["addresses"],
                "private": node.get("private") or [],
                "pid": each.process.pid,
                "console": str(each.console),
            }
        )
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        addresses = " ".join(row["public"] + row["private"])
        print(f"{row['name']:12} {row['role']:8} {row['state']:8} {addresses}")
    print(f"logs of the machines: {places.folder}/nodes/NODE/console.log")


def down(places: Places, _arguments) -> None:
    """Also of a lab whose beginning was interrupted: what runs is known by its process files."""
    with places.lock():
        for socket in places.run.glob("ssh-*"):
            close_connection(places, socket.name.removeprefix("ssh-"))
        for file in (places.run / "nodes").glob("*.pid"):
            machine.end(Process(file))
        Client(places).process.kill()
        Process(places.run / "outlet.pid").kill()
        network.remove(places)
        places.remove()
        machine.remove_control_groups(f"{places.namespace}-n{'?' * 12}")


def power_off(places: Places, arguments) -> None:
    for each in named(places, arguments.nodes):
        hang_up(places, each)
        each.power_off()


def power_on(places: Places, arguments) -> None:
    cluster = cluster_module.load(places)
    start(
        places,
        named(places, arguments.nodes),
        image.ensure(cluster.debian),
        keys(places, cluster),
    )


def hang(places: Places, arguments) -> None:
    for each in named(places, arguments.nodes):
        hang_up(places, each)
        each.hang()


def resume(places: Places, arguments) -> None:
    for each in named(places, arguments.nodes):
        each.resume()


def cut(places: Places, arguments) -> None:
    for each in named(places, arguments.nodes):
        hang_up(places, each)
        network.plug(places, each.name, plugged=False)


def join(places: Places, arguments) -> None:
    for each in named(places, arguments.nodes):
        network.plug(places, each.name)


def wipe(places: Places, arguments) -> None:
    for each in named(places, arguments.nodes):
        hang_up(places, each)
        each.forget()


def execute(places: Places, arguments) -> int:
    """One word is a line for the node's shell; several are a command with its arguments."""
    (target,) = named(places, [arguments.node])
    words = arguments.command
    line = words[0] if len(words) == 1 else shlex.join(words)
    terminal = ["-t"] if sys.stdin.isatty() else []
    return subprocess.call([*ssh(places), *terminal, target.address, *([line] if line else [])])


def client(places: Places, arguments) -> int:
    return subprocess.call(Client(places).command(arguments.command or ["bash"]))


def run_as_administrator(places: Places, arguments) -> int:
    """In the lab's network, where ssh reaches all nodes; registries are reached by the proxy."""
    cluster = cluster_module.load(places)
    proxy = f"http://{OUTLET[0]}:{OUTLET[1]}"
    near = [a.split("/")[0] for a in cluster.networks.control]
    for node in cluster.nodes:
        near += node["addresses"] + (node.get("private") or [])
    environment = {**os.environ, "TIOVIVO_LAB": places.name}
    for name, value in (
        ("http_proxy", proxy),
        ("https_proxy", proxy),
        ("no_proxy", ",".join(["localhost", "127.0.0.1", "::1", *near, *cluster.zones])),
    ):
        environment[name] = environment[name.upper()] = value
    return subprocess.call(
        [*enter(places.namespace), *(arguments.command or ["bash"])], env=environment
    )


def forget_answers(places: Places, _arguments) -> None:
    Client(places).forget_answers()


def logs(places: Places, arguments) -> None:
    """Consoles, and /var/log of the machines that still answer."""
    cluster = cluster_module.load(places)
    machines = [machine.make(places, node, cluster.networks) for node in cluster.nodes]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=len(machines)) as pool:
        list(pool.map(lambda each: copy_logs(places, each, arguments.folder), machines))


def copy_logs(places: Places, each: machine.Machine, folder: Path) -> None:
    if each.console.exists():
        (folder / f"{each.name}.console.log").write_bytes(each.console.read_bytes())
    if each.process.pid is None:
        return
    tar = "tar -C /var/log --exclude=journal -cz . 2>/dev/null; systemctl --failed >&2"
    with open(folder / f"{each.name}.var-log.tar.gz", "wb") as file:
        try:
            subprocess.run(
                [*ssh(places), each.address, tar],
                stdout=file,
                stderr=subprocess.DEVNULL,
                timeout=LOG_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"{each.name} does not hand out its logs", file=sys.stderr)


def named(places: Places, names: list[str]) -> list[machine.Machine]:
    cluster = cluster_module.load(places)
    return [machine.make(places, cluster.node(name), cluster.networks) for name in names]


def chosen(cluster: Cluster, only: str | None) -> list[dict]:
    return [cluster.node(name) for name in only.split(",")] if only else cluster.nodes


def own_key(places: Places) -> Path:
    key = places.folder / "key"
    image.make_key(key, f"lab {places.name}")
    return key


def keys(places: Places, cluster: Cluster) -> list[str]:
    """The lab's own key, and the one that the configuration names."""
    lines = [Path(f"{own_key(places)}.pub").read_text().strip()]
    if cluster.key:
        public = Path(f"{cluster.key}.pub")
        if public.exists():
            lines.append(public.read_text().strip())
        else:
            lines.append(machine.run("ssh-keygen", "-y", "-f", cluster.key).strip())
    return lines


def hang_up(places: Places, each: machine.Machine) -> None:
    """Ends the connection that is kept open: after a cut it would be waited for in vain."""
    if (places.run / f"ssh-{each.address}").exists():
        close_connection(places, each.address)


def close_connection(places: Places, address: str) -> None:
    command = [*ssh(places), "-O", "exit", address]
    subprocess.run(command, capture_output=True, timeout=LOG_LIMIT, check=False)
    (places.run / f"ssh-{address}").unlink(missing_ok=True)


def write_ssh_files(places: Places) -> None:
    host = Path(f"{image.host_key()}.pub").read_text()
    (places.run / "known_hosts").write_text(f"* {host}")


def ssh(places: Places) -> list[str]:
    """From the lab's network, by connections that are kept open between commands."""
    return [
        *enter(places.namespace),
        "ssh",
        *("-i", str(own_key(places)), "-l", "root", "-F", "none"),
        *("-o", f"UserKnownHostsFile={places.run}/known_hosts", "-o", "StrictHostKeyChecking=yes"),
        *("-o", f"ControlPath={places.run}/ssh-%h", "-o", "ControlMaster=auto"),
        *("-o", "ControlPersist=300"),
        *SSH_OPTIONS,
    ]
