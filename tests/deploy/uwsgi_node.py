"""One node of a cluster in folders: a real uwsgi, releases beside each other, and load on it."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from tiovivo_app.releases import NodeState, touch

APP_FILES = Path(__file__).resolve().parents[2] / "deploy" / "files" / "app"
PYTHON = "/usr/bin/python3"  # the one whose plugin uwsgi has
TOUCH_AGAIN_SECONDS = 5
GOOD = """
def application(environ, start_response):
    start_response("200 OK", [("X-Code", "{release}")])
    return [b"{release}"]
"""


class Node:
    """`releases/N`, `current` and `reload` as on the mother, state and sockets as on a child."""

    def __init__(self, folder, workers=3, **env):
        self.folder, self.app, self.state = folder, folder / "app", NodeState(folder / "state")
        self.workers = workers
        self.app.mkdir(parents=True)
        (self.app / "reload").touch()
        (folder / "run").mkdir()
        self.env_file = folder / "env"
        self.env_file.write_text(
            'TIOVIVO_NODE="server-2"\nTIOVIVO_SETTINGS="shop.settings"\nTIOVIVO_WSGI="shop.wsgi"\n'
            f'TIOVIVO_HOSTS="shop.example"\nTIOVIVO_WORKERS="{workers}"\n'
        )
        self.env = os.environ | {
            "TIOVIVO_APP": str(self.app),
            "TIOVIVO_STATE": str(folder / "state"),
            "TIOVIVO_ENV_FILE": str(self.env_file),
            "TIOVIVO_RUN": str(folder / "run"),
            "TIOVIVO_RETRY_SECONDS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **env,
        }
        self.process = None

    def make_release(self, release, wsgi=GOOD, settings="", **modules):
        source = self.app / "releases" / release / "src" / "shop"
        source.mkdir(parents=True)
        site = "lib/python{}.{}/site-packages".format(*python_version())
        (self.app / "venvs" / "none" / site).mkdir(parents=True, exist_ok=True)
        (source.parent.parent / "venv").symlink_to("../../venvs/none")
        (source / "__init__.py").touch()
        (source / "settings.py").write_text(settings)
        (source / "wsgi.py").write_text(wsgi.replace("{release}", release))
        for name, text in modules.items():
            (source / f"{name}.py").write_text(text)

    def delete_release(self, release):
        shutil.rmtree(self.app / "releases" / release)

    def switch(self, release, link="current", watched="reload"):
        """One atomic rename, then the touched file."""
        path = self.app / link
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        fresh.symlink_to(os.path.relpath(self.app / "releases" / release, path.parent))
        fresh.replace(path)
        self.touch(watched)

    def touch(self, watched):
        touch(self.app / watched)

    def start(self):
        ini = self.folder / "uwsgi.ini"
        text = (APP_FILES / "uwsgi.ini").read_text()
        ini.write_text(text.replace("/usr/local/lib/tiovivo-app", str(APP_FILES)))
        self.log = self.folder / "log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [PYTHON, str(APP_FILES / "tiovivo_app" / "uwsgi_unit.py"), str(ini)],
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self):
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def get(self, path="/", name="uwsgi.sock", timeout=20):
        """Status and headers with body of one request in uwsgi's own protocol."""
        variables = {
            "REQUEST_METHOD": "GET",
            "REQUEST_URI": path,
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": "shop.example",
            "SERVER_PORT": "80",
            "HTTP_HOST": "shop.example",
        }
        packet = b""
        for key, value in variables.items():
            for word in (key.encode(), value.encode()):
                packet += struct.pack("<H", len(word)) + word
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(timeout)
            stream.connect(str(self.folder / "run" / name))
            stream.sendall(struct.pack("<BHB", 0, len(packet), 0) + packet)
            answer = b""
            while part := stream.recv(65536):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        return head.decode().partition(" ")[2], body.decode()

    def health(self, timeout=20):
        return self.get("/health", name="health.sock", timeout=timeout)[0]

    def releases_served(self):
        reports = [r for r in self.state.reports() if r["worker"].isdigit()]
        return [r["release"] for r in reports]

    def wait_for(self, what, seconds=40):
        deadline = time.monotonic() + seconds * patience()
        while time.monotonic() < deadline:
            try:
                if what():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError("waited in vain\n" + self.log.read_text()[-4000:])

    def wait_for_release(self, release, meanwhile=lambda: None):
        def arrived():
            meanwhile()
            return self.releases_served() == [release] * self.workers

        self.wait_touching(arrived)

    def wait_for_refusal(self, release):
        """All workers want this release and serve another one."""
        self.wait_touching(
            lambda: [r["wanted"] for r in self.state.reports()] == [release] * self.workers
        )

    def wait_touching(self, what):
        """Touches the file again where uwsgi missed it: right after its start, and while a chain reload
        is under way."""
        touched = time.monotonic()

        def arrived():
            nonlocal touched
            if time.monotonic() - touched > TOUCH_AGAIN_SECONDS:
                touched = time.monotonic()
                self.touch("reload")
            return what()

        self.wait_for(arrived)


class Load:
    """Parallel clients without a pause until `stop`; what each request got is counted."""

    def __init__(self, node, clients=4, pause=0.02):
        self.node, self.pause = node, pause
        self.answered, self.failed, self.bodies = 0, [], set()
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.ended.is_set():
            try:
                status, body = self.node.get()
            except OSError as error:
                status, body = f"{type(error).__name__}: {error}", ""
            with self.lock:
                if status.startswith("200"):
                    self.answered += 1
                    self.bodies.add(body)
                else:
                    self.failed.append(status)
            time.sleep(self.pause)

    def wait_for_answers(self, count):
        goal = self.answered + count
        self.node.wait_for(lambda: self.answered >= goal or self.failed)

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(30)


def python_version():
    text = subprocess.check_output([PYTHON, "-c", "import sys; print(*sys.version_info[:2])"])
    return text.decode().split()


def patience():
    """Waits grow with the load of the machine."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
