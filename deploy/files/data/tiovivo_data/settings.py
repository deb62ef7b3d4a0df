"""The settings that deploy writes for this node: one JSON file, readable by root alone."""

from __future__ import annotations

import ipaddress
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

CONFIG_FILE = Path(os.environ.get("TIOVIVO_DATA_CONFIG", "/etc/tiovivo-data/config.json"))


@dataclass(frozen=True)
class Machine:
    """Another machine of the cluster, by its private address."""

    name: str
    address: str


@dataclass(frozen=True)
class Settings:
    """Everything that a node must know; lists are empty where the node does not need them."""

    node: str
    address: str
    mother_address: str
    peer: Machine | None
    # The name servers that take part in a failover by itself.
    witnesses: list[Machine]
    # The machines that can be the mother; a name server reports the loss of one to the other.
    pair: list[Machine]
    automatic: bool
    fence: list[str]
    database: str
    database_user: str
    database_password: str
    replication_password: str
    broker_password: str
    key: str
    # Least seconds between two changes of the mother that no person asked for.
    rest_seconds: int = 600
    trees: list[str] = field(default_factory=lambda: ["/srv/app", "/srv/static", "/srv/media"])
    database_socket: str = "/run/mysqld/mysqld.sock"
    broker_port: int = 6379
    # Of the server's API, where a name server reads its own verdicts.
    api: str = "http://127.0.0.1:8053"
    state_folder: Path = Path("/var/lib/tiovivo-data")
    run_folder: Path = Path("/run/tiovivo-data")
    witness_folder: Path = Path("/var/lib/tiovivo-witness")

    @property
    def server_id(self) -> int:
        """Unique among replicas, because the private address is."""
        return int(ipaddress.ip_address(self.address)) % 2**32 or 1


def load(file: Path = CONFIG_FILE) -> Settings:
    """Reads the file; a broken one ends the program with its name in the message."""
    try:
        raw = json.loads(file.read_text())
        for key in ("state_folder", "run_folder", "witness_folder"):
            if key in raw:
                raw[key] = Path(raw[key])
        raw["peer"] = Machine(**raw["peer"]) if raw.get("peer") else None
        for key in ("witnesses", "pair"):
            raw[key] = [Machine(**machine) for machine in raw.get(key, [])]
        return Settings(**raw)
    except FileNotFoundError:
        raise SystemExit(f"{file}: not there: has deploy/up provisioned this machine?") from None
    except (OSError, ValueError, TypeError) as error:
        raise SystemExit(f"{file}: {error}: run deploy/up for this machine") from None
