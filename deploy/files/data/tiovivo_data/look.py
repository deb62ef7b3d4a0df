"""Looks at another machine from here: does its database answer, does anything of it answer?"""

from __future__ import annotations

import socket
import threading

from tiovivo_data import wire

DATABASE_PORT = 3306
LOOK_S = 0.7
# Any of them shows that the kernel of the machine runs, also by a refusal.
PORTS = (22, DATABASE_PORT, wire.PORT, 2049)


def database_answers(address: str) -> bool:
    """Whether a greeting of MariaDB comes; a port that only accepts does not count."""
    try:
        with socket.create_connection((address, DATABASE_PORT), timeout=LOOK_S) as connection:
            connection.settimeout(LOOK_S)
            return len(connection.recv(5)) == 5
    except OSError:
        return False


def machine_answers(address: str) -> bool:
    """Whether the machine gives any sign, on any of PORTS, asked all at once."""
    signs: list[int] = []
    threads = [
        threading.Thread(target=lambda port=port: signs.append(port) if sign(address, port) else 0)
        for port in PORTS
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LOOK_S + 1)
    return bool(signs)


def sign(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=LOOK_S).close()
        return True
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
