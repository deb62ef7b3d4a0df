"""The proxy by which the administrator's commands leave a lab."""

import asyncio
import socket

import pytest

from tiovivo_deploy.lab import outlet

LIMIT = 20


def test_a_tunnel_goes_where_connect_says():
    head = b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: x\r\n\r\n"
    host, port, greeting, answer = outlet.read_head(head)
    assert (host, port, greeting) == ("2001:db8::1", 443, b"")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_request_is_handed_on_without_what_was_meant_for_the_proxy():
    head = (
        b"GET http://example.com/a?b HTTP/1.1\r\nHost: example.com\r\n"
        b"Proxy-Connection: keep-alive\r\nConnection: keep-alive\r\n\r\n"
    )
    host, port, greeting, answer = outlet.read_head(head)
    assert (host, port, answer) == ("example.com", 80, b"")
    assert greeting == b"GET /a?b HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("head", [b"\r\n\r\n", b"GET\r\n\r\n", b"CONNECT x:y HTTP/1.1\r\n\r\n"])
def test_a_head_that_is_none_is_an_error(head):
    with pytest.raises(ValueError, match=r"unpack|invalid literal"):
        outlet.read_head(head)


def test_a_tunnel_carries_both_directions_and_ends():
    async def play():
        async def echo(reader, writer):
            writer.write(b"heard " + await reader.read())
            writer.close()

        far = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = far.sockets[0].getsockname()[1]
        listener = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.create_task(outlet.serve(listener))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"words")
        writer.write_eof()
        assert await reader.read() == b"heard words"
        serving.cancel()
        far.close()

    asyncio.run(asyncio.wait_for(play(), LIMIT))


def test_what_cannot_be_reached_is_told():
    async def play():
        unused = socket.create_server(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        unused.close()
        listener = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.create_task(outlet.serve(listener))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 502 ")
        serving.cancel()

    asyncio.run(asyncio.wait_for(play(), LIMIT))
