"""Read bodies as they come: counted, cut off, never on a disk; and notice clients that leave."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from cloak.web import middleware
from cloak.web.errors import stopping
from cloak.web.memory import Held, Memory
from cloak.web.protectors import RefusedError
from cloak.web.settings import Settings

T = TypeVar("T")

MOST_JSON = 1 << 20
"""Bytes of a body that is no photo."""


class Body:
    """A body that was read, and the memory that it is counted in; leave the ``with`` block, or release it."""

    def __init__(self, data: bytes, held: Held) -> None:
        self.data, self.held = data, held

    def __enter__(self) -> bytes:
        return self.data

    def __exit__(self, *_: object) -> None:
        self.held.release()


async def read(request: Request, settings: Settings, memory: Memory, *, most: int | None = None) -> Body:
    """Read a body.

    Raises:
        RefusedError: it is too large, too slow, compressed, empty, or there is no room for it.
    """
    most = settings.max_bytes if most is None else most
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise RefusedError(415, "unsupported", "the body is compressed: send it as it is")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise _too_large(most)
    held = memory.take(0)
    try:
        return Body(await _read(request, settings, held, most), held)
    except BaseException:
        held.release()
        raise


async def _read(request: Request, settings: Settings, held: Held, most: int) -> bytes:
    pieces, count, begun = bytearray(), 0, time.monotonic()
    stream = request.stream().__aiter__()
    while True:
        try:
            async with asyncio.timeout(settings.idle_seconds):
                piece = await anext(stream, None)
        except TimeoutError:
            raise _slow() from None
        except ClientDisconnect:
            raise GoneClient from None
        if piece is None:
            break
        count += len(piece)
        if count > most:
            raise _too_large(most)
        seconds = time.monotonic() - begun
        if seconds > settings.slow_seconds and count < seconds * settings.slow_bytes:
            raise _slow()
        held.grow(len(piece))
        pieces += piece
    if not count:
        raise RefusedError(422, "unreadable", "the body is empty: send the photo's file as it is")
    return bytes(pieces)


class GoneClient(Exception):  # noqa: N818 -- no error: there is nobody to tell
    """Whoever sent the request went away."""


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """Wait for work whose request's body has been read; give it up if whoever waits for it goes away.

    Raises:
        GoneClient: whoever waited is gone; the work was cancelled.
        RefusedError: the server ends.
    """
    try:
        done = await middleware.unless_gone(request.receive, work)
    except asyncio.CancelledError:  # the server ends and waits no longer
        raise stopping() from None
    if done is None:
        raise GoneClient
    return done


def _too_large(most: int) -> RefusedError:
    return RefusedError(413, "too_large", f"the body has more than {most} bytes: send a smaller photo")


def _slow() -> RefusedError:
    return RefusedError(408, "timeout", "the body came too slowly: send it again over a better connection")
