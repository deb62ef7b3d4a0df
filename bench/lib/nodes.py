"""nodes.py PORT [ADDRESS...]: nodes at these addresses (all, without one) that answer each HTTP
request with 200, or after each other SIGUSR1 with 500. In the file that the variable ARRIVALS names
it leaves, when it is ended, the moment of each connection as JSON.

Small and quick, as it runs beside what is measured: one thread, epoll, no parsing.
"""
import json
import os
import select
import signal
import socket
import sys
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
ILL = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

replies, arrivals, kept = [OK, ILL], [], os.environ.get("ARRIVALS")


def end(*_):
    with open(kept, "w") as file:
        json.dump(arrivals, file)
    os._exit(0)


signal.signal(signal.SIGUSR1, lambda *_: replies.reverse())
if kept:
    signal.signal(signal.SIGTERM, end)
poll, listeners, open_connections = select.epoll(), {}, {}
for address in sys.argv[2:] or ["0.0.0.0"]:
    listener = socket.create_server((address, int(sys.argv[1])), backlog=4096)
    listener.setblocking(False)
    listeners[listener.fileno()] = listener
    poll.register(listener, select.EPOLLIN)
if kept:
    # Says that the nodes are there.
    open(kept, "w").close()


def accept(listener):
    try:
        while True:
            connection, _ = listener.accept()
            arrivals.append(time.monotonic())
            connection.setblocking(False)
            open_connections[connection.fileno()] = connection
            poll.register(connection, select.EPOLLIN)
    except OSError:
        pass


def answer(fd):
    connection = open_connections.pop(fd)
    try:
        if connection.recv(2048):
            connection.send(replies[0])
    except OSError:
        pass
    poll.unregister(fd)
    connection.close()


while True:
    for fd, _ in poll.poll():
        if fd in listeners:
            accept(listeners[fd])
        else:
            answer(fd)
