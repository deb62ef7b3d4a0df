"""What tiovivo-celery.service runs: keeps one Celery worker of the wanted release alive.

Celery does not watch the touched file as uwsgi does, and inotify sees no change that another machine
made: so `current` is looked at each second. The new worker starts beside the old one. When it is
ready, the old one is asked to end, which it does after the tasks that it has begun: a video that is
being rendered is not lost. A new worker that does not become ready is refused, and the old one stays.
"""

import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tiovivo_app import environment, releases

LOOK_SECONDS = 1
READY_SECONDS = 120
# After this time an old worker loses the tasks that it still has; they are taken up by none.
FINISH_SECONDS = 6 * 3600
PAUSE_SECONDS = 5


class Worker:
    """A Celery process of one release."""

    def __init__(self, release, state):
        self.release, self.state, self.began = release, state, time.monotonic()
        python = releases.APP / "releases" / release / "venv" / "bin" / "python"
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "celery_worker.py")
        self.process = subprocess.Popen([str(python), script, release])

    @property
    def alive(self):
        return self.process.poll() is None

    def is_ready(self):
        reports = self.state.reports()
        return any(r["worker"] == "celery" and r["pid"] == self.process.pid for r in reports)

    def wait_ready(self):
        """None when it is ready, or why it is not."""
        while time.monotonic() - self.began < READY_SECONDS:
            if not self.alive:
                return f"the worker ended with status {self.process.returncode}; see its log"
            if self.is_ready():
                return None
            time.sleep(0.2)
        self.process.kill()
        return f"the worker was not ready within {READY_SECONDS} s"

    def finish(self):
        """Asks it to end when its tasks are done."""
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        self.began = time.monotonic()


class Unit:
    """The worker that serves, and older ones that finish their tasks."""

    def __init__(self, state, node):
        self.state, self.node = state, node
        self.serving, self.finishing, self.ended, self.renew = None, [], False, False

    def run(self):
        while not self.ended:
            self.step()
            time.sleep(LOOK_SECONDS)
        for worker in [*self.finishing, self.serving]:
            if worker and worker.alive:
                worker.finish()
        for worker in [*self.finishing, self.serving]:
            if worker:
                worker.process.wait()

    def step(self):
        self.finishing = [w for w in self.finishing if w.alive and not self.overdue(w)]
        wanted = releases.wanted(self.node)
        if self.serving and not self.serving.alive:
            print(f"tiovivo-celery: the worker of {self.serving.release} ended", file=sys.stderr)
            self.serving = None
            time.sleep(PAUSE_SECONDS)
        refused = self.state.why_bad(f"{wanted}-celery") if wanted else None
        chosen = wanted if refused is None else self.last_good()
        running = self.serving and self.serving.release == chosen and not self.renew
        if chosen is None or running:
            return self.tell(wanted, refused)
        self.renew = False
        fresh = Worker(chosen, self.state)
        reason = fresh.wait_ready()
        if reason:
            print(f"tiovivo-celery: release {chosen} does not run: {reason}", file=sys.stderr)
            # The only one there is gets another chance after a pause.
            if self.serving or self.last_good(chosen):
                self.state.refuse(f"{chosen}-celery", "celery", reason)
            else:
                time.sleep(PAUSE_SECONDS)
            return self.tell(wanted, reason)
        self.state.accept(f"{chosen}-celery", "celery")
        if self.serving:
            self.serving.finish()
            self.finishing.append(self.serving)
        self.serving = fresh
        return self.tell(wanted, refused)

    def tell(self, wanted, refused):
        """The worker's own report is of its release; this one says what is wanted of the node."""
        ending = [w.release for w in self.finishing]
        self.state.report(
            "celery-unit",
            release=self.serving.release if self.serving else None,
            wanted=wanted,
            refused=refused,
            finishing=ending,
        )

    def last_good(self, other_than=None):
        """The release whose worker was ready here most lately."""
        return self.state.last_good(suffix="-celery", other_than=other_than)

    def overdue(self, worker):
        if time.monotonic() - worker.began < FINISH_SECONDS:
            return False
        worker.process.kill()
        return True


def main():
    env = environment.read()
    state = releases.NodeState().prepare()
    state.forgive()
    unit = Unit(state, env.get("TIOVIVO_NODE", ""))

    def end(*_):
        unit.ended = True

    def renew(*_):
        unit.renew = True

    signal.signal(signal.SIGHUP, renew)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    unit.run()


if __name__ == "__main__":
    main()
