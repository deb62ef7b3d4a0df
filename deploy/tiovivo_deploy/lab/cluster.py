"""What a lab needs to know of the cluster: the nodes, the keys that may enter, the zones.

`lab up` asks `tiovivo inventory` and writes the answer into the lab's folder, where the other
commands find it without the configuration.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from tiovivo_deploy import inventory

from . import network
from .errors import LabError
from .places import Places


@dataclass(frozen=True)
class Cluster:
    debian: str
    nodes: list[dict]
    networks: network.Networks
    zones: list[str]
    # A private key that `deploy` uses; None where the configuration names none that is there.
    key: Path | None

    def node(self, name: str) -> dict:
        for node in self.nodes:
            if node["name"] == name:
                return node
        names = ", ".join(node["name"] for node in self.nodes)
        raise LabError(f"no node {name}; there are {names}")

    def name_servers(self) -> list[str]:
        return [a for node in self.nodes if node["role"] == "dns" for a in node["addresses"]]


def read_inventory(arguments) -> dict:
    """What `tiovivo inventory` says, or the file of `--inventory` with what it once said."""
    try:
        if arguments.inventory:
            return json.loads(Path(arguments.inventory).read_text(encoding="utf-8"))
        program = inventory.find_tiovivo(arguments.tiovivo)
        return json.loads(inventory.ask_tiovivo(program, arguments.config))
    except inventory.UsageError as error:
        raise LabError(str(error)) from error
    except (OSError, ValueError) as error:
        raise LabError(f"no inventory: {error}") from error


def save(places: Places, said: dict) -> None:
    places.make()
    fresh = places.cluster_file.with_suffix(".new")
    fresh.write_text(json.dumps(said, indent=1))
    fresh.rename(places.cluster_file)


def load(places: Places) -> Cluster:
    try:
        return from_inventory(json.loads(places.cluster_file.read_text()))
    except FileNotFoundError:
        raise LabError(f"there is no lab {places.name}: deploy/lab up") from None


def from_inventory(said: dict) -> Cluster:
    nodes = said["nodes"]
    if not nodes:
        raise LabError("the configuration has no nodes")
    key = (said.get("ssh") or {}).get("key")
    path = Path(key).expanduser() if key else None
    return Cluster(
        debian=said.get("debian") or "bookworm",
        nodes=nodes,
        networks=network.plan(nodes, said.get("mother_address")),
        zones=said.get("zones") or [],
        key=path if path and path.exists() else None,
    )
