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
        self._listener: socket.socket | None = None
        self._ends: set[socket.socket] = set()

    def leave(self) -> None:
        """Be gone, as a computer that is switched off: nobody listens, and connections are cut."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in `accept`
            self._listener.close()
            self._listener = None
        for end in tuple(self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def come_back(self) -> None:
        """Listen, on the port of before if there was one."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def heal(self) -> None:
        self.sent = self.answered = self.most = None

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        self.come_back()
        try:
            yield self
        finally:
            self.leave()

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
            self._ends |= {client, server}
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
            self._ends.discard(end)
            end.close()
