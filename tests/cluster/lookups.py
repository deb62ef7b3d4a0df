"""Look-ups by the client's resolver, its cache emptied before each, so that each reaches a name
server.

Runs on the lab's client: lookups.py FILE UNBOUND_CONF NAME…. A JSON line for each: when it was begun,
how long it took, the addresses or the error. It ends when FILE.stop is there.
"""

import json
import os
import socket
import subprocess
import sys
import time

PAUSE = 0.2
FLUSH_LIMIT = 20


def main() -> None:
    file, configuration, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    number = 0
    with open(file, "w", buffering=1) as out:
        while not os.path.exists(f"{file}.stop"):
            name = names[number % len(names)]
            number += 1
            subprocess.run(
                ["unbound-control", "-c", configuration, "flush_zone", "."],
                check=True,
                stdout=subprocess.DEVNULL,
                timeout=FLUSH_LIMIT,
            )
            out.write(json.dumps(look_up(name)) + "\n")
            time.sleep(PAUSE)


def look_up(name: str) -> dict:
    """As patient as the C library's resolver is by default."""
    begun, clock = time.time(), time.monotonic()
    addresses, error = [], ""
    try:
        found = socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)
        addresses = sorted({entry[4][0] for entry in found})
    except OSError as failure:
        error = str(failure)
    took = time.monotonic() - clock
    return {"name": name, "begun": begun, "took": took, "addresses": addresses, "error": error}


if __name__ == "__main__":
    main()
