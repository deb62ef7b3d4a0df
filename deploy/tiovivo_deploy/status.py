"""deploy/status: how every node is, in one table; what is wrong stands below it."""

import argparse
import json
import sys

from tiovivo_deploy import inventory
from tiovivo_deploy.inventory import Cluster, Node
from tiovivo_deploy.ssh import Result, Shell
from tiovivo_deploy.summary import printable

PROGRAM = "deploy/status"
LOOK_SECONDS = 60
# A disk that is fuller, in per cent, is worth a word.
FULL = 90
UNITS = {
    "mother": ["mariadb", "redis-server", "nfs-server", "tiovivo-data"],
    "standby": ["mariadb", "redis-server", "nfs-server", "tiovivo-data"],
    "child": ["nginx", "tiovivo-files", "tiovivo-app"],
    "worker": ["tiovivo-celery"],
    "dns": ["tiovivo"],
}


def main() -> int:
    arguments = parse_arguments()
    cluster = inventory.load(arguments)
    nodes = inventory.select(cluster, arguments.only)
    shell = Shell(cluster)
    try:
        results = shell.run_all(nodes, lambda node: look(node), timeout=LOOK_SECONDS)
        rows = [describe(result) for result in results]
        data = (
            [] if arguments.only or not cluster.with_role("mother") else data_lines(cluster, shell)
        )
    finally:
        shell.close()
    print_table(rows)
    faults = [fault for row in rows for fault in row["faults"]]
    for line in data:
        print(printable(line))
    for fault in faults:
        print(f"FAULT {printable(fault)}")
    return 1 if faults or any(line.startswith("FAULT") for line in data) else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    inventory.add_arguments(parser)
    parser.add_argument(
        "--only", action="append", default=[], metavar="NODE", help="nodes or roles"
    )
    return parser.parse_args()


def look(node: Node) -> str:
    """One shell command; each line of its output is a key and a value. Nothing here opens a file of
    the mother's, which would wait for her."""
    units = " ".join(f"{unit}.service" for unit in UNITS.get(node.role, []))
    return (
        "echo load $(cut -d ' ' -f 1-3 /proc/loadavg);"
        " echo up $(cut -d . -f 1 /proc/uptime);"
        " echo disk $(df --output=pcent / | tail -n 1);"
        " echo memory $(awk '/^MemTotal/{t=$2} /^MemAvailable/{a=$2}"
        ' END{printf "%d", (t-a)*100/t}\' /proc/meminfo);'
        f" for unit in {units}; do echo unit $unit $(systemctl is-active $unit); done;"
        " echo release $(cat /var/lib/tiovivo-app/release 2>/dev/null);"
        " echo nfs $(grep -c ' nfs4 ' /proc/mounts);"
        " [ ! -x /usr/local/bin/tiovivo ] || echo version $(/usr/local/bin/tiovivo --version);"
        " for unit in $(systemctl --failed --plain --no-legend | cut -d ' ' -f 1);"
        " do echo failed $unit; done; true"
    )


def describe(result: Result) -> dict:
    node = result.node
    row = {"name": node.name, "role": node.role, "faults": [], "units": {}, "values": {}}
    if not result.ok:
        row["faults"].append(f"{node.name}: cannot be asked: {result.reason}")
        return row
    for line in result.out.splitlines():
        key, _, value = line.partition(" ")
        if key == "unit":
            unit, _, state = value.partition(" ")
            row["units"][unit.removesuffix(".service")] = state
            if state != "active":
                row["faults"].append(f"{node.name}: {unit} is {state or 'unknown'}")
        elif key == "failed" and value not in (f"{unit}.service" for unit in row["units"]):
            row["faults"].append(f"{node.name}: {value} has failed")
        else:
            row["values"][key] = value.strip()
    full = row["values"].get("disk", "").rstrip("%")
    if full.isdecimal() and int(full) >= FULL:
        row["faults"].append(f"{node.name}: its disk is {full} % full")
    return row


def print_table(rows: list[dict]) -> None:
    table = [("node", "role", "units", "release", "load", "memory", "disk", "up")]
    for row in rows:
        values, units = row["values"], row["units"]
        well = sum(state == "active" for state in units.values())
        table.append(
            (
                row["name"],
                row["role"],
                f"{well} of {len(units)} run" if units else "?",
                values.get("release") or values.get("version", "").removeprefix("tiovivo ") or "-",
                values.get("load", "?").partition(" ")[0],
                f"{values['memory']} %" if "memory" in values else "?",
                values.get("disk", "?").replace("%", " %"),
                span(values.get("up", "")),
            )
        )
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        cells = [printable(cell).ljust(width) for cell, width in zip(line, widths, strict=True)]
        print("  ".join(cells).rstrip())


def span(seconds: str) -> str:
    if not seconds.isdecimal():
        return "?"
    minutes = int(seconds) // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def data_lines(cluster: Cluster, shell: Shell) -> list[str]:
    """What the data part says of mother and standby."""
    from tiovivo_deploy.data import status

    try:
        return status.lines(cluster, shell)
    except (OSError, ValueError, KeyError, json.JSONDecodeError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return []


if __name__ == "__main__":
    inventory.run_main(main, PROGRAM)
