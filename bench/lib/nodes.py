"""nodes.py PORT: every node at once. Listens on all addresses and answers each HTTP request with 200.

Small and quick, as it runs beside what is measured: one thread, epoll, no parsing.
"""
import select
import socket
import sys

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

listener = socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=4096)
listener.setblocking(False)
poll, open_connections = select.epoll(), {}
poll.register(listener, select.EPOLLIN)
while True:
    for fd, _ in poll.poll():
        if fd == listener.fileno():
            try:
                while True:
                    connection, _ = listener.accept()
                    connection.setblocking(False)
                    open_connections[connection.fileno()] = connection
                    poll.register(connection, select.EPOLLIN)
            except OSError:
                continue
        connection = open_connections.pop(fd)
        try:
            if connection.recv(2048):
                connection.send(REPLY)
        except OSError:
            pass
        poll.unregister(fd)
        connection.close()
