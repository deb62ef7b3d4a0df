"""Who is the mother now. That is state of the nodes (their role files), not of config.yaml: a run of
deploy/up after a promotion must not undo it."""

from dataclasses import dataclass
from pathlib import Path

from tiovivo_deploy.data import files
from tiovivo_deploy.inventory import Cluster, Node
from tiovivo_deploy.ssh import Shell

ROLE_FILE = "/var/lib/tiovivo-data/role"
# In the folder of the secrets: a mother was made once, so an empty machine is not a new cluster.
MARK = "mother-made"
LOOK_SECONDS = 20


@dataclass(frozen=True)
class Standing:
    """What one machine of the pair says. `kind` is new, mother, standby, joining, released, unknown
    (a role file that cannot be read) or silent (the machine cannot be asked)."""

    kind: str
    epoch: int = 0
    since: int = 0
    holds_address: bool = False


@dataclass(frozen=True)
class Plan:
    """`mother` is None when nobody may be it, with the reason in `refusal`."""

    mother: str | None
    refusal: str
    standings: dict[str, Standing]

    def kind(self, node: Node) -> str:
        return self.standings[node.name].kind


def look(cluster: Cluster, shell: Shell) -> Plan:
    """Asks both machines, side by side."""
    nodes = files.pair(cluster)
    mother_address = files.mother_address(cluster)
    command = (
        f"cat {ROLE_FILE} 2>/dev/null || echo new; ip -4 -o address show to {mother_address}/32"
    )
    results = shell.run_all(nodes, command, timeout=LOOK_SECONDS)
    standings = {
        result.node.name: parse(result.out) if result.ok else Standing("silent")
        for result in results
    }
    made = mark_file(cluster).exists()
    return decide([node.name for node in nodes], standings, made)


def parse(text: str) -> Standing:
    lines = text.splitlines() or [""]
    words = lines[0].split()
    held = any(line.strip() for line in lines[1:])
    if words == ["new"]:
        return Standing("new", holds_address=held)
    if len(words) == 3 and (words[1] + words[2]).isdecimal():
        return Standing(words[0], int(words[1]), int(words[2]), held)
    return Standing("unknown", holds_address=held)


def decide(names: list[str], standings: dict[str, Standing], made: bool) -> Plan:
    """`names` are those of config.yaml, the mother first; `made` as MARK says.

    | the two say | the mother is |
    |---|---|
    | mother N, anything of a smaller epoch | the former |
    | mother without the address, silent | nobody: the silent one may be the mother by now |
    | new, new | the mother of config.yaml |
    | new, silent | the mother of config.yaml when none was ever made, else nobody |
    | no mother at all | nobody: deploy/promote decides |
    """
    mothers = sorted(
        (name for name in names if standings[name].kind == "mother"),
        key=lambda name: standings[name].epoch,
    )
    silent = [name for name in names if standings[name].kind == "silent"]
    unknown = [name for name in names if standings[name].kind == "unknown"]
    if unknown:
        words = f"{ROLE_FILE} of {unknown[0]} cannot be read: was its disk damaged?"
        return Plan(None, words, standings)
    if mothers:
        newest = mothers[-1]
        if silent and not standings[newest].holds_address:
            words = (
                f"{newest} was the mother, but {silent[0]} does not answer and may be it by now:"
                f" deploy/promote {newest} --i-know-it-is-dead, when {silent[0]} is off"
            )
            return Plan(None, words, standings)
        return Plan(newest, "", standings)
    first = names[0]
    if standings[first].kind == "new" and all(
        standings[name].kind == "new" or (standings[name].kind == "silent" and not made)
        for name in names[1:]
    ):
        return Plan(first, "", standings)
    if standings[first].kind == "silent" and not made:
        return Plan(first, "", standings)
    said = ", ".join(f"{name} is {standings[name].kind}" for name in names)
    return Plan(None, f"no machine is the mother ({said}): run deploy/promote", standings)


def mark_file(cluster: Cluster) -> Path:
    return Path(cluster.folder) / "secrets" / MARK


def mark_made(cluster: Cluster) -> None:
    mark_file(cluster).touch(mode=0o600)
