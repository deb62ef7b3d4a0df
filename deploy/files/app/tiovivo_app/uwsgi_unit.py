"""What tiovivo-app.service starts: becomes uwsgi, with as many workers as the machine bears.

uwsgi_unit.py CONFIG.ini
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tiovivo_app import environment, health, releases

RUN = os.environ.get("TIOVIVO_RUN", "/run/tiovivo-app")
WORKERS_PER_CORE = 2
MEMORY_OF_A_WORKER_MB = 150
FEWEST, MOST = 2, 32


def main(ini):
    env = environment.read()
    # A restart by a person or a boot is a new chance for a release that was refused.
    releases.NodeState().prepare().forgive()
    node = env.get("TIOVIVO_NODE", "")
    workers = int(env.get("TIOVIVO_WORKERS") or suitable_workers())
    os.execvp("uwsgi", ["uwsgi", *arguments(ini, node, workers)])


def arguments(ini, node, workers):
    """The first workers answer health on a socket of their own, the others serve the application."""
    first = health.WORKERS + 1
    asked = ",".join(str(n) for n in range(1, first))
    application = ",".join(str(n) for n in range(first, first + workers))
    return [
        f"--ini={ini}",
        f"--socket={RUN}/uwsgi.sock",
        f"--socket={RUN}/health.sock",
        f"--master-fifo={RUN}/master.fifo",
        f"--processes={workers + health.WORKERS}",
        f"--map-socket=0:{application}",
        f"--map-socket=1:{asked}",
        f"--touch-chain-reload={releases.APP}/reload",
        f"--touch-chain-reload={releases.APP}/canary/{node}.reload",
    ]


def suitable_workers():
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    by_memory = megabytes // 2 // MEMORY_OF_A_WORKER_MB
    return max(FEWEST, min(WORKERS_PER_CORE * (os.cpu_count() or 1), by_memory, MOST))


if __name__ == "__main__":
    main(sys.argv[1])
