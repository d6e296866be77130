"""Servers of our own on loopback: strict fakes of APIs, and a gate before a real server; both can be told to fail."""

import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Cut(Enum):
    """Where a connection breaks."""

    BEFORE_BODY = "before the body is read"
    AFTER_BODY = "after the body is read, before anything is done"
    BEFORE_ANSWER = "when all is done, before the answer"


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def data(self) -> bytes:
        if self.body is None or isinstance(self.body, bytes):
            return self.body or b""
        return json.dumps(self.body).encode()


class Refused(Exception):  # noqa: N818 -- an answer, not an error
    """Ends the handling of a request with an answer."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status, body)
        self.answer = Answer(status, body)


@dataclass(frozen=True)
class Part:
    """A field of a form that has a file name."""

    filename: str
    kind: str
    data: bytes


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: Any
    data: bytes
    target: str

    @property
    def kind(self) -> str:
        return str(self.headers.get("Content-Type", "")).partition(";")[0].strip().lower()

    def json(self) -> Any:
        if self.kind != "application/json":
            raise Refused(415, {"message": f"not JSON: {self.kind}"})
        return json.loads(self.data)

    def form(self) -> tuple[dict[str, list[str]], dict[str, Part]]:
        """Return fields and files, of either kind of form."""
        if self.kind == "application/x-www-form-urlencoded":
            return parse_qs(self.data.decode(), keep_blank_values=True), {}
        if self.kind != "multipart/form-data":
            return {}, {}
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        fields: dict[str, list[str]] = {}
        files: dict[str, Part] = {}
        for part in BytesParser(policy=policy.HTTP).parsebytes(head + self.data).iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            content = part.get_payload(decode=True)
            if part.get_filename() is not None:
                files[name] = Part(str(part.get_filename()), part.get_content_type(), content)
            else:
                fields.setdefault(name, []).append(content.decode())
        return fields, files


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the next request of a method to a path that begins so."""

    method: str
    path: str
    what: Cut | Answer


class Loopback:
    """A server in a thread; `answer` is for a subclass to write.

    Attributes:
        requests: method and path of each request so far.
        faults: those to come.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.faults: deque[Fault] = deque()
        self._lock = threading.RLock()

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def fail(self, method: str, path: str, what: Cut | Answer, *, times: int = 1) -> None:
        self.faults.extend([Fault(method, path, what)] * times)

    @contextmanager
    def running(self, certificate: tuple[Path, Path] | None = None) -> Iterator[str]:
        """Serve, and yield the address.

        Args:
            certificate: chain and key; with them it speaks TLS only.
        """
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    self.raw_requestline = self.rfile.readline(65537)
                    if not self.raw_requestline:
                        self.close_connection = True
                        return
                    if self.parse_request():
                        outer.serve(self)
                except (ConnectionError, TimeoutError):
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate)
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        self.address = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self.address
        finally:
            server.shutdown()
            server.server_close()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        with self._lock:
            self.requests.append((handler.command, parts.path))
            fault = self._due(handler.command, parts.path)
        if fault is Cut.BEFORE_BODY:
            return self._cut(handler)
        data = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if fault is Cut.AFTER_BODY:
            return self._cut(handler)
        if isinstance(fault, Answer):
            return self._send(handler, fault)
        request = Request(
            method=handler.command,
            path=parts.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            headers=handler.headers,
            data=data,
            target=handler.path,
        )
        with self._lock:
            try:
                answer = self.answer(request)
            except Refused as refused:
                answer = refused.answer
        return self._cut(handler) if fault is Cut.BEFORE_ANSWER else self._send(handler, answer)

    def _due(self, method: str, path: str) -> Cut | Answer | None:
        for fault in self.faults:
            if fault.method == method and path.startswith(fault.path):
                self.faults.remove(fault)
                return fault.what
        return None

    @staticmethod
    def _cut(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        data = answer.data()
        given = {name.lower() for name in answer.headers}
        handler.send_response_only(answer.status)
        if "date" not in given:
            handler.send_header("Date", handler.date_time_string())
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            if name != "Content-Length" or value:  # "" for none at all
                handler.send_header(name, value)
        if "content-length" not in given and answer.status != 204:
            handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(data)
