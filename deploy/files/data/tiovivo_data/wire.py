"""Requests between machines of the cluster: one JSON object each way, signed with a shared key.

The server speaks first, with a nonce; so an old request cannot be sent again. Signed, not secret:
nothing in a request is worth hiding. Every read has a deadline and a largest size.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import socketserver
import threading
import time
from collections.abc import Callable

MESSAGE_LIMIT = 8 * 1024
CONNECTION_LIMIT = 32
SERVER_DEADLINE_S = 3.0
PORT = 8055


class WireError(Exception):
    """The other side does not answer, or its answer is not signed with our key."""


def ask(address: str, key: str, request: dict, timeout: float, port: int = PORT) -> dict:
    """Sends one request; `timeout` bounds the whole exchange."""
    deadline = time.monotonic() + timeout
    try:
        with socket.create_connection((address, port), timeout=timeout) as connection:
            nonce = read_line(connection, deadline).decode("ascii")
            connection.sendall(seal(key, f"ask {nonce}", request))
            return unseal(key, f"answer {nonce}", read_line(connection, deadline))
    except (OSError, UnicodeDecodeError) as error:
        raise WireError(f"{address}:{port}: {error}") from None


def seal(key: str, context: str, message: dict) -> bytes:
    body = json.dumps(message, separators=(",", ":")).encode()
    return tag(key, context, body).encode() + b" " + body + b"\n"


def unseal(key: str, context: str, line: bytes) -> dict:
    given, _, body = line.partition(b" ")
    if not hmac.compare_digest(given, tag(key, context, body).encode()):
        raise WireError("the message is not signed with the key of this cluster")
    message = json.loads(body)
    if not isinstance(message, dict):
        raise WireError("the message is no object")
    return message


def tag(key: str, context: str, body: bytes) -> str:
    return hmac.new(key.encode(), context.encode() + b"\n" + body, "sha256").hexdigest()


def read_line(connection: socket.socket, deadline: float) -> bytes:
    """Up to the end of a line; a peer that trickles octets gains no time."""
    text = b""
    while not text.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0:
            raise WireError("no whole message in time")
        connection.settimeout(left)
        piece = connection.recv(4096)
        text += piece
        if not piece or len(text) > MESSAGE_LIMIT:
            raise WireError("the message has no end")
    return text[:-1]


class Server(socketserver.ThreadingTCPServer):
    """Answers `handle(request)`; at most CONNECTION_LIMIT at a time, the rest is turned away."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: str, key: str, handle: Callable[[dict], dict], port: int = PORT):
        self.key = key
        self.handle_request_object = handle
        self.places = threading.Semaphore(CONNECTION_LIMIT)
        super().__init__((address, port), Handler)

    def verify_request(self, request, client_address) -> bool:
        return self.places.acquire(blocking=False)

    def handle_error(self, request, client_address) -> None:
        """A stranger's broken message is no news."""


class Handler(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        try:
            deadline = time.monotonic() + SERVER_DEADLINE_S
            self.request.settimeout(SERVER_DEADLINE_S)
            nonce = secrets.token_hex(16)
            self.request.sendall(nonce.encode() + b"\n")
            request = unseal(self.server.key, f"ask {nonce}", read_line(self.request, deadline))
            answer = self.server.handle_request_object(request)
            self.request.sendall(seal(self.server.key, f"answer {nonce}", answer))
        finally:
            self.server.places.release()
