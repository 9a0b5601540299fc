"""`logos mcp`: our standard streams are an MCP client's, the other end is the daemon's.

pump(path)   carry bytes both ways; the exit status

A client that says no more may still wait for answers: the other end says when they have all been given.
"""

import _socket
import os
import select

CHUNK = 1 << 16
UNAVAILABLE = 75


def pump(path: str) -> int:
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        os.write(2, b"logos: the daemon serves no MCP\nhint: logos down, then again\n")
        return UNAVAILABLE
    sources = [0, connection.fileno()]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if connection.fileno() in ready:
            data = connection.recv(CHUNK)
            if not data:
                return 0
            while data:
                data = data[os.write(1, data) :]
        if 0 in ready:
            said = os.read(0, CHUNK)
            if said:
                connection.sendall(said)
            else:
                connection.shutdown(_socket.SHUT_WR)
                sources.remove(0)
