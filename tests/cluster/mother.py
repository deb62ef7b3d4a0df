"""The mother loses her power under writes, and the standby takes over: nothing that was acknowledged
is missing, children stay in the rotation, and the old mother returns as the new standby."""

import time
from concurrent.futures import ThreadPoolExecutor

import videos
from cluster import Cluster
from verdicts import Verdicts, expect, scaled, wait_for

# From the command to a page with database and files, on a quiet machine.
COMMAND_SECONDS = 5
MEDIA_SECONDS = 1.0
WRITES_SECONDS = 6
# A mother that is dead takes no child out: longer than any check.
CHILDREN_SECONDS = 8
REPLICA_SECONDS = 60
TABLE = "cluster_test"


class Writer:
    """Rows, one transaction each, from a child to whoever is the mother. Each number that comes back
    was acknowledged. A lost connection is made again and later numbers are tried."""

    SCRIPT = """
export MYSQL_PWD={password}
first=1
while [ ! -e /tmp/writes.stop ]; do
    seq $first $((first + 100000)) |
        sed 's/.*/INSERT INTO {table} VALUES (&); SELECT &;/' |
        timeout 300 mysql --host={host} --user={user} --connect-timeout=2 --unbuffered \
            --skip-column-names --batch {database} >>/tmp/writes 2>>/tmp/writes.log
    last=$(tail -n 1 /tmp/writes)
    first=$((${{last:-0}} + 1000))
    sleep 0.3
done
"""

    def __init__(self, cluster: Cluster, child: str):
        self.cluster, self.child = cluster, child
        secrets = cluster.config.parent / "secrets"
        script = self.SCRIPT.format(
            password=(secrets / "database-password").read_text().strip(),
            table=TABLE,
            host=cluster.mother_address,
            user=cluster.database,
            database=cluster.database,
        )
        cluster.on_must(child, f"rm -f /tmp/writes*; cat >/tmp/write <<'END'\n{script}\nEND")
        cluster.on_must(child, "setsid nohup sh /tmp/write >/dev/null 2>&1 </dev/null &")
        wait_for(30, "rows are written", lambda: len(self.acknowledged()) > 20)

    def acknowledged(self) -> set[int]:
        lines = self.cluster.on(self.child, "cat /tmp/writes 2>/dev/null").out.splitlines()
        return {int(line) for line in lines if line.isdigit()}

    def stop(self) -> set[int]:
        self.cluster.on_must(self.child, "touch /tmp/writes.stop; pkill -x mysql; sleep 1")
        return self.acknowledged()


class Media:
    """Files that a worker writes into the shared media, ten a second."""

    SCRIPT = """
import os, time
folder = "/srv/media/cluster-test"
os.makedirs(folder, exist_ok=True)
for number in range(6000):
    with open(f"{folder}/{number:05}", "w") as file:
        file.write(str(time.time()))
        os.fsync(file.fileno())
    with open("/tmp/media", "a") as log:
        log.write(f"{number} {time.time()}\\n")
    time.sleep(0.1)
"""

    def __init__(self, cluster: Cluster, node: str):
        self.cluster, self.node = cluster, node
        cluster.on_must(node, f"rm -f /tmp/media; cat >/tmp/media.py <<'END'\n{self.SCRIPT}\nEND")
        user = "runuser -u www-data --"
        cluster.on_must(
            node,
            f"touch /tmp/media; chmod 666 /tmp/media; rm -rf /srv/media/cluster-test;"
            f" setsid nohup {user} python3 /tmp/media.py >/tmp/media.err 2>&1 </dev/null &",
        )

    def written(self) -> dict[int, float]:
        lines = self.cluster.on(self.node, "cat /tmp/media").out.splitlines()
        pairs = [line.split() for line in lines]
        return {int(pair[0]): float(pair[1]) for pair in pairs if len(pair) == 2}

    def stop(self) -> None:
        self.cluster.on(self.node, "pkill -f '^python3 /tmp/media.py'")


def take_over(cluster: Cluster, verdicts: Verdicts) -> None:
    """Both ways: the second promotion makes the first mother the mother again."""
    first, second = pair_now(cluster)
    make_table(cluster, first)
    for mother, standby in ((first, second), (second, first)):
        power_cut(cluster, verdicts, mother, standby)
        if verdicts.failed:
            return
        rejoin(cluster, verdicts, mother, standby)


def power_cut(cluster: Cluster, verdicts: Verdicts, mother: str, standby: str) -> None:
    child, worker = cluster.children[-1], cluster.with_role("worker")[0]
    writer, media = Writer(cluster, child), Media(cluster, worker)
    try:
        time.sleep(WRITES_SECONDS)
        with verdicts.check(f"{mother} loses her power: the children stay in the rotation"):
            cluster.must("power-off", mother)
            cut = time.time()
            time.sleep(CHILDREN_SECONDS)
            for name in cluster.name_servers():
                answer = cluster.addresses(videos.HOST, cluster.public(name))
                expect(answer == cluster.publics(cluster.children), f"{name} answers {answer}")
        with verdicts.check(
            f"deploy/promote {standby}: page, database and files are back"
        ) as notes:
            promote(cluster, standby, child, notes)
            time.sleep(WRITES_SECONDS)
    finally:
        acknowledged = writer.stop()
        written = media.written()
        media.stop()
    with verdicts.check("no acknowledged row is missing") as notes:
        missing = sorted(acknowledged - rows(cluster, standby))
        notes.append(f"{len(acknowledged)} rows")
        expect(not missing, f"{len(missing)} are: {missing[:10]}")
    with verdicts.check(f"media of at most {MEDIA_SECONDS} s is missing") as notes:
        have = cluster.on_must(standby, "ls /srv/media/cluster-test").split()
        lost = [at for number, at in written.items() if f"{number:05}" not in have and at < cut]
        seconds = cut - min(lost) if lost else 0.0
        notes.append(f"{seconds:.1f} s, {len(lost)} of {len(written)} files")
        expect(seconds <= MEDIA_SECONDS, "too much")


def promote(cluster: Cluster, standby: str, child: str, notes: list[str]) -> None:
    """The page is asked for while the command runs, which ends when the old mother is forgotten, too."""
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        command = pool.submit(cluster.deploy, "promote", standby, "--i-know-it-is-dead")
        wait_for(60, "files by NFS", lambda: cluster.on(child, "ls /srv/app/current/", 10).ok)
        wait_for(60, "the page", lambda: page_is_well(cluster, child))
        seconds = time.monotonic() - began
        done = command.result()
    notes.append(f"all {seconds:.1f} s after the command's start, which took {done.seconds:.1f} s")
    expect(done.ok, f"status {done.status}\n{done.out}")
    expect(seconds <= scaled(COMMAND_SECONDS), f"not within {scaled(COMMAND_SECONDS):.1f} s")


def rejoin(cluster: Cluster, verdicts: Verdicts, old: str, mother: str) -> None:
    with verdicts.check(f"{old} rejoins as the standby, an equal replica") as notes:
        cluster.must("power-on", old, limit=300)
        done = cluster.deploy("rejoin", old)
        notes.append(f"the command {done.seconds:.1f} s")
        expect(done.ok, f"status {done.status}\n{done.out}")
        wait_equal(cluster, mother, old)


def standby_power_cut(cluster: Cluster, verdicts: Verdicts) -> None:
    mother, standby = pair_now(cluster)
    make_table(cluster, mother)
    with verdicts.check(f"{standby}'s power cut under writes: it resumes by itself") as notes:
        writer = Writer(cluster, cluster.children[-1])
        try:
            time.sleep(WRITES_SECONDS)
            cluster.must("power-off", standby)
            time.sleep(WRITES_SECONDS)
            cluster.must("power-on", standby, limit=300)
        finally:
            acknowledged = writer.stop()
        notes.append(f"{len(acknowledged)} rows were written")
        waited = wait_equal(cluster, mother, standby)
        notes.append(f"equal {waited:.1f} s after its start")


def pair_now(cluster: Cluster) -> tuple[str, str]:
    """The mother and the standby of this moment: an earlier stage may have promoted the other."""
    held = f"ip -o address show to {cluster.mother_address} | grep -q ."
    names: list[str] = []

    def look() -> bool:
        names[:] = [name for name in cluster.pair if cluster.on(name, held).ok]
        return len(names) == 1

    wait_for(30, "one machine has the mother's address", look)
    return names[0], next(name for name in cluster.pair if name != names[0])


def page_is_well(cluster: Cluster, child: str) -> bool:
    said = videos.curl(cluster, child, "/", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}")
    return said.strip() == "200"


def wait_equal(cluster: Cluster, mother: str, standby: str) -> float:
    return wait_for(
        REPLICA_SECONDS,
        f"checksums of all tables are equal on {mother} and {standby}",
        lambda: checksums(cluster, mother) == checksums(cluster, standby) != "",
    )


def checksums(cluster: Cluster, node: str) -> str:
    tables = (
        "select group_concat(table_name order by table_name) from"
        f" information_schema.tables where table_schema='{cluster.database}'"
    )
    line = (
        f'tables=$(mysql -Ne "{tables}") && mysql -Ne "CHECKSUM TABLE $tables" {cluster.database}'
    )
    done = cluster.on(node, line)
    return done.out if done.ok else ""


def rows(cluster: Cluster, node: str) -> set[int]:
    said = cluster.on_must(node, f"mysql -Ne 'SELECT n FROM {TABLE}' {cluster.database}")
    return set(map(int, said.split()))


def make_table(cluster: Cluster, mother: str) -> None:
    statement = f"CREATE TABLE IF NOT EXISTS {TABLE} (n BIGINT PRIMARY KEY); DELETE FROM {TABLE}"
    cluster.on_must(mother, f"mysql -e '{statement}' {cluster.database}")
