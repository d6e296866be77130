"""Protect the photos of uploads before an application sees them: ASGI middleware.

    app = ProtectUploads(app, service_url="https://cloak.internal:8443", paths=("/upload",))

Forms with files are read as they come, within limits and in memory; each part that is a photo, whatever it is called,
is replaced by a protected one; the application gets a new body and its length. What is a picture and cannot be
protected is refused with JSON that says why, and the application never sees the request. All else goes through
untouched and unbuffered: other paths, other types of content, WebSockets.

An application that takes photos in another way (JSON with base64, a form without files, in pieces, by a link that it
follows) is not helped by this: give it the paths on which photos come as files.
"""

import asyncio
import json
import os
import posixpath
import secrets
from collections.abc import Awaitable, Callable, Collection, MutableMapping, Sequence
from typing import Any, TypeVar

from cloak.errors import UnreadablePhotoError, UnsupportedPhotoError, UsageError
from cloak.names import NamePolicy
from cloak.targets import SUFFIXES
from cloak.web.multipart import (
    FormError,
    FormLimits,
    FormReader,
    Part,
    TooMuchError,
    boundary_of,
    new_boundary,
    written,
)
from cloak.web.parts import Kind, kind_of, kind_of_bytes
from cloak.web.protectors import Protector, RefusedError, Service, container_of

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

T = TypeVar("T")
OUTCOMES = "cloak.outcomes"
"""Where in the scope the application finds what became of each photo: a list of (name of the field, outcome)."""

_GONE = frozenset({b"content-length", b"transfer-encoding", b"content-md5", b"digest", b"content-digest"})
_UNSAID = frozenset({"", "application/octet-stream"})
_OF_A_FILE = (b"content-length", b"content-md5", b"content-digest")


class ProtectUploads:
    """Protects the photos of uploads before an application sees them.

    Args:
        app: the application.
        service_url: where `cloak serve --api-only` runs; its token is in the environment, CLOAK_SERVE_TOKEN.
        engine: what protects photos, in place of a service; a `cloak.web.protectors.Service` has more settings.
        paths: what uploads go to: these and all below them.
        fields: fields that nothing but photos may be in; photos in other fields are protected all the same.
        raw: whether to protect bodies that are a photo, without a form (PUT with image/jpeg).
        names: what photos are called: as they were, or at random, since names hold dates, places and people.
        limits: how much a form, or a body, may be.
        seconds: in which a body must have come.
        at_once: uploads that are held in memory; more are told to come again.

    Raises:
        UsageError: both or neither of a service and an engine, or no token.
    """

    def __init__(
        self,
        app: App,
        *,
        service_url: str | None = None,
        engine: Protector | None = None,
        paths: Sequence[str] = ("/",),
        fields: Collection[str] = (),
        raw: bool = False,
        names: NamePolicy = NamePolicy.KEEP,
        limits: FormLimits | None = None,
        seconds: float = 120,
        at_once: int = 8,
    ) -> None:
        if (service_url is None) == (engine is None):
            raise UsageError("either service_url or engine is needed, and not both")
        self.app = app
        self._protector = engine or _service(service_url or "")
        self._paths = [_normal(path) for path in paths]
        self._fields, self._raw, self._names = frozenset(fields), raw, NamePolicy(names)
        self._limits, self._seconds, self._places = limits or FormLimits(), seconds, at_once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or whatever else a server has to say."""
        if scope["type"] == "lifespan":
            try:
                await self.app(scope, receive, send)
            finally:
                await self._protector.close()
            return
        if scope["type"] != "http" or not self._concerns(scope):
            await self.app(scope, receive, send)
            return
        try:
            kind, boundary = self._what(scope)
            if boundary is None and not (self._raw and (kind in _UNSAID or kind.startswith("image/"))):
                await self.app(scope, receive, send)
                return
            answer = await self._replaced(scope, receive, boundary, kind)
        except RefusedError as error:
            await _refuse(send, error)
            return
        if answer is not None:
            await self.app(answer[0], _Replay(answer[1], receive), send)

    def _concerns(self, scope: Scope) -> bool:
        root = scope.get("root_path", "")
        seen = {_normal(scope["path"]), _normal(scope["path"].removeprefix(root))}
        return any(path in {"/", one} or one.startswith(f"{path}/") for path in self._paths for one in seen)

    def _what(self, scope: Scope) -> tuple[str, bytes | None]:
        """The type of a body, and its boundary if it is a form with files."""
        kinds = [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == b"content-type"]
        coded = [value for key, value in scope["headers"] if key.lower() == b"content-encoding"]
        try:
            if len(kinds) > 1 and any("multipart" in kind.lower() for kind in kinds):
                raise FormError("the request has two content types: send one")
            kind = kinds[0] if kinds else ""
            boundary = boundary_of(kind)
        except FormError as error:
            raise RefusedError(400, "bad_request", str(error)) from None
        if (boundary is not None or self._raw) and any(value.strip().lower() != b"identity" for value in coded):
            raise RefusedError(415, "unsupported", "the body is compressed: send it as it is")
        return kind.partition(";")[0].strip().lower(), boundary

    async def _replaced(
        self, scope: Scope, receive: Receive, boundary: bytes | None, kind: str
    ) -> tuple[Scope, list[bytes]] | None:
        """The request with protected photos; None if whoever sent it is gone."""
        if not self._places:
            raise RefusedError(429, "busy", "too many uploads at once: try again", after=5)
        self._places -= 1
        try:
            if boundary is None:
                return await self._body(scope, receive, kind)
            return await self._form(scope, receive, boundary)
        finally:
            self._places += 1

    async def _form(self, scope: Scope, receive: Receive, boundary: bytes) -> tuple[Scope, list[bytes]] | None:
        reader = FormReader(boundary, self._limits)
        try:
            if not await self._read(receive, reader.feed):
                return None
            parts = reader.close()
            photos = [part for part in parts if self._is_photo(part)]
        except FormError as error:
            raise RefusedError(400, "bad_request", str(error)) from None
        outcomes: list[tuple[str, object]] = []
        for part in photos:
            done = await unless_gone(receive, self._protector.protect(bytes(part.body)))
            if done is None:
                return None
            outcomes.append((part.name, done[1]))
            self._put(part, done[0])
        fresh = new_boundary()
        pieces = list(written(parts, fresh))
        return _scope(scope, b"multipart/form-data; boundary=" + fresh, pieces, outcomes), pieces

    async def _body(self, scope: Scope, receive: Receive, kind: str) -> tuple[Scope, list[bytes]] | None:
        body = bytearray()

        def feed(data: bytes) -> None:
            if len(body) + len(data) > self._limits.total:
                raise TooMuchError(f"the body has more than {self._limits.total} bytes: send a smaller photo")
            body.extend(data)

        if not await self._read(receive, feed):
            return None
        if _judged(lambda: kind_of_bytes(body, photo_wanted=kind.startswith("image/"))) is Kind.OTHER:
            return _scope(scope, None, [bytes(body)], []), [bytes(body)]
        done = await unless_gone(receive, self._protector.protect(bytes(body)))
        if done is None:
            return None
        data, outcome = done
        return _scope(scope, f"image/{container_of(data)}".encode(), [data], [("", outcome)]), [data]

    async def _read(self, receive: Receive, feed: Callable[[bytes], None]) -> bool:
        """Read a body; False if whoever sends it went away."""
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return False
                    feed(message.get("body", b""))
                    if not message.get("more_body", False):
                        return True
        except TooMuchError as error:
            raise RefusedError(413, "too_large", str(error)) from None
        except TimeoutError:
            why = f"the body did not come within {self._seconds:g} seconds: send it again"
            raise RefusedError(408, "timeout", why) from None

    def _is_photo(self, part: Part) -> bool:
        return _judged(lambda: kind_of(part, photo_wanted=part.name in self._fields)) is Kind.PHOTO

    def _put(self, part: Part, data: bytes) -> None:
        """Put a protected photo where the photo was."""
        container = container_of(data)
        part.body = data
        part.replace(b"content-type", f"image/{container}".encode())
        for name in _OF_A_FILE:
            part.replace(name, None)
        if self._names is NamePolicy.RANDOM and part.file_names:
            part.rename(secrets.token_hex(8) + SUFFIXES[container][0])


class _Replay:
    """Gives an application the body that it is to see, then what the server has to say."""

    def __init__(self, pieces: list[bytes], receive: Receive) -> None:
        self._pieces, self._receive, self._next = pieces, receive, 0

    async def __call__(self) -> Message:
        if self._next == len(self._pieces):
            return await self._receive()
        piece, self._pieces[self._next] = self._pieces[self._next], b""  # it need not be held any longer
        self._next += 1
        return {"type": "http.request", "body": piece, "more_body": self._next < len(self._pieces)}


def _service(url: str) -> Service:
    token = os.environ.get("CLOAK_SERVE_TOKEN", "")
    if not token:
        raise UsageError("the service wants a token: set CLOAK_SERVE_TOKEN to the one that it was started with")
    return Service(url, token=token)


def _normal(path: str) -> str:
    """A path as applications may see it that are less strict than others: it is protected under all its spellings."""
    return posixpath.normpath("/" + path.replace("\\", "/").lstrip("/")).casefold()


def _judged(judge: Callable[[], Kind]) -> Kind:
    try:
        return judge()
    except UnreadablePhotoError as error:
        raise RefusedError(422, "unreadable", str(error)) from None
    except UnsupportedPhotoError as error:
        raise RefusedError(415, "unsupported", str(error)) from None


def _scope(scope: Scope, kind: bytes | None, pieces: list[bytes], outcomes: list[tuple[str, object]]) -> Scope:
    """A request with another body, and another type unless `kind` is None."""
    gone = _GONE if kind is None else _GONE | {b"content-type"}
    headers = [(key, value) for key, value in scope["headers"] if key.lower() not in gone]
    headers += [] if kind is None else [(b"content-type", kind)]
    headers.append((b"content-length", str(sum(map(len, pieces))).encode()))
    return {**scope, "headers": headers, OUTCOMES: outcomes}


async def unless_gone(receive: Receive, work: Awaitable[T]) -> T | None:
    """Wait for work; give it up, and return None, if whoever waits for it goes away."""
    task, watch = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        watch.cancel()
        await asyncio.wait({task, watch})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, error: RefusedError) -> None:
    body = json.dumps({"error": error.code, "message": error.message}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),  # the rest of a body that is refused is not waited for
    ]
    if error.after is not None:
        headers.append((b"retry-after", str(error.after).encode()))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
