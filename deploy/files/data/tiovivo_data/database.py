"""What the roles do to MariaDB: open it for writes, close it, follow a mother, copy, compare."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass

from tiovivo_data import sql
from tiovivo_data.settings import Settings
from tiovivo_data.sql import Sql, SqlError

REPLICATION_USER = "tiovivo_replication"
SYSTEM_DATABASES = ("information_schema", "mysql", "performance_schema", "sys")
# A replica reads the dump and the rest of the binary log with this; SELECT is for the comparison.
REPLICATION_RIGHTS = (
    "SELECT, RELOAD, PROCESS, LOCK TABLES, REPLICATION SLAVE, BINLOG MONITOR, SHOW VIEW, TRIGGER,"
    " EVENT"
)
# A promotion waits this long for received transactions to be applied.
APPLY_S = 120.0
# A receiver that is connecting ends within slave_net_timeout.
RECEIVER_S = 30.0
COPY_S = 6 * 3600.0


@dataclass(frozen=True)
class Replica:
    """How this machine follows its mother, from SHOW SLAVE STATUS; `fault` is empty when it may."""

    configured: bool
    receiving: bool
    applying: bool
    fault: str
    received: str
    applied: str
    host: str


def replica(database: Sql) -> Replica:
    rows = database.rows("SHOW SLAVE STATUS")
    applied = database.value("SELECT @@GLOBAL.gtid_slave_pos")
    if not rows:
        return Replica(False, False, False, "does not follow a mother", "", applied, "")
    row = rows[0]
    applying = row["Slave_SQL_Running"] == "Yes"
    receiving = row["Slave_IO_Running"] == "Yes"
    fault = row["Last_SQL_Error"]
    if not applying and not fault:
        fault = "transactions are not applied: the SQL thread is stopped"
    return Replica(
        True, receiving, applying, fault, row["Gtid_IO_Pos"], applied, row["Master_Host"]
    )


def receive_fault(database: Sql) -> str:
    """Why nothing is received from the mother, in MariaDB's words."""
    rows = database.rows("SHOW SLAVE STATUS")
    return rows[0]["Last_IO_Error"] if rows else ""


def semi_sync(database: Sql) -> dict[str, str]:
    """The counters of semi-synchronous replication, by the end of their names."""
    rows = database.rows("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_%'")
    return {row["Variable_name"].removeprefix("Rpl_semi_sync_"): row["Value"] for row in rows}


def is_read_only(database: Sql) -> bool:
    return database.value("SELECT @@GLOBAL.read_only") == "1"


def is_waiting_enabled(database: Sql) -> bool:
    return database.value("SELECT @@GLOBAL.rpl_semi_sync_master_enabled") == "1"


def set_waiting(database: Sql, enabled: bool) -> None:
    """Whether commits wait for a standby; switching it off lets those go on that wait now."""
    database.run(f"SET GLOBAL rpl_semi_sync_master_enabled={int(enabled)}")


def open_for_writes(database: Sql, wait_for_standby: bool) -> None:
    """Commits wait before the first write can come, where they must."""
    if wait_for_standby:
        set_waiting(database, True)
    database.run("SET GLOBAL read_only=0")


def close_for_writes(database: Sql) -> None:
    """Ends all clients. The caller took the address away before, so no acknowledgement leaves."""
    rows = database.rows(
        "SELECT id FROM information_schema.processlist WHERE user NOT IN"
        f" ('root', 'system user', '{REPLICATION_USER}', 'event_scheduler')"
    )
    for row in rows:
        try:
            database.run(f"KILL {row['id']}")
        except SqlError:
            continue  # it ended by itself
    # A commit that waits for a standby holds the lock that read_only needs. Its client is gone.
    set_waiting(database, False)
    database.run("SET GLOBAL read_only=1", timeout=30)


class Stop:
    """The end of following a dead mother, in two steps: `apply`, then `forget`.

    A receiver that is connecting to a machine without power ends after seconds only. Nothing can
    come from there any more once it is told to stop, so those seconds are waited for at the end,
    when clients are served already.
    """

    def __init__(self, settings: Settings, database: Sql):
        self.database = database
        self.before = replica(database)
        if self.before.fault and self.before.configured:
            raise SqlError(f"received transactions cannot be applied: {self.before.fault}")
        self.ended = threading.Event()
        self.connection = sql.local(settings.database_socket)
        threading.Thread(target=self.end_receiver, daemon=True).start()

    def end_receiver(self) -> None:
        try:
            self.connection.run("STOP SLAVE IO_THREAD", timeout=RECEIVER_S)
        except SqlError:
            pass  # `forget` meets the same fault, and says so
        finally:
            self.connection.close()
            self.ended.set()

    def apply(self, patience: float = APPLY_S) -> None:
        """Applies every transaction that was received: a client may have been told of it.

        While the receiver ends, SHOW SLAVE STATUS hangs. So it is asked only if it still received.
        """
        received = self.before.received
        if self.before.receiving:
            self.ended.wait(RECEIVER_S)
            received = replica(self.database).received
        wait_applied(self.database, received, patience)

    def undo(self) -> None:
        """Goes on following: the mother is not dead."""
        self.ended.wait(RECEIVER_S)
        self.database.run("START SLAVE IO_THREAD")

    def forget(self) -> None:
        self.ended.wait(RECEIVER_S)
        self.database.run("STOP SLAVE", "RESET SLAVE ALL", timeout=RECEIVER_S)


def wait_applied(database: Sql, received: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not contains(applied := database.value("SELECT @@GLOBAL.gtid_slave_pos"), received):
        if time.monotonic() > deadline:
            raise SqlError(
                f"not all received transactions are applied after {patience:.0f} s:"
                f" {applied or 'none'} of {received}"
            )
        time.sleep(0.05)


def contains(applied: str, received: str) -> bool:
    """Whether every domain of `received` is at least as far in `applied`."""
    done = positions(applied)
    return all(number <= done.get(domain, -1) for domain, number in positions(received).items())


def positions(text: str) -> dict[str, int]:
    """`0-1-42,1-7-3` as domain and number."""
    result = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        domain, _, number = part.split("-")
        result[domain] = int(number)
    return result


def prepare(database: Sql, settings: Settings) -> None:
    """The database and the accounts of the application and of replication; safe to repeat."""
    name, user = sql.quote_name(settings.database), sql.quote(settings.database_user)
    account = f"{user}@'%'"
    password = sql.quote(settings.database_password)
    database.run(
        f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4",
        f"CREATE USER IF NOT EXISTS {account}",
        f"ALTER USER {account} IDENTIFIED BY {password}",
        f"GRANT ALL ON {name}.* TO {account}",
    )
    # Both machines of the pair: whoever is the standby later copies with the same account.
    peer = [settings.peer.address] if settings.peer else []
    for address in [settings.address, *peer]:
        account = f"'{REPLICATION_USER}'@{sql.quote(address)}"
        database.run(
            f"CREATE USER IF NOT EXISTS {account}",
            f"ALTER USER {account} IDENTIFIED BY {sql.quote(settings.replication_password)}",
            f"GRANT {REPLICATION_RIGHTS} ON *.* TO {account}",
        )


def copy_from(database: Sql, settings: Settings, mother: str) -> None:
    """Throws away what is here and loads everything from the mother, up to one moment."""
    source = sql.remote(mother, REPLICATION_USER, settings.replication_password)
    with source:
        if is_read_only(source):
            raise SqlError(f"{mother} is not the mother: its database is read-only")
        names = user_databases(source)
    database.run("STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only=1", timeout=60)
    database.run("SET SESSION sql_log_bin=0")
    for name in user_databases(database):
        database.run(f"DROP DATABASE {sql.quote_name(name)}", timeout=600)
    for account in foreign_accounts(database):
        database.run(f"DROP USER {account}")
    database.run("RESET MASTER", "SET GLOBAL gtid_slave_pos=''", timeout=60)
    load_dump(settings, mother, names)
    database.run("FLUSH LOCAL PRIVILEGES")


def load_dump(settings: Settings, mother: str, names: list[str]) -> None:
    """The dump goes from one client program to the other; neither end may fail unseen."""
    dump = subprocess.Popen(
        [
            *("mariadb-dump", "--no-defaults", f"--host={mother}", f"--user={REPLICATION_USER}"),
            *("--single-transaction", "--master-data=1", "--gtid", "--routines", "--triggers"),
            *("--events", "--hex-blob", "--default-character-set=utf8mb4"),
            # Accounts come along, because a promoted standby must let the same people in.
            *("--system=users", "--insert-ignore", "--databases", *names),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "MYSQL_PWD": settings.replication_password},
    )
    load = subprocess.Popen(
        [
            *("mariadb", "--no-defaults", f"--socket={settings.database_socket}"),
            *("--default-character-set=utf8mb4", "--init-command=SET SESSION sql_log_bin=0"),
        ],
        stdin=dump.stdout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    dump.stdout.close()
    try:
        _, load_errors = load.communicate(timeout=COPY_S)
        dump_errors = dump.stderr.read(4096)
        dump.wait(timeout=60)
    finally:
        for process in (dump, load):
            if process.poll() is None:
                process.kill()
                process.wait()
    for process, errors, what in ((dump, dump_errors, "dump"), (load, load_errors, "load")):
        if process.returncode != 0:
            words = errors.decode(errors="replace").strip() or f"status {process.returncode}"
            raise SqlError(f"{what} from {mother}: {words[:500]}")


def follow(database: Sql, settings: Settings, mother: str, until: str = "") -> None:
    """Starts to replicate; with `until`, it stops applying exactly there."""
    database.run(
        f"CHANGE MASTER TO MASTER_HOST={sql.quote(mother)}, MASTER_PORT=3306,"
        f" MASTER_USER='{REPLICATION_USER}',"
        f" MASTER_PASSWORD={sql.quote(settings.replication_password)},"
        " MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1"
    )
    database.run(
        f"START SLAVE UNTIL master_gtid_pos={sql.quote(until)}" if until else "START SLAVE"
    )


def user_databases(database: Sql) -> list[str]:
    names = [next(iter(row.values())) for row in database.rows("SHOW DATABASES")]
    return [name for name in names if name not in SYSTEM_DATABASES]


def foreign_accounts(database: Sql) -> list[str]:
    rows = database.rows(
        "SELECT user, host FROM mysql.global_priv WHERE user NOT IN"
        " ('root', 'mysql', 'mariadb.sys', 'PUBLIC') AND user <> ''"
    )
    return [f"{sql.quote(row['user'])}@{sql.quote(row['host'])}" for row in rows]


def compare(database: Sql, settings: Settings, mother: str) -> list[str]:
    """Follows to one moment of the mother, then compares the checksums of all tables of both.

    Returns a line for each table that differs, and goes on following. The mother is not blocked:
    her checksums are those of a snapshot, whose position the standby stops at.
    """
    with sql.remote(mother, REPLICATION_USER, settings.replication_password) as source:
        source.run("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        rows = source.rows("SHOW STATUS LIKE 'binlog_snapshot_%'")
        place = {row["Variable_name"].lower(): row["Value"] for row in rows}
        file, offset = place["binlog_snapshot_file"], place["binlog_snapshot_position"]
        moment = source.value(f"SELECT BINLOG_GTID_POS({sql.quote(file)}, {int(offset)})")
        database.run("STOP SLAVE", timeout=60)
        if moment and not contains(replica(database).applied, moment):
            follow(database, settings, mother, until=moment)
            wait_stopped(database, moment)
            database.run("STOP SLAVE", timeout=60)
        tables = user_tables(source)
        theirs = checksums(source, tables)
        ours = checksums(database, user_tables(database))
    follow(database, settings, mother)
    return [
        f"{name}: {theirs.get(name, 'absent')} on the mother, {ours.get(name, 'absent')} here"
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name) != ours.get(name)
    ]


def wait_stopped(database: Sql, moment: str) -> None:
    deadline = time.monotonic() + COPY_S
    while time.monotonic() < deadline:
        state = replica(database)
        if contains(state.applied, moment):
            return
        fault = state.fault if not state.applying else receive_fault(database)
        if fault and not fault.startswith("transactions are not applied"):
            raise SqlError(f"following the mother: {fault}")
        time.sleep(0.1)
    raise SqlError(f"the copy did not reach {moment}")


def user_tables(database: Sql) -> list[str]:
    rows = database.rows(
        "SELECT table_schema AS s, table_name AS t FROM information_schema.tables"
        " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN"
        " ('information_schema', 'mysql', 'performance_schema', 'sys')"
    )
    return [f"{sql.quote_name(row['s'])}.{sql.quote_name(row['t'])}" for row in rows]


def checksums(database: Sql, tables: list[str]) -> dict[str, str]:
    """A checksum over the rows of each table, whatever its engine keeps in its pages."""
    return {
        table: database.rows(f"CHECKSUM TABLE {table} EXTENDED", timeout=COPY_S)[0]["Checksum"]
        for table in tables
    }
