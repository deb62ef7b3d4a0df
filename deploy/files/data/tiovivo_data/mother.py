"""Becoming the mother, and ceasing to be it.

`take` and `release` are the start and the stop of tiovivo-mother.service: what they do is undone by
any stop of the machine, and no boot starts the unit. `promote` makes a standby the mother of the
next epoch.
"""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from tiovivo_data import address, broker, database, look, role, sql, wire
from tiovivo_data.role import Role
from tiovivo_data.settings import Settings
from tiovivo_data.sql import Sql

UNIT = "tiovivo-mother.service"
RECEIVER = "tiovivo-receive.service"
COPIER = "tiovivo-copy.service"
FRESH_FILE = "fresh-epoch"
CATCH_UP_S = 15.0
SEND_S = 6 * 3600.0


class Refusal(Exception):
    """What was asked for is not safe now; the words are for the operator."""


def take(settings: Settings) -> None:
    """Opens the database and the broker for writes, then takes the address."""
    now = role.read(settings.state_folder)
    if now is None or now.kind != "mother":
        raise Refusal(f"this machine is {now.kind if now else 'new'}, not the mother")
    if not address.is_held(settings):
        refuse_second_holder(settings)
    with sql.local(settings.database_socket) as db:
        if database.replica(db).configured:
            # A power cut came between the role file and the end of following.
            end = database.Stop(settings, db)
            end.apply()
            end.forget()
        serve(settings, now, db)


def serve(settings: Settings, now: Role, db: Sql) -> None:
    """Opens everything; the caller has made sure that nobody else is the mother."""
    database.open_for_writes(db, wait_for_standby=must_wait(settings, now))
    broker.lead(settings)
    address.take(settings)


def must_wait(settings: Settings, now: Role) -> bool:
    """In the first moments of an epoch no name server holds it to be synchronous; later one may."""
    if settings.peer is None:
        return False
    try:
        fresh = (settings.run_folder / FRESH_FILE).read_text().strip()
    except OSError:
        return True
    return fresh != str(now.epoch)


def refuse_second_holder(settings: Settings) -> None:
    holder = address.ask_holder(address.interface(settings), settings.mother_address)
    if holder:
        raise Refusal(
            f"{settings.mother_address} is held by the machine with the hardware address"
            f" {holder}: there is a mother already"
        )


def refuse_newer_mother(settings: Settings, now: Role) -> None:
    """A peer that cannot be asked is the caller's to answer for."""
    if settings.peer is None:
        return
    answer = ask_peer(settings)
    if answer.get("kind") == "mother" and int(answer.get("epoch") or 0) > now.epoch:
        raise Refusal(
            f"{settings.peer.name} is the mother of epoch {answer['epoch']}, this machine was that"
            f" of epoch {now.epoch}: run deploy/rejoin {settings.node}"
        )


def release(settings: Settings) -> None:
    """The address goes first, so that no acknowledgement leaves any more."""
    address.drop(settings)
    with sql.local(settings.database_socket) as db:
        database.close_for_writes(db)


def set_up(settings: Settings) -> list[str]:
    """The first mother of a new cluster, or the mother again after a boot: what was done."""
    now = role.read(settings.state_folder)
    done = []
    if now is None:
        role.write(settings.state_folder, Role("mother", 1, 0))
        mark_fresh(settings, 1)
        done.append("became the first mother")
    elif now.kind not in ("mother", "released"):
        raise Refusal(f"this machine is {now.kind}: run deploy/promote to make it the mother")
    else:
        refuse_newer_mother(settings, now)
        role.write(settings.state_folder, Role("mother", now.epoch, now.since))
    if not address.is_held(settings) or not unit_is_active(UNIT):
        systemctl("restart", UNIT)
        prepare(settings)
        done.append(f"took {settings.mother_address}")
    else:
        # MariaDB may have started anew below.
        take(settings)
    return done


def prepare(settings: Settings) -> None:
    with sql.local(settings.database_socket) as db:
        database.prepare(db, settings)


def promote(settings: Settings, tell=print) -> None:
    """The standby becomes the mother. The caller answers for the end of the old one."""
    started = time.monotonic()
    now = role.read(settings.state_folder)
    if now is not None and now.kind == "mother":
        tell("\n".join(set_up(settings)) or "this machine is the mother already")
        return
    if now is None or now.kind != "standby":
        kind = now.kind if now else "new"
        raise Refusal(f"this machine is {kind}, its copy is not complete: run deploy/rejoin")
    with sql.local(settings.database_socket) as db:
        # Takes its time while the looks take theirs.
        end = database.Stop(settings, db)
        try:
            refuse_signs_of_life(settings)
        except Refusal:
            end.undo()
            raise
        end.apply()
        tell(f"every received transaction is applied, {time.monotonic() - started:.1f} s")
        next_role = Role("mother", now.epoch + 1, role.now())
        role.write(settings.state_folder, next_role)
        mark_fresh(settings, next_role.epoch)
        # At once, and with its faults in sight; the unit then finds everything done.
        serve(settings, next_role, db)
        words = f"{settings.node} is the mother, epoch {next_role.epoch}"
        tell(f"{words}, {time.monotonic() - started:.1f} s")
        # Also stops the receiver of files, which it conflicts with.
        systemctl("restart", UNIT)
        end.forget()


def has_released(settings: Settings) -> bool:
    """The old mother itself says that it gave up its role."""
    answer = ask_peer(settings)
    return answer.get("kind") == "released" and answer.get("holds_address") is False


def ask_peer(settings: Settings) -> dict:
    """What the peer's watcher says; nothing when it does not answer."""
    try:
        return wire.ask(settings.peer.address, settings.key, {"type": "state"}, timeout=1.0)
    except wire.WireError:
        return {}


def refuse_signs_of_life(settings: Settings) -> None:
    """Of the old mother, or of anybody who has her address; both are looked at side by side."""
    with ThreadPoolExecutor(2) as pool:
        looks = [pool.submit(refuse_second_holder, settings)]
        if settings.peer is not None:
            looks.append(pool.submit(refuse_living_mother, settings))
        for one in looks:
            one.result()


def refuse_living_mother(settings: Settings) -> None:
    peer = settings.peer
    if has_released(settings):
        return
    if look.machine_answers(peer.address):
        raise Refusal(
            f"{peer.name} answers at {peer.address}: it is not dead. Fence it, or hand over in good"
            f" order (deploy/promote --hand-over), or bring it back (deploy/promote {peer.name})"
        )


def hand_over(settings: Settings) -> int:
    """The mother ends in good order: nothing is lost. Returns her epoch.

    Writes stop, the standby receives the last one, and only then the role is given up; else this
    machine goes on being the mother.
    """
    now = role.read(settings.state_folder)
    if now is None or now.kind not in ("mother", "released"):
        raise Refusal(f"this machine is {now.kind if now else 'new'}, not the mother")
    systemctl("stop", UNIT)
    try:
        with sql.local(settings.database_socket) as db:
            last = db.value("SELECT @@GLOBAL.gtid_binlog_pos")
        wait_standby(settings, last)
        send_trees(settings)
    except Exception:
        systemctl("restart", UNIT)
        raise
    role.write(settings.state_folder, Role("released", now.epoch, now.since))
    return now.epoch


def wait_standby(settings: Settings, last: str) -> None:
    if settings.peer is None:
        raise Refusal("there is no standby")
    deadline = time.monotonic() + CATCH_UP_S
    account = database.REPLICATION_USER
    with sql.remote(settings.peer.address, account, settings.replication_password) as standby:
        while True:
            applied = standby.value("SELECT @@GLOBAL.gtid_slave_pos")
            if database.contains(applied, last):
                return
            if time.monotonic() > deadline:
                raise Refusal(f"the standby has {applied} of {last}: it does not keep up")
            time.sleep(0.1)


def send_trees(settings: Settings) -> None:
    """Copies all trees to the standby once, side by side, and waits for the end."""
    password = f"--password-file={settings.state_folder}/rsync-password"
    words = ["rsync", "-aHX", "--delete", "--timeout=60", "--contimeout=10", password]

    def send(tree: str) -> None:
        target = f"rsync://tiovivo@{settings.peer.address}/{tree.rsplit('/', 1)[-1]}/"
        run(*words, f"{tree}/", target, timeout=SEND_S)

    with ThreadPoolExecutor(len(settings.trees) or 1) as pool:
        list(pool.map(send, settings.trees))


def mark_fresh(settings: Settings, epoch: int) -> None:
    settings.run_folder.mkdir(mode=0o755, exist_ok=True)
    (settings.run_folder / FRESH_FILE).write_text(str(epoch))


def unit_is_active(unit: str) -> bool:
    done = subprocess.run(["systemctl", "-q", "is-active", unit], check=False, timeout=30)
    return done.returncode == 0


def systemctl(verb: str, unit: str) -> None:
    run("systemctl", verb, unit, timeout=180)


def run(*words: str, timeout: float) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise Refusal(f"{' '.join(words[:3])}: no end after {timeout:.0f} s") from None
    if done.returncode != 0:
        raise Refusal(f"{' '.join(words[:3])}: {done.stderr.strip()[-500:]}")
