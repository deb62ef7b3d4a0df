"""Visitors: requests at a steady rate, each a connection of its own to the first address that the
resolver names. It never tries a second address, so it feels every fault of the rotation.

Runs on the lab's client: visitor.py FILE URL RATE SECONDS PATIENCE [HEADER]. A JSON line for each request:
when it was begun, how long it took, the address, the status or the error, and the value of HEADER.
A page that takes longer than PATIENCE is an error.
A file FILE.stop ends it early.
"""

import http.client
import json
import os
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

# Beyond that many at a time the machine is too slow for the rate, and we say so.
MOST_AT_A_TIME = 100


def main() -> None:
    file, url, header = sys.argv[1], sys.argv[2], "".join(sys.argv[6:7])
    rate, seconds, patience = map(float, sys.argv[3:6])
    parts = urlsplit(url)
    places = threading.Semaphore(MOST_AT_A_TIME)
    lock = threading.Lock()
    threads = []
    with open(file, "w", buffering=1) as out:

        def visit(begun: float) -> None:
            said = request(parts, patience, header)
            said |= {"begun": begun, "took": time.time() - begun}
            with lock:
                out.write(json.dumps(said) + "\n")
            places.release()

        first = time.monotonic()
        number = 0
        while time.monotonic() - first < seconds and not os.path.exists(f"{file}.stop"):
            places.acquire()
            thread = threading.Thread(target=visit, args=(time.time(),))
            thread.start()
            threads.append(thread)
            number += 1
            time.sleep(max(0.0, first + number / rate - time.monotonic()))
        for thread in threads:
            thread.join()


def request(parts, patience: float, header: str) -> dict:
    said = {"address": "", "status": 0, "error": "", "header": ""}
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    except OSError as error:
        return said | {"error": f"resolver: {error}"}
    said["address"] = found[0][4][0]
    try:
        connection = http.client.HTTPConnection(said["address"], found[0][4][1], timeout=patience)
        connection.request("GET", parts.path or "/", headers={"Host": parts.hostname})
        response = connection.getresponse()
        response.read()
        said["status"] = response.status
        said["header"] = response.headers.get(header, "") if header else ""
        connection.close()
    except (OSError, http.client.HTTPException) as error:
        said["error"] = f"{type(error).__name__}: {error}"
    return said


if __name__ == "__main__":
    main()
