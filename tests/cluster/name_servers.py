"""Name servers that are killed or upgraded: the client's resolver never fails."""

import time
from pathlib import Path

from cluster import Cluster, Lookups
from verdicts import Failed, Verdicts, expect, wait_for

NAMES = ("www.midominio.com", "midominio.com")
# How long things are left as they are, in seconds.
WHILE = 4
OFF = 12


def killed_and_back(cluster: Cluster, verdicts: Verdicts) -> None:
    """The machine of one name server after the other loses its power and starts again."""
    for name in cluster.name_servers():
        with verdicts.check(f"{name} powered off and on: the resolver never fails") as notes:
            lookups = Lookups(cluster, NAMES)
            try:
                time.sleep(WHILE)
                cluster.must("power-off", name)
                time.sleep(OFF)
                cluster.must("power-on", name, limit=300)
                back = wait_for(
                    30, f"{name} answers again", lambda name=name: answers(cluster, name)
                )
                notes.append(f"answers {back:.1f} s after its start")
                time.sleep(WHILE)
            finally:
                judge(lookups.stop(), notes)


def upgraded(cluster: Cluster, verdicts: Verdicts) -> None:
    with verdicts.check("tiovivo is upgraded on both: the resolver never fails") as notes:
        # A program of another hash that does the same: what stands behind an ELF file is not read.
        program = cluster.folder / "tiovivo"
        program.write_bytes(Path(cluster.tiovivo).read_bytes() + b"next")
        program.chmod(0o755)
        lookups = Lookups(cluster, NAMES)
        try:
            time.sleep(WHILE)
            done = cluster.deploy("upgrade", "--tiovivo", program)
            notes.append(f"{done.seconds:.1f} s")
            expect(done.ok, f"deploy/upgrade ended with {done.status}\n{done.out}")
            time.sleep(WHILE)
        finally:
            judge(lookups.stop(), notes)


def judge(lines: list[dict], notes: list[str]) -> None:
    failed = [line for line in lines if not line["addresses"]]
    slowest = max((line["took"] for line in lines), default=0)
    notes.append(f"{len(lines)} look-ups, the slowest {slowest:.1f} s")
    if failed:
        raise Failed(f"{len(failed)} failed: {failed[:2]}")
    expect(len(lines) > OFF, "too few look-ups to tell")


def answers(cluster: Cluster, name: str) -> bool:
    server = cluster.public(name)
    return cluster.addresses("www.midominio.com", server) == cluster.publics(cluster.children)
