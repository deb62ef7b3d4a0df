"""The broker, redis: who follows whom. A client of twenty lines, so that nothing is installed."""

from __future__ import annotations

import socket
import time

from tiovivo_data.settings import Settings

DEADLINE_S = 3.0
REPLY_LIMIT = 64 * 1024


class BrokerError(Exception):
    """redis refuses or does not answer."""


def lead(settings: Settings) -> None:
    """Takes writes from now on."""
    ask(settings, "REPLICAOF", "NO", "ONE")


def follow(settings: Settings, mother: str) -> None:
    """Throws its tasks away and copies those of the mother; nothing happens when it does already."""
    if followed(settings) != mother:
        ask(settings, "REPLICAOF", mother, str(settings.broker_port))


def followed(settings: Settings) -> str:
    """The address of the mother that it follows; empty when it leads."""
    fields = info(settings)
    return fields.get("master_host", "") if fields.get("role") == "slave" else ""


def info(settings: Settings) -> dict[str, str]:
    lines = ask(settings, "INFO", "replication").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def ask(settings: Settings, *words: str) -> str:
    """One command on a connection of its own, after the password."""
    deadline = time.monotonic() + DEADLINE_S
    place = ("127.0.0.1", settings.broker_port)
    try:
        with socket.create_connection(place, timeout=DEADLINE_S) as connection:
            reader = Reader(connection, deadline)
            connection.sendall(encode("AUTH", settings.broker_password) + encode(*words))
            reader.reply()
            return reader.reply()
    except (OSError, ValueError) as error:
        raise BrokerError(f"redis: {words[0]}: {error}") from None


def encode(*words: str) -> bytes:
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        octets = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(octets), octets))
    return b"".join(parts)


class Reader:
    """Replies of redis that are one line, or one text of a stated length."""

    def __init__(self, connection: socket.socket, deadline: float):
        self.connection, self.deadline, self.rest = connection, deadline, b""

    def reply(self) -> str:
        line = self.until(lambda text: text.find(b"\r\n"))
        kind, value = line[:1], line[1:].decode(errors="replace")
        if kind == b"-":
            raise BrokerError(f"redis: {value}")
        if kind == b"$":
            length = int(value)
            return self.until(lambda text: length if len(text) >= length + 2 else -1).decode()
        return value

    def until(self, find) -> bytes:
        while (end := find(self.rest)) < 0:
            left = self.deadline - time.monotonic()
            if left <= 0 or len(self.rest) > REPLY_LIMIT:
                raise BrokerError("redis: no whole reply in time")
            self.connection.settimeout(left)
            piece = self.connection.recv(4096)
            if not piece:
                raise BrokerError("redis: ended the connection")
            self.rest += piece
        text, self.rest = self.rest[:end], self.rest[end + 2 :]
        return text
