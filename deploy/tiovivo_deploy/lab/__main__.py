"""The commands of `deploy/lab`."""

import argparse
import os
import sys
from pathlib import Path

from tiovivo_deploy import inventory

from . import commands
from .errors import LabError
from .places import Places

EPILOG = """\
A first look:
  deploy/lab up --config examples/django/config.yaml    machines, networks, a client
  deploy/lab run deploy/up --config …                    provision them, as on real machines
  deploy/lab client curl http://www.midominio.com/       what a visitor gets
  deploy/lab power-off server-2                          and see what the name servers do
  deploy/lab down                                        nothing stays but the cached image
"""


def main() -> int:
    arguments = parser().parse_args()
    try:
        if os.geteuid() != 0:
            raise LabError("a lab needs root, for namespaces and network interfaces")
        return arguments.act(Places(arguments.name), arguments) or 0
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="lab",
        description="The whole cluster of a config.yaml on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--name", default="lab", help="which lab; they do not see each other")
    verbs = top.add_subparsers(required=True, metavar="COMMAND")

    up = verbs.add_parser("up", help="start what does not run; the first time makes the image")
    inventory.add_arguments(up)
    up.add_argument("--only", metavar="NODE,…", help="these machines only")
    up.add_argument("--fresh", action="store_true", help="machines get empty disks")
    up.set_defaults(act=commands.up)

    status = verbs.add_parser("status", help="machines and what they are doing")
    status.add_argument("--json", action="store_true")
    status.set_defaults(act=commands.status)

    down = verbs.add_parser("down", help="end all machines and remove their disks")
    down.set_defaults(act=commands.down)

    for verb, action, text in (
        ("power-off", commands.power_off, "as if the plug was pulled"),
        ("power-on", commands.power_on, "start and wait until ssh answers"),
        ("hang", commands.hang, "stop the machine's processor"),
        ("resume", commands.resume, "let a hung machine go on"),
        ("cut", commands.cut, "pull its network cables"),
        ("join", commands.join, "put its network cables back"),
        ("wipe", commands.wipe, "power off and remove the disk"),
    ):
        one = verbs.add_parser(verb, help=text)
        one.add_argument("nodes", nargs="+", metavar="NODE")
        one.set_defaults(act=action)

    for verb, action, text in (
        ("client", commands.client, "run a command as a visitor, with a resolver of its own"),
        ("run", commands.run_as_administrator, "run a command that reaches all nodes by ssh"),
    ):
        one = verbs.add_parser(verb, help=text)
        one.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD…")
        one.set_defaults(act=action)

    execute = verbs.add_parser("exec", help="run a command on a node, as root")
    execute.add_argument("node", metavar="NODE")
    execute.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD…")
    execute.set_defaults(act=commands.execute)

    forget = verbs.add_parser("forget-answers", help="empty the cache of the client's resolver")
    forget.set_defaults(act=commands.forget_answers)

    logs = verbs.add_parser("logs", help="copy the logs of all machines into a folder")
    logs.add_argument("folder", type=Path)
    logs.set_defaults(act=commands.logs)
    return top


sys.exit(main())
