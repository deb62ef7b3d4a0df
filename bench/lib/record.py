"""Who had a core, by the kernel's own record (tracefs).

On a virtual machine an answer may be late because the host ran somebody else on the core: nothing
that runs there can be earlier. To tell that from all else takes knowing who ran.
"""
import atexit
import bisect
import collections
import contextlib
import os
import re

INSTANCES = "/sys/kernel/tracing/instances"
# Of the core that is looked at: more than a minute of it.
ROOM_KB = 160 << 10
IDLE = 0

HEAD = r"\[\d+\] \S+\s+(?P<at>\d+\.\d+): "
SWITCH = re.compile(HEAD + r"sched_switch: prev_comm=(?P<name>.*?) prev_pid=(?P<thread>\d+) ")
RUNTIME = re.compile(r"sched_stat_runtime: .* runtime=(\d+) \[ns\]")
WAKING = re.compile(HEAD + "sched_waking: ")
SOFTIRQ = re.compile(HEAD + "softirq_(?P<end>entry|exit): ")


class Record:
    """Of `core`, and of when `thread` is woken. Where the kernel keeps none, it says that the host
    took nothing."""

    def __init__(self, core, thread):
        self.thread = thread
        # Of each thread in turn: when it left the core, how long the kernel says that it ran, and
        # its name.
        self.runs, self.wakings, self.known, self.softirq = [], [], 0, 0
        self.here = os.path.join(INSTANCES, f"tiovivo-bench-{os.getpid()}-{thread}")
        try:
            os.mkdir(self.here)
        except OSError:
            self.here = None
            return
        atexit.register(self.remove)
        self.say("trace_clock", "mono")
        self.say(f"per_cpu/cpu{core}/buffer_size_kb", ROOM_KB)
        on_core, of_thread = f"CPU == {core}", f"pid == {thread}"
        for event, those in [("sched/sched_switch", on_core), ("sched/sched_stat_runtime", on_core),
                             ("sched/sched_waking", of_thread), ("irq/softirq_entry", on_core),
                             ("irq/softirq_exit", on_core)]:
            self.say(f"events/{event}/filter", those)
            self.say(f"events/{event}/enable", 1)

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
            self.known += int(found[1]) / 1e9
        elif found := SOFTIRQ.search(line):
            at = float(found["at"])
            if found["end"] == "entry":
                self.softirq = at
            else:
                self.known += at - self.softirq
        elif found := SWITCH.search(line):
            run = float(found["at"]), int(found["thread"]), self.known, found["name"]
            self.runs.append(run)
            self.known = 0
        elif found := WAKING.search(line):
            self.wakings.append(float(found["at"]))

    def host(self, begin, end):
        """Of the seconds between two moments (of the monotonic clock), those in which the host did
        not run the core although the thread was woken, as far as the kernel's record proves it.

        A core that idles meanwhile is one that the host does not run. The kernel charges no thread
        for what the host took of its time, and counts softirqs apart.
        """
        host = 0
        for took, known, thread, is_woken, _ in self.turns(begin, end):
            if thread != IDLE or is_woken:
                host += max(0, took - known)
        return host

    def before(self, begin, end):
        """Who had the core between two moments before the thread, and for how many seconds."""
        others = collections.Counter()
        for took, _, thread, _, name in self.turns(begin, end):
            if thread not in (IDLE, self.thread):
                others[name] += took
        return others

    def turns(self, begin, end):
        """Of each that had the core, from when the thread is woken: how long, how much of that the
        kernel knows, its number, whether the thread waits meanwhile, and its name."""
        first = bisect.bisect_left(self.wakings, begin)
        is_woken = first < len(self.wakings) and self.wakings[first] < end
        at = self.wakings[first] if is_woken else begin
        for index in range(bisect.bisect_left(self.runs, (at,)), len(self.runs)):
            until, thread, known, name = self.runs[index]
            yield min(until, end) - at, known, thread, is_woken, name
            is_woken &= thread != self.thread
            at = until
            if until >= end:
                break
