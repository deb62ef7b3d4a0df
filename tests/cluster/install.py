"""From clean machines to a page, by `deploy/up` alone."""

import os
import re
import signal
import subprocess
import time

from cluster import Cluster, Done
from verdicts import Verdicts, expect, wait_for

# A run is killed when so many steps have changed something.
KILL_AFTER = 6
STEP = re.compile(r"\([0-9.]+ s\)$", re.MULTILINE)


def killed_run(cluster: Cluster, verdicts: Verdicts) -> None:
    """A run that ends in the middle leaves nothing that the next one cannot go on from."""
    with verdicts.check("deploy/up makes its environment"):
        done = cluster.deploy("up", "--help")
        expect(done.ok, done.out)
    with verdicts.check("deploy/up is killed in the middle") as notes:
        said = cluster.folder / "killed.log"
        with open(said, "w") as out:
            process = subprocess.Popen(
                [str(word) for word in cluster.deploy_words("up")],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            wait_for(
                120,
                f"{KILL_AFTER} steps:\n{said.read_text()}",
                lambda: (
                    len(STEP.findall(said.read_text())) >= KILL_AFTER or process.poll() is not None
                ),
            )
            notes.append(f"after {len(STEP.findall(said.read_text()))} steps")
            expect(process.poll() is None, f"it ended by itself:\n{said.read_text()}")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def whole_run(cluster: Cluster, verdicts: Verdicts) -> None:
    with verdicts.check("deploy/up installs all nodes") as notes:
        done = cluster.deploy("up")
        notes.append(f"{len(cluster.nodes)} nodes")
        expect(done.ok, f"status {done.status}\n{done.out}")


def second_run(cluster: Cluster, verdicts: Verdicts) -> None:
    with verdicts.check("a second deploy/up changes nothing"):
        done = cluster.deploy("up")
        expect(done.ok, f"status {done.status}\n{done.out}")
        expect(unchanged(done, cluster), f"it reports changes:\n{done.out}")


def unchanged(done: Done, cluster: Cluster) -> bool:
    """The summary has a line for each node that says so."""
    return done.out.count("no change") >= len(cluster.nodes)


def first_page(cluster: Cluster, verdicts: Verdicts) -> None:
    everyone = cluster.publics(cluster.children)
    for name in cluster.name_servers():
        with verdicts.check(f"{name} answers with every child") as notes:
            server = cluster.public(name)
            waited = wait_for(
                60,
                f"{sorted(everyone)}, not {sorted(cluster.addresses('midominio.com', server))}",
                lambda server=server: cluster.addresses("midominio.com", server) == everyone,
            )
            notes.append(f"after {waited:.1f} s")
    for child in cluster.children:
        with verdicts.check(f"{child} serves the page"):
            wait_for(120, "status 200", lambda child=child: page(cluster, child).endswith(" 200"))
    with verdicts.check("a visitor gets the page by its name"):
        began = time.monotonic()
        done = cluster.client(
            "curl",
            "-sS",
            "-m",
            "20",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "http://www.midominio.com/",
        )
        expect(done.out == "200", f"{done.out} after {time.monotonic() - began:.1f} s")
        cluster.serving = True


def page(cluster: Cluster, child: str, path: str = "/") -> str:
    """Body and status of a page of one child."""
    address = cluster.public(child)
    at = f"www.midominio.com:80:{address}"
    return cluster.client(
        "curl",
        "-sS",
        "-m",
        "20",
        "--resolve",
        at,
        "-w",
        " %{http_code}",
        f"http://www.midominio.com{path}",
    ).out
