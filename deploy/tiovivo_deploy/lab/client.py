"""The client: a machine that is no node, with a caching resolver of its own.

The resolver asks the cluster's name servers for the cluster's zones and nobody for anything else.
"""

import shutil
import subprocess
import time
from pathlib import Path

from . import network
from .errors import LabError
from .places import Places, Process

START_LIMIT = 20

# Its cache obeys the TTLs of the answers, as resolvers in the world do. `target-fetch-policy` and
# `root-hints` would reach for the internet's root servers.
CONFIGURATION = """\
server:
    directory: "{folder}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    logfile: ""
    verbosity: 1
    interface: 127.0.0.1
    interface: ::1
    do-daemonize: no
    num-threads: 1
    access-control: 127.0.0.0/8 allow
    access-control: ::1 allow
    module-config: "iterator"
    target-fetch-policy: "0 0 0 0 0"
    minimal-responses: no
    local-zone: "." transparent
remote-control:
    control-enable: yes
    control-interface: {socket}
    control-use-cert: no
"""
ZONE = """
stub-zone:
    name: "{zone}"
{addresses}
"""


class Client:
    def __init__(self, places: Places):
        self.places = places
        self.folder = places.folder / "client"
        self.process = Process(places.run / "unbound.pid")
        self.socket = places.run / "unbound.sock"

    def start(self, zones: list[str], name_servers: list[str]) -> None:
        if not shutil.which("unbound"):
            raise LabError("unbound not found: apt-get install unbound")
        network.make_client(self.places)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "resolv.conf").write_text(
            "nameserver 127.0.0.1\noptions timeout:3 attempts:2\n"
        )
        configuration = CONFIGURATION.format(folder=self.folder, socket=self.socket)
        addresses = "\n".join(f"    stub-addr: {address}" for address in name_servers)
        for zone in zones:
            configuration += ZONE.format(zone=zone, addresses=addresses)
        file = self.folder / "unbound.conf"
        if self.process.pid is not None:
            if file.exists() and file.read_text() == configuration:
                return
            self.process.kill()
        file.write_text(configuration)
        with open(self.folder / "unbound.log", "ab") as log:
            self.process.start(
                [*enter(self.places.client_namespace), "unbound", "-d", "-p", "-c", file],
                stdout=log,
                stderr=log,
            )
        self.wait()

    def wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not self.socket.exists():
            if self.process.pid is None or time.monotonic() > deadline:
                log = (self.folder / "unbound.log").read_text()[-2000:]
                raise LabError(f"the client's resolver did not start:\n{log}")
            time.sleep(0.05)

    def command(self, words: list[str]) -> list[str]:
        """Runs `words` on the client, which has a resolv.conf of its own."""
        resolver = self.folder / "resolv.conf"
        script = 'mount --bind "$0" "$(readlink -f /etc/resolv.conf)" && exec "$@"'
        return [
            *enter(self.places.client_namespace),
            *("unshare", "--mount", "--propagation=private", "sh", "-c", script, str(resolver)),
            *words,
        ]

    def forget_answers(self) -> None:
        """Empties the resolver's cache."""
        subprocess.run(
            ["unbound-control", "-c", self.folder / "unbound.conf", "flush_zone", "."],
            check=True,
            capture_output=True,
        )


def enter(namespace: str) -> list[str]:
    return ["nsenter", f"--net={Path('/run/netns') / namespace}", "--"]
