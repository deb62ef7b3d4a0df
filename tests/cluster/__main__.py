"""The whole cluster, end to end: machines from nothing, provisioned by `deploy/`, and then what the
project promises of it, each promise as one check.

    python3 tests/cluster [--name NAME] [--keep] [--only STAGE,…] [--tiovivo PATH]

Stages run in the order of the table below; `--only` leaves out the others, with `--keep` on a lab
that an earlier run kept. Logs of all machines are kept in target/cluster-logs when a check failed.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import control
import install
import mother
import name_servers
import other_project
import partitions
import releases
import rotation
import videos
from cluster import REPOSITORY, Cluster
from verdicts import Failed, Verdicts

# Name, what it does, and whether it needs an application that answers.
STAGES = (
    ("install", install.killed_run, False),
    ("install", install.whole_run, False),
    ("install", install.second_run, False),
    ("install", releases.first, False),
    ("install", install.first_page, False),
    ("rotation", rotation.round_robin, True),
    ("children", rotation.lost_children, True),
    ("dns", name_servers.killed_and_back, True),
    ("video", videos.rendered, True),
    ("release", releases.good_and_back, True),
    ("release", releases.bad_ones, True),
    ("mother", mother.standby_power_cut, True),
    ("mother", mother.take_over, True),
    ("upgrade", name_servers.upgraded, True),
    ("other", other_project.installed, True),
)
# Each row boots a machine or waits for a partition: many minutes, so these run by `--only` alone.
LONG_STAGES = (("partitions", partitions.every_partition, True),)
NAMES = list(dict.fromkeys(name for name, _, _ in STAGES))


def main() -> int:
    arguments = parse_arguments()
    verdicts = Verdicts()
    folder = Path(tempfile.gettempdir()) / f"tiovivo-cluster-{arguments.name}"
    cluster = Cluster(arguments.name, folder, str(Path(arguments.tiovivo).resolve()))
    wanted = arguments.only.split(",") if arguments.only else NAMES
    fresh = not (arguments.keep and cluster.config.exists() and cluster.lab("status").ok)
    try:
        if start(cluster, verdicts, fresh):
            run_stages(cluster, verdicts, wanted)
    finally:
        if verdicts.failed:
            logs = REPOSITORY / "target" / "cluster-logs"
            cluster.keep_logs(logs)
            print(f"logs of all machines: {logs}", flush=True)
        if not arguments.keep:
            cluster.lab("down", limit=300)
            shutil.rmtree(folder, ignore_errors=True)
    return verdicts.close()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--name", default="test", help="of the lab")
    parser.add_argument("--keep", action="store_true", help="leave the lab up, and use it again")
    parser.add_argument(
        "--only", help=f"stages, separated by commas: {', '.join(NAMES)}, partitions"
    )
    parser.add_argument("--tiovivo", default=REPOSITORY / "target/release/tiovivo")
    return parser.parse_args()


def start(cluster: Cluster, verdicts: Verdicts, fresh: bool) -> bool:
    """Machines that answer; nothing else can be looked at without them."""
    with verdicts.check("lab up starts all machines") as notes:
        if fresh:
            cluster.lab("down", limit=300)
            control.make(cluster)
        cluster.read_inventory()
        began = time.monotonic()
        cluster.up()
        notes.append(f"{len(cluster.nodes)} machines in {time.monotonic() - began:.0f} s")
        cluster.serving = not fresh
    return not verdicts.failed


def run_stages(cluster: Cluster, verdicts: Verdicts, wanted: list[str]) -> None:
    for name, stage, needs_application in (*STAGES, *LONG_STAGES):
        if name not in wanted:
            continue
        if needs_application and not cluster.serving:
            verdicts.skip(stage.__name__, "no page is served")
            continue
        try:
            stage(cluster, verdicts)
        except Failed:
            with verdicts.check(f"stage {stage.__name__}"):
                raise


if __name__ == "__main__":
    sys.exit(main())
