"""s3rver: an S3 that ends links and minds the clock; it has no versions, checks no secrets and lets everybody read.

The `Gate` before it refuses requests without any credentials, as S3 does, can be told to fail, and to have a
clock of its own.
"""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlsplit

from .loopback import Answer, Loopback, Request
from .programs import free_port, program, started

BUCKET = "photos"
KEY = "S3RVER"
"""Its only access key, and its secret key."""

DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Gate(Loopback):
    """Passes on what has credentials.

    Attributes:
        careless: whether it lets everybody in.
        skew: by how much the clock in its answers is ahead.
    """

    def __init__(self, server: str) -> None:
        super().__init__()
        self._server = urlsplit(server)
        self.careless = False
        self.skew = timedelta()

    def answer(self, request: Request) -> Answer:
        signed = "Authorization" in request.headers or "X-Amz-Signature" in request.query
        if not signed and not self.careless:
            return Answer(403, DENIED, {"Content-Type": "application/xml"})
        connection = http.client.HTTPConnection(self._server.hostname or "", self._server.port, timeout=30)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "expect"}
        connection.request(request.method, request.target, body=request.data, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        hop = {"connection", "keep-alive", "transfer-encoding", "date"}
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in hop}
        if request.method != "HEAD":
            kept = {name: value for name, value in kept.items() if name.lower() != "content-length"}
        kept["Date"] = format_datetime(datetime.now(UTC) + self.skew, usegmt=True)
        return Answer(answer.status, data, kept)


@contextmanager
def running(folder: Path) -> Iterator[str]:
    port = free_port()
    command = [program("node_modules/.bin/s3rver"), "-d", str(folder / "s3rver"), "-a", "127.0.0.1", "-p", str(port)]
    with started([*command, "--silent", "--configure-bucket", BUCKET], port, folder / "s3rver.log") as address:
        yield address
