"""The power switch that fences machines of the lab, as a managed power outlet does for real ones.

Runs as the administrator's machine: power_switch.py ADDRESS LAB COMMAND FOLDER. `GET /off/NODE` ends when the
node is off. While a file `broken` is in FOLDER it does nothing, and says so by status 503; a line of
`switched` in FOLDER tells when a node was switched off.
"""

import http.server
import subprocess
import sys
import time
from pathlib import Path

PORT = 9099
SWITCH_LIMIT = 60


class Switch(http.server.BaseHTTPRequestHandler):
    timeout = 10

    def do_GET(self) -> None:
        name = self.path.removeprefix("/off/")
        if (FOLDER / "broken").exists() or not self.path.startswith("/off/"):
            self.send_error(503)
            return
        done = subprocess.run(
            [COMMAND, "--name", LAB, "power-off", name], timeout=SWITCH_LIMIT, check=False
        )
        with open(FOLDER / "switched", "a") as log:
            log.write(f"{time.time():.1f} {name} {done.returncode}\n")
        self.send_response(200 if done.returncode == 0 else 503)
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


if __name__ == "__main__":
    ADDRESS, LAB, COMMAND, FOLDER = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])
    http.server.ThreadingHTTPServer((ADDRESS, PORT), Switch).serve_forever()
