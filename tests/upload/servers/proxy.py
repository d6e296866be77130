"""A TCP proxy before a real server, which cuts connections."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Passes bytes on in both directions.

    Attributes:
        port: where it listens.
        sent: the connection is cut after so many bytes to the server; None for never. 0 cuts it at once.
        answered: the same for those from the server.
        most: so many connections are taken, and no more; None for all.
        connections: how many there were.
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self.port = 0
        self.sent: int | None = None
        self.answered: int | None = None
        self.most: int | None = None
        self.connections = 0

    def heal(self) -> None:
        self.sent = self.answered = self.most = None

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            threading.Thread(target=self._accept, args=[listener], daemon=True).start()
            yield self

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.sent == 0 or (self.most is not None and self.connections > self.most):
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._server))
            for ends in ((client, server, "sent"), (server, client, "answered")):
                threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, limit: str) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(4096):
                most: int | None = getattr(self, limit)
                if most is not None and passed + len(data) >= most:
                    target.sendall(data[: max(0, most - passed)])
                    break
                target.sendall(data)
                passed += len(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
