"""A failover that nobody asked for, and every partition of docs/cluster/failover.md: who is cut from whom,
and what each does. Whatever happens, there are never two writable mothers, and no row is missing that
a writer was told of."""

import json
import subprocess
import time
from dataclasses import dataclass

import mother
from cluster import REPOSITORY, Cluster
from mother import TABLE, Writer
from verdicts import Verdicts, expect, scaled, wait_for

# From the loss to the first acknowledged write, on a quiet machine.
BACK_SECONDS = 10
# A partition without a failover lasts so long: longer than any failover takes.
PARTITION_SECONDS = 15
SYNCHRONOUS_SECONDS = 60
SWITCH_PORT = 9099
EVERYONE = "*"
WAKE = "[/usr/local/sbin/tiovivo-data, wake]"
POOL = """\
  mother:
    names: [madre.midominio.com]
    members: [server-1, server-1.1]
    order: failover
    stay: true
    address: private
    clients: [10.77.0.0/24, 127.0.0.0/8]
    ttl: 5
    damping: off
    check: { mysql: { port: 3306 }, every: 1s, timeout: 900ms, fall: 2, rise: 2 }
    deep: { http: { port: 8054, path: /replication } }
nodes:
"""
DEPLOY = """\
  failover: automatic
  fence: { command: [/usr/local/sbin/fence, "{node}"] }
"""


@dataclass
class Row:
    """MOTHER, STANDBY, NS1 and NS2 stand for the machines that are it when the row begins."""

    what: str
    # Who does not reach whom any more; EVERYONE is a pulled cable.
    cuts: tuple[tuple[str, str], ...] = ()
    # A command of the lab for the mother instead.
    lose: str = ""
    takes_over: bool = False
    fence_works: bool = True


BOTH_NAME_SERVERS = (("MOTHER", "NS1"), ("MOTHER", "NS2"))
ROWS = (
    Row("the mother loses her power", lose="power-off", takes_over=True),
    Row("the standby is cut off", (("STANDBY", EVERYONE),)),
    Row("mother and standby do not reach each other", (("MOTHER", "STANDBY"),)),
    Row("one name server does not reach the mother", (("MOTHER", "NS1"),)),
    Row("no name server reaches the mother, the standby does", BOTH_NAME_SERVERS),
    Row("the name servers are cut off", (("NS1", EVERYONE), ("NS2", EVERYONE))),
    Row("no name server reaches the standby", (("STANDBY", "NS1"), ("STANDBY", "NS2"))),
    Row("the mother is cut off, the fence fails", (("MOTHER", EVERYONE),), fence_works=False),
    Row(
        "children alone reach the mother",
        (*BOTH_NAME_SERVERS, ("MOTHER", "STANDBY")),
        takes_over=True,
    ),
    Row("the mother hangs", lose="hang", takes_over=True),
    Row("the mother is cut off", (("MOTHER", EVERYONE),), takes_over=True),
)


def every_partition(cluster: Cluster, verdicts: Verdicts) -> None:
    switch = PowerSwitch(cluster)
    try:
        with verdicts.check("deploy/up makes the failover automatic"):
            make_automatic(cluster, switch)
        if verdicts.failed:
            return
        mother.make_table(cluster, mother.pair_now(cluster)[0])
        for row in ROWS:
            if not play(cluster, verdicts, switch, row):
                # What comes next begins with two machines that are well.
                return
        asynchronous_mother(cluster, verdicts)
    finally:
        switch.close()


class PowerSwitch:
    """See power_switch.py; it stands on the private network, as the administrator's machine does."""

    def __init__(self, cluster: Cluster):
        self.folder = cluster.folder / "switch"
        self.folder.mkdir(exist_ok=True)
        line = "ip -4 -o address show private | sed 's/.*inet \\([0-9.]*\\).*/\\1/'"
        self.address = cluster.must("run", "sh", "-c", line).strip().splitlines()[-1]
        lab = REPOSITORY / "deploy/lab"
        program = REPOSITORY / "tests/cluster/power_switch.py"
        words = ["python3", program, self.address, cluster.name, lab, self.folder]
        self.process = subprocess.Popen(
            [str(w) for w in [lab, "--name", cluster.name, "run", *words]]
        )

    def set_working(self, works: bool) -> None:
        (self.folder / "broken").unlink(missing_ok=True)
        if not works:
            (self.folder / "broken").touch()

    def last(self) -> tuple[float, str]:
        """When it last switched a machine off, and which."""
        lines = (self.folder / "switched").read_text().splitlines()
        moment, name, _ = lines[-1].split()
        return float(moment), name

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)


def make_automatic(cluster: Cluster, switch: PowerSwitch) -> None:
    text = cluster.config.read_text()
    if "failover: automatic" not in text:
        hook = f"hooks: [{{ name: failover, command: {WAKE}, on: [node], pools: [mother] }}]\n"
        text = hook + text.replace("nodes:\n", POOL, 1) + DEPLOY
        cluster.config.write_text(text)
    fence = f"#!/bin/sh\nexec curl -sf -m 30 http://{switch.address}:{SWITCH_PORT}/off/$1\n"
    for name in cluster.pair:
        line = f"cat >/usr/local/sbin/fence <<'END'\n{fence}END\nchmod +x /usr/local/sbin/fence"
        cluster.on_must(name, line)
    done = cluster.deploy("up", "--only", "mother,standby,dns")
    expect(done.ok, f"status {done.status}\n{done.out}")
    wait_synchronous(cluster)


def play(cluster: Cluster, verdicts: Verdicts, switch: PowerSwitch, row: Row) -> bool:
    failed = len(verdicts.failed)
    first, second = mother.pair_now(cluster)
    forget_last_change(cluster)
    switch.set_working(row.fence_works)
    what = "the standby takes over" if row.takes_over else "the mother stays"
    with verdicts.check(f"{row.what}: {what}") as notes:
        writer = Writer(cluster, cluster.children[-1])
        acknowledged: set[int] = set()
        began = time.monotonic()
        try:
            pull(cluster, row, first, second)
            if row.takes_over:
                wait_taken_over(cluster, switch, first, second, writer, notes)
            else:
                time.sleep(scaled(PARTITION_SECONDS))
        finally:
            heal(cluster, row, first, second)
            time.sleep(2)
            acknowledged = writer.stop()
        if row.takes_over:
            rejoin(cluster, first)
        expect_one_mother(cluster, second if row.takes_over else first)
        waited = wait_synchronous(cluster)
        expect_rows(cluster, acknowledged)
        notes.append(f"{len(acknowledged)} rows, none is missing; synchronous after {waited:.0f} s")
        notes.append(f"all {time.monotonic() - began:.0f} s")
    return len(verdicts.failed) == failed


def pull(cluster: Cluster, row: Row, first: str, second: str) -> None:
    if row.lose:
        cluster.must(row.lose, first)
    for one, other in named(cluster, row, first, second):
        if other == EVERYONE:
            cluster.must("cut", one)
        else:
            cluster.on_must(one, f"ip route replace blackhole {private(cluster, other)}/32")


def heal(cluster: Cluster, row: Row, first: str, second: str) -> None:
    """A machine that was fenced has nothing to be healed."""
    for one, other in named(cluster, row, first, second):
        if other == EVERYONE:
            cluster.lab("join", one)
        elif is_running(cluster, one):
            cluster.on(one, f"ip route del blackhole {private(cluster, other)}/32")


def named(cluster: Cluster, row: Row, first: str, second: str) -> list[tuple[str, str]]:
    ns1, ns2 = cluster.name_servers()[:2]
    names = {"MOTHER": first, "STANDBY": second, "NS1": ns1, "NS2": ns2, EVERYONE: EVERYONE}
    return [(names[one], names[other]) for one, other in row.cuts]


def wait_taken_over(
    cluster: Cluster, switch: PowerSwitch, first: str, second: str, writer: Writer, notes: list[str]
) -> None:
    began = time.monotonic()
    before = len(writer.acknowledged())
    waited = wait_for(
        BACK_SECONDS * 3,
        f"{second} is the mother",
        lambda: state(cluster, second).get("kind") == "mother",
    )
    wait_for(BACK_SECONDS, "writes go on", lambda: len(writer.acknowledged()) > before)
    seconds = time.monotonic() - began
    notes.append(f"the mother after {waited:.1f} s, writes after {seconds:.1f} s")
    expect(seconds <= scaled(BACK_SECONDS), f"not within {scaled(BACK_SECONDS):.0f} s")
    moment, name = switch.last()
    expect(name == first, f"{name} was fenced, not {first}")
    since = state(cluster, second)["since"]
    expect(moment <= since + 2, f"the fence came {moment - since:.0f} s after the new mother")


def asynchronous_mother(cluster: Cluster, verdicts: Verdicts) -> None:
    """The standby is away, so writes are acknowledged without it; then the mother dies."""
    first, second = mother.pair_now(cluster)
    forget_last_change(cluster)
    with verdicts.check("the mother dies while writes are asynchronous: a person decides") as notes:
        cluster.must("cut", second)
        wait_for(30, "an alarm", lambda: "asynchronous" in page(cluster, first))
        writer = Writer(cluster, cluster.children[-1])
        time.sleep(3)
        cluster.must("power-off", first)
        cluster.must("join", second)
        time.sleep(scaled(PARTITION_SECONDS))
        writer.stop()
        expect(state(cluster, second).get("kind") == "standby", f"{second} took over")
        cluster.must("power-on", first, limit=300)
        expect_no_address(cluster, first)
        done = cluster.deploy("promote", first)
        notes.append(f"brought back by deploy/promote {first}, {done.seconds:.1f} s")
        expect(done.ok, f"status {done.status}\n{done.out}")
        wait_synchronous(cluster)
        expect_one_mother(cluster, first)


def rejoin(cluster: Cluster, name: str) -> None:
    cluster.must("power-on", name, limit=300)
    expect_no_address(cluster, name)
    done = cluster.deploy("rejoin", name)
    expect(done.ok, f"deploy/rejoin: status {done.status}\n{done.out}")


def expect_no_address(cluster: Cluster, name: str) -> None:
    """After a boot."""
    wait_for(120, f"{name} says how it is", lambda: "kind" in state(cluster, name))
    expect(not state(cluster, name)["holds_address"], "the address came back by itself")


def expect_one_mother(cluster: Cluster, name: str) -> None:
    states = {each: state(cluster, each) for each in cluster.pair}
    addresses = [each for each, said in states.items() if said.get("holds_address")]
    writable = [each for each, said in states.items() if said.get("read_only") is False]
    expect(addresses == [name], f"{addresses} have the mother's address, not {name}")
    expect(writable == [name], f"{writable} are writable, not {name}")


def expect_rows(cluster: Cluster, acknowledged: set[int]) -> None:
    now, _ = mother.pair_now(cluster)
    missing = sorted(acknowledged - mother.rows(cluster, now))
    expect(not missing, f"{len(missing)} acknowledged rows are missing: {missing[:10]}")
    cluster.on_must(now, f"mysql -e 'DELETE FROM {TABLE}' {cluster.database}")


def wait_synchronous(cluster: Cluster) -> float:
    """All that the next row needs: the name servers have recorded it."""

    def recorded() -> bool:
        epoch = state(cluster, mother.pair_now(cluster)[0]).get("epoch")
        said = [
            cluster.on(name, "cat /var/lib/tiovivo-witness/record.json").out.strip()
            for name in cluster.name_servers()
        ]
        return all(text == json.dumps({"epoch": epoch, "synchronous": True}) for text in said)

    return wait_for(SYNCHRONOUS_SECONDS, "replication is synchronous", recorded)


def state(cluster: Cluster, name: str) -> dict:
    if not is_running(cluster, name):
        return {}
    done = cluster.on(name, "tiovivo-data state")
    try:
        return json.loads(done.out) if done.ok else {}
    except ValueError:
        return {}


def page(cluster: Cluster, name: str) -> str:
    return cluster.on(name, f"curl -s http://{private(cluster, name)}:8054/replication").out


def is_running(cluster: Cluster, name: str) -> bool:
    done = cluster.lab("status", "--json")
    return any(each["name"] == name and each["state"] == "running" for each in json.loads(done.out))


def forget_last_change(cluster: Cluster) -> None:
    """Else a second failover within ten minutes waits for a person."""
    for name in cluster.pair:
        cluster.on_must(name, "sed -i 's/ [0-9]*$/ 1/' /var/lib/tiovivo-data/role")


def private(cluster: Cluster, name: str) -> str:
    return cluster.nodes[name]["private"][0]
