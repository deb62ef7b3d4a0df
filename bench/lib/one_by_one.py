"""one_by_one.py PORT COUNT: sends the first COUNT questions of the mix, each after the reply to the
one before. Fails when a reply stays out."""
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lib import wire

# valgrind is slow, and CI machines are busy.
PATIENCE = 20

port, count = int(sys.argv[1]), int(sys.argv[2])
queries = wire.mix()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(PATIENCE)
    sock.connect(("127.0.0.1", port))
    for index in range(count):
        message = queries[index % len(queries)]
        sock.send((index & 0xFFFF).to_bytes(2, "big") + message[2:])
        sock.recv(4096)
