"""The module that each uwsgi worker loads (lazy-apps): one pinned release, or the last good one.

    the wanted release   served here before   what the worker does
    loads, warms         -                    serves it and remembers it as good
    loads, no warm page  yes                  serves it: the database may be away for a moment
    loads, no warm page  no                   refuses it, ends; its successor loads the last good one
    does not load        no                   the same
    does not load        yes                  ends and tries again, three times, then as above
    kills or hangs us    -                    counted as an attempt that failed

When nothing loads at all, requests are answered 503 in words and loading is tried again after a pause.
A worker that failed to load ends instead of going on: it holds modules of the refused release.
"""

import faulthandler
import importlib
import os
import sys
import threading
import time
import traceback

from tiovivo_app import environment, health, releases, warm

LOAD_SECONDS = int(os.environ.get("TIOVIVO_LOAD_SECONDS", "90"))
RETRY_SECONDS = int(os.environ.get("TIOVIVO_RETRY_SECONDS", "10"))


def load(worker, workers):
    """The WSGI application of this worker. It may end the process; it raises nothing."""
    state = releases.NodeState().prepare()
    wanted = None
    try:
        environment.apply()
        wanted = releases.wanted(os.environ.get("TIOVIVO_NODE", ""))
        chosen = choose(state, wanted, worker)
        if chosen is None:
            reason = "there is no release yet" if wanted is None else state.why_bad(wanted)
            return unavailable(state, worker, wanted, reason)
    except Exception as error:  # noqa: BLE001 - told to clients as 503, and tried again
        return unavailable(state, worker, wanted, in_words(error))
    state.begin(chosen, worker)
    # A hung import cannot be interrupted from Python: this ends the process and shows where it hung.
    faulthandler.dump_traceback_later(LOAD_SECONDS, exit=True)
    try:
        application = import_project(chosen)
        began = time.monotonic()
        failure = warm_up(application)
    except BaseException as error:  # noqa: BLE001 - SystemExit must not end the worker for good
        traceback.print_exc()
        return give_up(state, chosen, wanted, worker, in_words(error))
    finally:
        faulthandler.cancel_dump_traceback_later()
    if failure and not state.is_good(chosen):
        state.refuse(chosen, worker, failure)
        return give_up(state, chosen, wanted, worker, failure)
    state.accept(chosen, worker)
    refused = state.why_bad(wanted) if wanted != chosen else None
    state.report(
        worker,
        workers=workers,
        release=chosen,
        wanted=wanted,
        refused=refused,
        warm=failure or f"answered in {time.monotonic() - began:.2f} s",
    )
    say(f"worker {worker} serves release {chosen}" + (f", not {wanted}" if refused else ""))
    return with_header(application, chosen)


def warm_up(application):
    """Why the warm request fails; None when it does not."""
    try:
        return warm.failure_of(application, os.environ)
    except BaseException as error:  # noqa: BLE001 - as above
        traceback.print_exc()
        return f"the warm request raises {in_words(error)}"


def with_header(application, release):
    """The application; each answer says which release gave it."""

    def answer(environ, start_response):
        def start(status, headers, *exc_info):
            return start_response(status, [*headers, ("X-Release", release)], *exc_info)

        return application(environ, start)

    return answer


def choose(state, wanted, worker):
    """The wanted release, or the last good one when the wanted one is refused."""
    if wanted is None:
        return state.last_good()
    if state.why_bad(wanted) is None:
        if state.unfinished(wanted, worker) < state.tries(wanted):
            return wanted
        state.refuse(wanted, worker, f"loading it ended the process, or took over {LOAD_SECONDS} s")
    chosen = state.last_good()
    while chosen and state.unfinished(chosen, worker) >= state.tries(chosen):
        state.refuse(chosen, worker, "loading it ended the process several times")
        chosen = state.last_good()
    return chosen


def import_project(release):
    """Imports the project's WSGI application with the settings of the node."""
    releases.pin(release, os.environ["TIOVIVO_SETTINGS"])
    settle_settings()
    return find(os.environ["TIOVIVO_WSGI"])


def settle_settings():
    """Reads Django's settings now: a project's wsgi module may name its development settings."""
    try:
        from django.conf import settings
    except ImportError:
        return
    _ = settings.DEBUG


def find(name):
    """`package.module` (its `application`) or `package.module.name`, as in WSGI_APPLICATION."""
    module, _, attribute = name.partition(":")
    if attribute:
        return getattr(importlib.import_module(module), attribute)
    if name.rpartition(".")[2] == "application":
        name = name.rpartition(".")[0]
    return importlib.import_module(name).application


def give_up(state, chosen, wanted, worker, reason):
    """The chosen release did not load: end, so that a fresh process loads another one."""
    if state.why_bad(chosen) is None and state.unfinished(chosen, worker) >= state.tries(chosen):
        state.refuse(chosen, worker, reason)
    say(f"worker {worker}: release {chosen} does not load: {reason}")
    if state.why_bad(chosen) is None or state.last_good() is not None:
        sys.stderr.flush()
        os._exit(1)
    return unavailable(state, worker, wanted, reason)


def unavailable(state, worker, wanted, reason):
    """Nothing can be served: says so to clients, and tries again after a pause."""
    reason = reason or "nothing is known about the reason"
    state.report(worker, release=None, wanted=wanted, refused=reason)
    say(f"worker {worker} serves nothing: {reason}")

    def try_again():
        time.sleep(RETRY_SECONDS)
        state.forgive(wanted)
        os._exit(1)

    threading.Thread(target=try_again, daemon=True).start()

    def answer(environ, start_response):
        body = b"503: the application does not load on this node\n"
        headers = [("Content-Type", "text/plain"), ("Retry-After", str(RETRY_SECONDS))]
        start_response("503 Service Unavailable", [*headers, ("Content-Length", str(len(body)))])
        return [body]

    return answer


def in_words(error):
    """The exception in one line, with the place in the project where it was raised."""
    place = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if "/src/" in frame.filename:
            place = f" ({frame.filename.rpartition('/src/')[2]}, line {frame.lineno})"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


def say(text):
    print(f"tiovivo-app: {text}", file=sys.stderr, flush=True)


def main():
    import uwsgi

    # The first workers answer health alone, on a socket of their own: see uwsgi_unit.py.
    workers = uwsgi.numproc - health.WORKERS
    if uwsgi.worker_id() <= health.WORKERS:
        return health.start(workers)
    return load(uwsgi.worker_id() - health.WORKERS, workers)


if "uwsgi" in sys.modules:
    application = main()
