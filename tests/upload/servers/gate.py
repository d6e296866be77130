"""A gate before a real HTTP server: passes on what it is asked, and can be told to fail."""

import http.client
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from .loopback import Answer, Cut, Loopback, Request

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


class Gate(Loopback):
    """Passes requests on.

    Attributes:
        every: of so many requests, of whatever kind, the last fails; 0 for none.
        ways: in which they fail, in turn.
        failed: how many did.
    """

    def __init__(self, server: str) -> None:
        super().__init__()
        self._server = urlsplit(server)
        self.every = 0
        self.ways: tuple[Cut | Answer, ...] = (Answer(503), *Cut)
        self.failed = 0
        self._requests = 0

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        # an answer goes out in two pieces, of which the second would wait 40 ms for the first
        handler.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().serve(handler)

    def answer(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(self._server.hostname or "", self._server.port, timeout=30)
        headers = dict(request.headers.items())
        if "Destination" in headers:
            headers["Destination"] = headers["Destination"].replace(self.address, self._server.geturl())
        connection.request(request.method, request.target, body=request.data, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
        if request.method == "HEAD" and answer.getheader("Content-Length"):
            kept["Content-Length"] = str(answer.getheader("Content-Length"))
        return Answer(answer.status, data, kept)

    def _due(self, method: str, path: str) -> Cut | Answer | None:
        if self.every:
            self._requests += 1
            if self._requests % self.every == 0:
                self.failed += 1
                return self.ways[self.failed % len(self.ways)]
        return super()._due(method, path)


class Playing(Loopback):
    """Before a gate's class: answers some requests in its own way.

    Attributes:
        own: returns its answer; None to pass the request on.
    """

    own: Callable[[Request], Answer | None] = staticmethod(lambda _: None)

    def answer(self, request: Request) -> Answer:
        return self.own(request) or super().answer(request)
