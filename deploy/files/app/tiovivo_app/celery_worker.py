"""One Celery worker, bound to one release. Started by celery_unit.py with the release's own Python:

celery_worker.py RELEASE
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tiovivo_app import environment, releases


def main(release):
    environment.apply()
    releases.pin(release, os.environ["TIOVIVO_SETTINGS"])
    provide_driver()
    from celery.signals import worker_ready

    def tell_ready(**_):
        releases.NodeState().report("celery", release=release, wanted=release, refused=None)

    worker_ready.connect(tell_ready, weak=False)
    from celery.__main__ import main as celery

    sys.argv = ["celery", "-A", os.environ["TIOVIVO_CELERY"], "worker", "--loglevel=INFO"]
    # While a release changes, two workers of this node are alive.
    sys.argv += [f"--hostname=release-{release}@%h", "--without-mingle", "--without-gossip"]
    return celery()


def provide_driver():
    """For a project whose Celery application is imported before its settings are."""
    if os.environ.get("TIOVIVO_DATABASE_HOST"):
        from tiovivo_app import database

        database.provide_driver()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
