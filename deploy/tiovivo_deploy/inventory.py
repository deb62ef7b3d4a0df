"""The cluster as config.yaml describes it. tiovivo reads and checks that file; this module only reads
what `tiovivo inventory --format json` prints, so that there is one reader of the format."""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROLES = ("mother", "standby", "child", "worker", "dns")
REPOSITORY = Path(__file__).resolve().parents[2]
INVENTORY_SECONDS = 30


class UsageError(Exception):
    """The configuration or the arguments are at fault: exit status 2."""


@dataclass(frozen=True)
class Node:
    name: str
    role: str
    addresses: list[str]
    private: list[str]
    tags: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where other nodes and these commands reach it."""
        return (self.private or self.addresses)[0]


@dataclass(frozen=True)
class Ssh:
    user: str = "root"
    port: int = 22
    key: str | None = None


@dataclass(frozen=True)
class Application:
    source: dict[str, str]
    settings: str
    wsgi: str
    requirements: str | None = None
    python: str | None = None
    celery: str | None = None
    migrate: bool = True
    static: bool = True
    media: bool = True
    hosts: list[str] = field(default_factory=list)
    env_file: str | None = None
    warm: str = "/"


@dataclass(frozen=True)
class Cluster:
    config: str
    folder: str
    files: list[str]
    nodes: list[Node]
    ssh: Ssh
    debian: str = "bookworm"
    mother_address: str | None = None
    application: Application | None = None
    database: dict[str, Any] | None = None
    failover: str = "manual"
    fence: dict[str, Any] | None = None

    def with_role(self, *roles: str) -> list[Node]:
        return [node for node in self.nodes if node.role in roles]

    def node(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        names = ", ".join(node.name for node in self.nodes)
        raise UsageError(f"there is no node {name}; config.yaml has {names}")

    @property
    def mother(self) -> Node:
        """The node that config.yaml calls the mother; after a promotion another one may be it."""
        mothers = self.with_role("mother")
        if not mothers:
            raise UsageError(f"{self.config}: no node has the role mother")
        return mothers[0]

    @property
    def private_addresses(self) -> list[str]:
        """Every node's address within the cluster and the mother's virtual one."""
        own = [address for node in self.nodes for address in (node.private or node.addresses)]
        return sorted(set(own + ([self.mother_address] if self.mother_address else [])))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that every command has."""
    parser.add_argument(
        "-c", "--config", help="the configuration (./config.yaml, or else /etc/tiovivo/config.yaml)"
    )
    parser.add_argument(
        "--tiovivo", metavar="PATH", help="the tiovivo program (of PATH, or else of target/)"
    )
    parser.add_argument(
        "--inventory",
        metavar="FILE",
        help="read this output of `tiovivo inventory --format json` instead of config.yaml",
    )


def load(arguments: argparse.Namespace) -> Cluster:
    """The cluster that the options of `add_arguments` name."""
    if arguments.inventory:
        try:
            text = Path(arguments.inventory).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{arguments.inventory}: {error}") from error
        return parse(text, arguments.inventory)
    return parse(
        ask_tiovivo(find_tiovivo(arguments.tiovivo), arguments.config), "tiovivo inventory"
    )


def find_tiovivo(named: str | None) -> str:
    """The program: the one named, or of PATH, or built in this checkout."""
    if named:
        if not os.access(named, os.X_OK) or os.path.isdir(named):
            raise UsageError(f"{named}: no program; --tiovivo takes the path of tiovivo")
        return str(Path(named).resolve())
    found = shutil.which("tiovivo")
    for built in ("release", "debug"):
        candidate = REPOSITORY / "target" / built / "tiovivo"
        if not found and os.access(candidate, os.X_OK):
            found = str(candidate)
    if not found:
        raise UsageError(
            "there is no tiovivo in PATH or target/: name it by --tiovivo, or cargo build --release"
        )
    return found


def ask_tiovivo(program: str, config: str | None) -> str:
    command = [program, "inventory", "--format", "json"] + (["--config", config] if config else [])
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, timeout=INVENTORY_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"{program} inventory did not end within {INVENTORY_SECONDS} s") from error
    except OSError as error:
        raise UsageError(f"{program}: {error}") from error
    if said.returncode != 0:
        raise UsageError(said.stderr.strip() or f"{program} inventory ended with {said.returncode}")
    return said.stdout


def parse(text: str, origin: str) -> Cluster:
    """Reads what `tiovivo inventory` prints; keys that this version does not know are left out."""
    try:
        said = json.loads(text)
        if said.get("ssh") is None:
            raise UsageError("config.yaml has no deploy: section; docs/cluster/up.md shows one")
        application = said.get("application")
        return Cluster(
            **_known(
                Cluster,
                said,
                nodes=[Node(**_known(Node, node)) for node in said["nodes"]],
                ssh=Ssh(**_known(Ssh, said["ssh"])),
                application=Application(**_known(Application, application))
                if application
                else None,
            )
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{origin}: not an inventory of this version: {error!r}") from error


def _known(kind: type, said: dict[str, Any], **replaced: Any) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in (said | replaced).items() if name in names}


def select(cluster: Cluster, only: list[str]) -> list[Node]:
    """The nodes that `--only` names, by name or role, separated by commas; all when it names none."""
    wanted = [word for argument in only for word in argument.split(",") if word]
    if not wanted:
        return list(cluster.nodes)
    chosen: list[Node] = []
    for word in wanted:
        nodes = cluster.with_role(word) if word in ROLES else [cluster.node(word)]
        chosen += [node for node in nodes if node not in chosen]
    return chosen


def run_main(main, program: str) -> None:
    """Runs a command's `main()` with the exit codes of tiovivo itself: 1 not done, 2 the arguments
    or the configuration are at fault, 130 interrupted."""
    try:
        status = main()
    except UsageError as error:
        print(f"{program}: {error}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print(f"\n{program}: interrupted; run it again to go on from there", file=sys.stderr)
        status = 130
    except BrokenPipeError:
        # Who read the output has gone: no fault, but nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
