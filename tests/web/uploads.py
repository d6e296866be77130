"""What tests of the middleware share: an application that says what it saw, a real server, forms, an engine."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from email.parser import BytesParser

import httpx
import numpy as np
import uvicorn
from PIL import Image

from cloak.errors import PhotoError
from cloak.image.codec import decode, encode
from cloak.image.strip.bare import strip
from cloak.web.protectors import RefusedError

SECRET = b"Xq7-Secret"


def photo(kind="JPEG", *, size=(48, 32), tint=0, secret=SECRET):
    """A photo without faces that says something about whoever took it."""
    ramp = np.linspace(0, 255, size[0] * size[1]).reshape(size[::-1]).astype(np.uint8)
    image = Image.fromarray(np.stack([ramp, ramp[::-1], np.full_like(ramp, tint)], -1))
    exif = Image.Exif()
    exif[0x010F] = secret.decode()
    file = io.BytesIO()
    image.save(file, kind, exif=exif, **({"quality": 90} if kind != "PNG" else {}))
    return file.getvalue()


class Reencoder:
    """An engine that does all but the search for a cloak: what comes in is decoded, stripped, encoded, scanned."""

    def __init__(self):
        self.seen = []
        self.closed = 0

    async def protect(self, data):
        self.seen.append(data)
        try:
            read = decode(data)
        except PhotoError as error:
            raise RefusedError(422, "unreadable", str(error)) from None
        return encode(strip(read)), {"status": "stripped"}

    async def close(self):
        self.closed += 1


class Application:
    """Says what it saw."""

    def __init__(self):
        self.bodies, self.scopes, self.sizes = [], [], []

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "hello"})
            await send({"type": "websocket.close"})
            return
        body, sizes, more = b"", [], True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
            sizes.append(len(message.get("body", b"")))
        self.bodies.append(body)
        self.scopes.append(scope)
        self.sizes.append(sizes)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    @property
    def kind(self):
        return self.headers[b"content-type"].decode()

    @property
    def headers(self):
        return dict(self.scopes[-1]["headers"])

    def parts(self):
        """What Python's reader of mail makes of the last form: [(name, file name, type, content)]."""
        head = f"Content-Type: {self.kind}\r\n\r\n".encode()
        return [
            (
                part.get_param("name", header="content-disposition"),
                part.get_filename(),
                part.get_content_type(),
                part.get_payload(decode=True),
            )
            for part in BytesParser(policy=policy.HTTP).parsebytes(head + self.bodies[-1]).iter_parts()
        ]


@contextmanager
def serving(app, **options) -> Iterator[int]:
    """Run an application under uvicorn; yield the port."""
    config = uvicorn.Config(app, port=0, log_level="error", **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def visiting(app, **options) -> Iterator[httpx.Client]:
    """Run an application under uvicorn; yield a client of it."""
    with serving(app, **options) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        yield client


def form(*parts, boundary=b"XyZ", end=True):
    """A form of (headers, body), the headers without their last line end."""
    body = b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, head, content) for head, content in parts)
    return body + (b"--%s--\r\n" % boundary if end else b"")


def file_part(content, *, name="photo", file="a.jpg", kind="image/jpeg"):
    """A part as browsers write it."""
    head = f'Content-Disposition: form-data; name="{name}"; filename="{file}"\r\nContent-Type: {kind}'
    return head.encode(), content


def field(name, content):
    """A part that is no file."""
    return f'Content-Disposition: form-data; name="{name}"'.encode(), content


TYPE = {"Content-Type": "multipart/form-data; boundary=XyZ"}


def request_of(path, body):
    """A request for a form, for those who break it off."""
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: a",
        f"Content-Type: {TYPE['Content-Type']}",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join([*lines, "", ""]).encode() + body
