"""The way out for commands that run as the administrator's machine: an HTTP proxy.

It listens on the lab's loopback and opens connections in the machine's own network, so that
`lab run` reaches package registries and the lab's nodes alike. Nodes and the client do not reach
it: they have no way out, as machines behind a strict firewall.

    python3 -m tiovivo_deploy.lab.outlet NAMESPACE
"""

import asyncio
import ctypes
import os
import socket
import sys
from urllib.parse import urlsplit

ADDRESS = ("127.0.0.1", 3128)
# How long a peer may take to say what it wants, and to be reached, in seconds.
HEAD_LIMIT = 10
CONNECT_LIMIT = 20
# No data in either direction for so long ends a connection.
IDLE_LIMIT = 300
MAX_CONNECTIONS = 64
CHUNK = 65536


def listen_inside(namespace: str) -> socket.socket:
    """A socket keeps the network that it was made in; this process goes back to its own."""
    outside = os.open("/proc/self/ns/net", os.O_RDONLY)
    inside = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(inside, 0) != 0:
        raise OSError("cannot enter the lab's network")
    try:
        listener = socket.create_server(ADDRESS, backlog=MAX_CONNECTIONS)
    finally:
        if libc.setns(outside, 0) != 0:
            raise OSError("cannot come back from the lab's network")
    return listener


async def serve(listener: socket.socket) -> None:
    places = asyncio.Semaphore(MAX_CONNECTIONS)

    async def handle(reader, writer):
        async with places:
            try:
                far = await reach(reader, writer)
                try:
                    await asyncio.gather(copy(reader, far[1]), copy(far[0], writer))
                finally:
                    far[1].close()
            except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                pass
            finally:
                writer.close()

    server = await asyncio.start_server(handle, sock=listener)
    async with server:
        await server.serve_forever()


async def reach(reader, writer):
    """Reads what is wanted, and connects; a failure is the proxy's answer."""
    async with asyncio.timeout(HEAD_LIMIT):
        head = await reader.readuntil(b"\r\n\r\n")
    host, port, greeting, answer = read_head(head)
    try:
        async with asyncio.timeout(CONNECT_LIMIT):
            far = await asyncio.open_connection(host, port)
    except OSError as error:
        writer.write(f"HTTP/1.1 502 Bad Gateway\r\n\r\n{error}\n".encode())
        raise
    far[1].write(greeting)
    writer.write(answer)
    return far


def read_head(head: bytes) -> tuple[str, int, bytes, bytes]:
    """Where to connect, what to send there first, and what to answer."""
    first, _, rest = head.partition(b"\r\n")
    method, target, version = first.decode("ascii").split()
    if method == "CONNECT":
        host, _, port = target.rpartition(":")
        return host.strip("[]"), int(port), b"", b"HTTP/1.1 200 Connected\r\n\r\n"
    parts = urlsplit(target)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [line for line in rest.split(b"\r\n") if line]
    # A connection serves one request, so nothing of the next one is taken for its body.
    kept = [line for line in lines if not line.lower().startswith((b"proxy-", b"connection:"))]
    greeting = [f"{method} {path} {version}".encode(), *kept, b"Connection: close", b"", b""]
    return parts.hostname or "", parts.port or 80, b"\r\n".join(greeting), b""


async def copy(reader, writer) -> None:
    while True:
        async with asyncio.timeout(IDLE_LIMIT):
            chunk = await reader.read(CHUNK)
            if not chunk:
                break
            writer.write(chunk)
            await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


if __name__ == "__main__":
    asyncio.run(serve(listen_inside(sys.argv[1])))
