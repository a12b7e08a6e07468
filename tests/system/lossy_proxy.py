"""A proxy that loses answers: it hands on what is asked, and closes when the answer comes."""

import socket
import threading


class LossyProxy:
    def __init__(self, port):
        self._port = port
        self._lose = 0
        self.lost = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, answers):
        """So many answers from now on reach nobody; each ends its connection."""
        self._lose = answers

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            node = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._copy, args=(client, node), daemon=True).start()
            threading.Thread(target=self._answer, args=(node, client), daemon=True).start()

    def _copy(self, client, node):
        try:
            while data := client.recv(65536):
                node.sendall(data)
            node.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _answer(self, node, client):
        try:
            while data := node.recv(65536):
                if self._lose > 0:
                    self._lose -= 1
                    self.lost += 1
                    break
                client.sendall(data)
        except OSError:
            pass
        for one in (client, node):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
