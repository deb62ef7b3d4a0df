"""Who had a core, by the kernel's own record (tracefs).

A server answers late when another thread of it has its core, and that is the server's doing. It is
not when the kernel writes to the disk there, or the host runs somebody else: to tell the two apart
takes knowing who ran.
"""
import atexit
import bisect
import contextlib
import os
import re

INSTANCES = "/sys/kernel/tracing/instances"
# Of the core that is looked at: more than a minute of it.
ROOM_KB = 160 << 10
IDLE = 0

HEAD = r"\(\s*(?P<process>[\d-]+)\) \[\d+\] \S+\s+(?P<at>\d+\.\d+): "
SWITCH = re.compile(HEAD + r"sched_switch: prev_comm=.*? prev_pid=(?P<thread>\d+) ")
RUNTIME = re.compile(r"sched_stat_runtime: .* runtime=(\d+) \[ns\]")
WAKING = re.compile(HEAD + "sched_waking: ")


class Record:
    """Of `core`, and of when `thread` of `process` is woken. Where the kernel keeps none, it says
    that the process had the core all the time."""

    def __init__(self, core, process, thread):
        self.process, self.thread = str(process), thread
        # Of each thread in turn: when it left the core, and the time that it was charged for.
        self.runs, self.wakings, self.charged = [], [], 0
        self.here = os.path.join(INSTANCES, f"tiovivo-bench-{os.getpid()}-{thread}")
        try:
            os.mkdir(self.here)
        except OSError:
            self.here = None
            return
        atexit.register(self.remove)
        self.say("trace_clock", "mono")
        self.say("options/record-tgid", 1)
        self.say(f"per_cpu/cpu{core}/buffer_size_kb", ROOM_KB)
        on_core, of_thread = f"CPU == {core}", f"pid == {thread}"
        for event, those in [("sched_switch", on_core), ("sched_stat_runtime", on_core),
                             ("sched_waking", of_thread)]:
            self.say(f"events/sched/{event}/filter", those)
            self.say(f"events/sched/{event}/enable", 1)

    def say(self, file, what):
        with open(os.path.join(self.here, file), "w") as opened:
            opened.write(str(what))

    def end(self):
        """Records no longer, and reads what there is."""
        if self.here is None:
            return
        self.say("tracing_on", 0)
        for core in range(os.cpu_count()):
            with open(f"{self.here}/per_cpu/cpu{core}/trace", errors="replace") as lines:
                for line in lines:
                    self.take(line)
        self.wakings.sort()
        self.remove()

    def remove(self):
        atexit.unregister(self.remove)
        with contextlib.suppress(OSError):
            os.rmdir(self.here)

    def take(self, line):
        if found := RUNTIME.search(line):
            self.charged += int(found[1]) / 1e9
        elif found := SWITCH.search(line):
            run = float(found["at"]), int(found["thread"]), found["process"], self.charged
            self.runs.append(run)
            self.charged = 0
        elif found := WAKING.search(line):
            self.wakings.append(float(found["at"]))

    def own(self, begin, end):
        """Of the seconds between two moments (of the monotonic clock), those in which the process
        kept the thread from its work: others of its threads had the core, or the thread worked, or
        it waited for something else than the core.

        The kernel charges nobody for what the host took. What it did itself with a thread at the
        door is charged to that thread, so no more counts than the time between two switches.
        """
        if not self.runs:
            return end - begin
        woken = bisect.bisect_left(self.wakings, begin)
        if woken < len(self.wakings) and self.wakings[woken] < end:
            begin = self.wakings[woken]
        own, at, has_run = 0, begin, False
        for index in range(bisect.bisect_left(self.runs, (begin,)), len(self.runs)):
            until, thread, process, charged = self.runs[index]
            took = min(until, end) - at
            if thread == IDLE:
                own += took if has_run else 0
            elif process == self.process:
                own += min(took, charged)
            has_run |= thread == self.thread
            at = until
            if until >= end:
                break
        return own
