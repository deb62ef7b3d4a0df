"""The answer to /health, given by workers that serve nothing else.

The workers of the application may all be waiting for the database or for NFS while the mother is
away, and the rotation must not lose every child then. So these workers' code, state and socket
are local to the node, and they touch neither. They say 503 when no worker has loaded any release.

They also hurry a chain reload: uwsgi's master looks once a second whether the next worker's turn has
come, twice for each worker, unless something wakes it.
"""

import os
import threading
import time

from tiovivo_app import releases

FIFO = os.environ.get("TIOVIVO_RUN", "/run/tiovivo-app") + "/master.fifo"
# While a chain reload replaces one of them, the other answers.
WORKERS = 2
LOOK_SECONDS = 0.5
HURRY_SECONDS = 0.1
# A worker that never gets there (a request of an hour) must not keep the master awake.
HURRY_AT_MOST_SECONDS = 60


def start(workers):
    threading.Thread(target=hurry, args=(workers,), daemon=True).start()
    return answer


def answer(environ, start_response):
    serving = sorted({r["release"] for r in application_workers() if r.get("release")})
    body = b"ok\n" if serving else b"no release is loaded on this node\n"
    start_response(
        "200 OK" if serving else "503 Service Unavailable",
        [
            ("Content-Type", "text/plain"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Release", ",".join(serving) or "none"),
        ],
    )
    return [body]


def application_workers():
    return [r for r in releases.NodeState().reports() if r["worker"].isdigit()]


def hurry(workers):
    """Wakes the master while its workers are of several releases or one of them is missing."""
    began = None
    while True:
        reports = application_workers()
        changing = len(reports) != workers or len({r["wanted"] for r in reports}) > 1
        began = (began or time.monotonic()) if changing else None
        if changing and time.monotonic() - began < HURRY_AT_MOST_SECONDS:
            wake_master()
            time.sleep(HURRY_SECONDS)
        else:
            time.sleep(LOOK_SECONDS)


def wake_master():
    """An octet that is no command: the master reads it and takes its next turn at once."""
    try:
        fifo = os.open(FIFO, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        os.write(fifo, b"\n")
    except OSError:
        pass
    finally:
        os.close(fifo)
