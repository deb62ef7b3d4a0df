"""deploy/release: brings the project's present source to all nodes, or nothing at all."""

import argparse
import sys
import time

from tiovivo_deploy import inventory
from tiovivo_deploy.inventory import UsageError
from tiovivo_deploy.release import nodes, source, switch, wheels
from tiovivo_deploy.release.nodes import Mother, ReleaseFailed
from tiovivo_deploy.ssh import Shell
from tiovivo_deploy.summary import Report, count

PROGRAM = "deploy/release"
STEPS = {
    "unpack": "the source arrives as release {release}",
    "environment": "installing the requirements",
    "compile": "compiling",
    "import": "importing the project",
    "static": "collecting static files",
    "migrate": "migrating the database",
    "warm": "the warm request",
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Brings the project's present source to all nodes."
    )
    inventory.add_arguments(parser)
    cluster = inventory.load(parser.parse_args())
    if cluster.application is None:
        raise UsageError(f"{cluster.config}: deploy.application is missing")
    report = Report(node.name for node in cluster.nodes)
    shell = Shell(cluster)
    began = time.monotonic()
    before = None
    try:
        mother = Mother(nodes.find_mother(cluster, shell), shell)
        there = mother.order("look")
        before = there["current"]
        made = make(cluster, mother, there, report)
        fleet = switch.Fleet(cluster, shell, mother, report)
        switch.roll_out(fleet, made["release"], before)
        switch.prune(fleet)
    except ReleaseFailed as failure:
        return close_failed(report, failure, before)
    finally:
        shell.close()
    seconds = time.monotonic() - began
    report.say(f"release {made['release']} serves everywhere, {seconds:.1f} s")
    return 0


def make(cluster, mother: Mother, there: dict, report: Report) -> dict:
    """Makes the release on the mother, from the source of this moment."""
    project = source.open_source(cluster)
    # Looked through before anything is sent, so that a fault is told by itself.
    number = sum(1 for _ in source.files_of(project))
    report.say(f"source: {project.words}, {count(number, 'file')}")
    target = wheels.Target(there["python"], there["machine"], there["libc"], cluster.debian)
    asked = cluster.application.python
    if asked and asked != target.minor:
        raise UsageError(
            f"deploy.application.python is {asked}, and Debian {cluster.debian} has {target.minor}"
        )
    requirements = wheels.read_requirements(cluster, project.folder)
    key = requirements.key(target)
    packages = None
    if key not in there["environments"]:
        packages = wheels.make(requirements, target, report.say)

    def say(words: dict) -> None:
        text = STEPS.get(words["step"], words["step"])
        report.line(mother.node.name, text.format(release=words.get("release")))

    return mother.make(key, project, packages, say)


def close_failed(report: Report, failure: ReleaseFailed, before: str | None) -> int:
    report.block(failure.lines)
    report.say(f"FAILED: {failure}")
    serving = f"release {before} serves on" if before else "nothing was served before"
    report.say(f"{serving}; mend the fault and run {PROGRAM} again")
    return 1


if __name__ == "__main__":
    sys.exit(inventory.run_main(main, PROGRAM))
