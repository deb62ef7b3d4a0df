"""The lab under test, by the commands that a person would type."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from verdicts import Failed, expect, scaled

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(REPOSITORY / "deploy"))

from tiovivo_deploy.lab import places

# A command on a node that takes longer hangs, in seconds.
COMMAND_LIMIT = 120
# Beyond any wait of the test itself: a provisioning of all nodes.
DEPLOY_LIMIT = 900
# How long a visitor waits for a page on a quiet machine, in seconds.
PATIENCE = 5


@dataclass
class Done:
    status: int
    out: str
    seconds: float

    @property
    def ok(self) -> bool:
        return self.status == 0


class OnClient:
    """A program on the client that goes on while the test does something to the cluster. It writes
    a JSON line for each thing that it did."""

    def __init__(self, cluster: "Cluster", program: str, *words):
        cluster.programs += 1
        self.file = cluster.folder / f"{program}-{cluster.programs}.jsonl"
        # Of an earlier run on a lab that was kept.
        self.file.unlink(missing_ok=True)
        Path(f"{self.file}.stop").unlink(missing_ok=True)
        self.process = cluster.client_start(["python3", HERE / f"{program}.py", self.file, *words])

    def stop(self) -> list[dict]:
        """All that it did."""
        Path(f"{self.file}.stop").touch()
        self.process.wait(timeout=COMMAND_LIMIT)
        return self.so_far()

    def so_far(self) -> list[dict]:
        if not self.file.exists():
            return []
        lines = self.file.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]


class Visitors(OnClient):
    def __init__(self, cluster: "Cluster", url: str, rate: float, seconds: float, header: str = ""):
        super().__init__(cluster, "visitor", url, rate, seconds, scaled(PATIENCE), header)


class Lookups(OnClient):
    def __init__(self, cluster: "Cluster", names: tuple[str, ...]):
        super().__init__(cluster, "lookups", cluster.resolver_configuration(), *names)


class Cluster:
    def __init__(self, name: str, folder: Path, tiovivo: str):
        self.name = name
        self.folder = folder
        self.tiovivo = tiovivo
        self.config = folder / "control" / "config.yaml"
        self.programs = 0
        self.nodes: dict[str, dict] = {}
        self.children: list[str] = []
        self.pair: tuple[str, ...] = ()
        # Whether the application is installed and answers.
        self.serving = False

    # --- commands of the lab

    def lab(self, *words, limit: float = COMMAND_LIMIT) -> Done:
        return run([REPOSITORY / "deploy/lab", "--name", self.name, *words], limit)

    def must(self, *words, limit: float = COMMAND_LIMIT) -> str:
        done = self.lab(*words, limit=limit)
        expect(done.ok, f"lab {' '.join(map(str, words))}: status {done.status}\n{done.out}")
        return done.out

    def up(self, *words) -> str:
        options = ("--config", self.config, "--tiovivo", self.tiovivo)
        return self.must("up", *options, *words, limit=DEPLOY_LIMIT)

    def on(self, node: str, line: str, limit: float = COMMAND_LIMIT) -> Done:
        return self.lab("exec", node, line, limit=limit)

    def on_must(self, node: str, line: str) -> str:
        return self.must("exec", node, line).strip()

    def client(self, *words, limit: float = COMMAND_LIMIT) -> Done:
        return self.lab("client", *words, limit=limit)

    def client_start(self, words: list) -> subprocess.Popen:
        command = [REPOSITORY / "deploy/lab", "--name", self.name, "client", *words]
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=sys.stderr,
        )

    def deploy(self, command: str, *words, limit: float = DEPLOY_LIMIT) -> Done:
        """A command of `deploy/` with this cluster's configuration, as the administrator."""
        return run(self.deploy_words(command, *words), limit)

    def deploy_words(self, command: str, *words) -> list:
        lab = [REPOSITORY / "deploy/lab", "--name", self.name, "run"]
        options = ["--config", self.config, "--tiovivo", self.tiovivo]
        return [*lab, REPOSITORY / "deploy" / command, *options, *words]

    # --- what is asked often

    def addresses(self, name: str, server: str | None = None) -> set[str]:
        """The A records that a name server gives, or the client's resolver."""
        at = [f"@{server}"] if server else []
        done = self.client("dig", "+short", "+tries=1", "+time=2", *at, name, "A")
        return set(done.out.split()) if done.ok else set()

    def public(self, node: str) -> str:
        return self.nodes[node]["addresses"][0]

    def publics(self, nodes: list[str]) -> set[str]:
        return {self.public(node) for node in nodes}

    def with_role(self, role: str) -> list[str]:
        return [name for name, node in self.nodes.items() if node["role"] == role]

    def name_servers(self) -> list[str]:
        return self.with_role("dns")

    def resolver_configuration(self) -> Path:
        return places.Places(self.name).folder / "client/unbound.conf"

    def read_inventory(self) -> None:
        done = run([self.tiovivo, "inventory", "--config", self.config], COMMAND_LIMIT)
        if not done.ok:
            raise Failed(done.out)
        document = json.loads(done.out)
        self.nodes = {node["name"]: node for node in document["nodes"]}
        self.children = self.with_role("child")
        # By their roles in config.yaml: a promotion does not change it, see mother.pair_now.
        self.pair = (*self.with_role("mother"), *self.with_role("standby"))
        self.mother_address = document["mother_address"]
        self.database = (document["database"] or {}).get("name")

    def keep_logs(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.lab("logs", folder, limit=300)
        for file in self.folder.glob("*.jsonl"):
            shutil.copy(file, folder)


def run(words: list, limit: float) -> Done:
    began = time.monotonic()
    command = [str(word) for word in words]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        status, out = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        status, out = 124, (late.stdout or b"") + f"\nnot done within {limit:.0f} s\n".encode()
    return Done(status, out.decode(errors="replace"), time.monotonic() - began)
