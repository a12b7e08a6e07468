"""RESP as bytes, for tests: what no client library would send, and all that comes for it."""

import socket


def command(*words):
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def connect(node):
    return socket.create_connection(("127.0.0.1", node.client_port), timeout=20)


def until_the_end(connection):
    data = b""
    try:
        while part := connection.recv(65536):
            data += part
    except ConnectionResetError:
        pass  # it was closed with bytes of ours unread
    return data


def talk(node, data, end=True):
    """All at once; what comes until the node closes. `end`: we say that there is nothing more."""
    with connect(node) as connection:
        try:
            connection.sendall(data)
            if end:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return until_the_end(connection)


def ask(connection, *words):
    """One command; the line that answers it, of what answers in one line."""
    connection.sendall(command(*words))
    data = b""
    while not data.endswith(b"\r\n"):
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    return data
