"""The commands of `tiovivo-data`, and `tiovivo-promote`."""

from __future__ import annotations

import argparse
import json
import sys

from tiovivo_data import mother, role, settings, sql, standby, view, watch, witness
from tiovivo_data.address import AddressError
from tiovivo_data.broker import BrokerError
from tiovivo_data.settings import Settings
from tiovivo_data.sql import SqlError

REFUSED = 3


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    if given.command == "wake":
        witness.wake()
        return 0
    try:
        run(given, settings.load())
    except (mother.Refusal, SqlError, AddressError, BrokerError, OSError, ValueError) as error:
        print(f"tiovivo-data {given.command}: {error}", file=sys.stderr)
        return REFUSED
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="tiovivo-data", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("state", help="print how this machine is, as JSON")
    commands.add_parser("take", help="start of tiovivo-mother.service")
    commands.add_parser("release", help="stop of tiovivo-mother.service")
    commands.add_parser("set-up", help="begin to be the mother, as the role file says")
    commands.add_parser("prepare", help="make the database and the accounts")
    commands.add_parser("promote", help="the standby becomes the mother")
    commands.add_parser("hand-over", help="the mother gives up its role; prints its epoch")
    join = commands.add_parser("join", help="become the standby by a fresh copy")
    join.add_argument("epoch", type=int)
    join.add_argument("since", type=int)
    commands.add_parser("joined", help="all files have come: this machine may be promoted")
    commands.add_parser("send", help="copy all files to the standby once")
    commands.add_parser("watch", help="the watcher of mother and standby")
    commands.add_parser("witness", help="the watcher of a name server")
    commands.add_parser("wake", help="the hook of the server: reads an event from standard input")
    kind = commands.add_parser("is", help="exit status 0 when the role file says one of KIND")
    kind.add_argument("kinds", choices=role.KINDS, nargs="+", metavar="KIND")
    return top


def run(given: argparse.Namespace, node: Settings) -> None:
    command = given.command
    if command == "state":
        with sql.local(node.database_socket) as db:
            print(json.dumps(view.look(node, db).as_dict()))
    elif command == "take":
        mother.take(node)
    elif command == "release":
        mother.release(node)
    elif command == "set-up":
        print("\n".join(mother.set_up(node)))
    elif command == "prepare":
        mother.prepare(node)
    elif command == "promote":
        mother.promote(node)
    elif command == "hand-over":
        print(mother.hand_over(node))
    elif command == "join":
        standby.join(node, given.epoch, given.since)
    elif command == "joined":
        standby.finish(node)
    elif command == "send":
        mother.send_trees(node)
        mother.systemctl("restart", mother.COPIER)
    elif command == "watch":
        watch.run(node)
    elif command == "witness":
        witness.run(node)
    elif command == "is":
        now = role.read(node.state_folder)
        if now is None or now.kind not in given.kinds:
            raise SystemExit(1)
