"""Round robin, and children that are lost: out of the answers in time, back by themselves, and no
visitor feels it once the answers that resolvers keep have run out."""

import time
from collections import Counter

from cluster import Cluster, Visitors
from verdicts import Failed, Verdicts, expect, scaled, wait_for

REQUESTS = 300
TOLERANCE = 0.2
RATE = 5
# What the configuration of the test promises: see control.py.
CHECK_SECONDS = 1 * 2 + 1
TTL_SECONDS = 5
# How long a child is left as it is after the answers that held it ran out.
AFTERWARDS = 5
BOOT_SECONDS = 90


def round_robin(cluster: Cluster, verdicts: Verdicts) -> None:
    with verdicts.check("every child gets its share of 300 requests") as notes:
        began = time.time()
        lines = share(cluster)
        counts = Counter(line["address"] for line in lines)
        bad = [line for line in lines if line["status"] != 200]
        expect(len(lines) == REQUESTS, f"{len(lines)} requests were made")
        expect(not bad, f"{len(bad)} requests failed, the first: {bad[:1]}")
        fair = len(lines) / len(cluster.children)
        for child in cluster.children:
            got = counts.pop(cluster.public(child), 0)
            notes.append(f"{child} {got}")
            expect(
                abs(got - fair) <= TOLERANCE * fair,
                f"{child} got {got} of {len(lines)}, not {fair:.0f} within {TOLERANCE:.0%}",
            )
        expect(not counts, f"others were answered, too: {dict(counts)}")
        notes.append(f"{len(lines) / (time.time() - began):.0f} a second")
    for name, node in cluster.nodes.items():
        if node["role"] in ("mother", "standby", "worker"):
            with verdicts.check(f"no visitor reaches {name}"):
                seen = requests_seen(cluster, name)
                expect(not seen, f"its access log has requests of visitors:\n{seen}")


def share(cluster: Cluster) -> list[dict]:
    visitors = Visitors(cluster, "http://www.midominio.com/", RATE, 600)
    wait_for(120, f"{REQUESTS} requests", lambda: len(visitors.so_far()) >= REQUESTS)
    return visitors.stop()[:REQUESTS]


def requests_seen(cluster: Cluster, node: str) -> str:
    """Lines of web servers' logs that come from the client's address."""
    command = "grep -rhs '^198\\.19\\.0\\.2 ' /var/log/nginx | head -n 3"
    return cluster.on_must(node, command)


def lost_children(cluster: Cluster, verdicts: Verdicts) -> None:
    """One after the other, in the three ways in which a machine is lost."""
    victim = cluster.children[0]
    for way, lose, find in (
        ("hung", "hang", "resume"),
        ("cut off", "cut", "join"),
        ("powered off", "power-off", "power-on"),
    ):
        with verdicts.check(f"a child that is {way} leaves and comes back by itself") as notes:
            lost_child(cluster, victim, lose, find, notes)


def lost_child(cluster: Cluster, victim: str, lose: str, find: str, notes: list[str]) -> None:
    everyone = cluster.publics(cluster.children)
    others = everyone - {cluster.public(victim)}
    servers = [cluster.public(name) for name in cluster.name_servers()]
    visitors = Visitors(cluster, "http://www.midominio.com/", RATE, 600)
    time.sleep(1)
    try:
        cluster.must(lose, victim)
        lost = time.time()
        waits = [
            wait_for(
                CHECK_SECONDS,
                f"{server} answers without {victim}",
                lambda server=server: cluster.addresses("www.midominio.com", server) == others,
            )
            for server in servers
        ]
        notes.append("out after " + ", ".join(f"{wait:.1f} s" for wait in waits))
        # Resolvers may hold what they were told just before, for its whole TTL.
        limit = time.time() + TTL_SECONDS
        time.sleep(TTL_SECONDS + AFTERWARDS)
    finally:
        cluster.must(find, victim, limit=scaled(BOOT_SECONDS) + 60)
    found = time.monotonic()
    for server in servers:
        wait_for(
            BOOT_SECONDS,
            f"{server} answers with {victim} again",
            lambda server=server: cluster.addresses("www.midominio.com", server) == everyone,
        )
    notes.append(f"back {time.monotonic() - found:.1f} s later")
    wait_for(
        30,
        f"visitors reach {victim} again",
        lambda: any(
            line["address"] == cluster.public(victim) and line["status"] == 200
            for line in visitors.so_far()[-10 * RATE :]
            if line["begun"] > limit
        ),
    )
    judge(visitors.stop(), lost, limit, notes)


def judge(lines: list[dict], lost: float, limit: float, notes: list[str]) -> None:
    """No request fails that was begun after the check and the TTL had run out."""
    failed = [line for line in lines if line["status"] != 200]
    late = [line for line in failed if line["begun"] > limit]
    expect(len(lines) > RATE, "too few requests to tell")
    notes.append(f"{len(failed)} of {len(lines)} requests failed")
    before = [line for line in failed if line["begun"] + line["took"] < lost]
    if before:
        raise Failed(f"{len(before)} requests failed while all was well: {before[:2]}")
    if late:
        after = late[0]["begun"] - lost
        raise Failed(f"{len(late)} of them after {after:.1f} s, too late: {late[:2]}")
