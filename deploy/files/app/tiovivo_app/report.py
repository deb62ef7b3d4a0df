"""What this node's processes run; waits until they run a given release. Started over ssh.

report.py                            the reports of all processes, as JSON
report.py --await RELEASE SECONDS    the same, as soon as all run it or refuse it
report.py --try RELEASE SECONDS      the same, as soon as one runs it or refuses it
report.py --forgive RELEASE          forgets that the release was refused here
"""

import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tiovivo_app import releases

LOOK_SECONDS = 0.2


def main(arguments):
    state = releases.NodeState()
    if arguments[:1] == ["--forgive"]:
        state.forgive(arguments[1])
        return 0
    reports = units(state)
    if arguments[:1] in (["--await"], ["--try"]):
        enough = settled if arguments[0] == "--await" else tried
        release, deadline = arguments[1], time.monotonic() + float(arguments[2])
        while not enough(reports, release) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            reports = units(state)
    print(json.dumps(reports))
    return 0


def units(state):
    """Workers of the web application, and the unit that keeps the Celery worker."""
    return [r for r in state.reports() if r["worker"] != "celery"]


def settled(reports, release):
    """Whether every process answers for itself about this release: it runs it, or refuses it."""
    workers = max((r.get("workers", 0) for r in reports), default=0)
    there = sum(r["worker"].isdigit() for r in reports)
    return bool(reports) and there >= workers and all(r["wanted"] == release for r in reports)


def tried(reports, release):
    """Whether a worker of the application runs this release, or refuses it."""
    return any(r["worker"].isdigit() and r["wanted"] == release for r in reports)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
