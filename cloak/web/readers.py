"""Inspect and strip files in other processes, so that one which is made to harm harms nothing but itself."""

import json
import os
import queue
import threading
from contextlib import suppress
from typing import Any

from cloak.container import Container
from cloak.decoding import _nameless, _started, _write
from cloak.errors import CloakError, ResidueError, TooLargeError, UnreadablePhotoError, UnsupportedPhotoError

SECONDS = 30
"""The time a small file has ..."""

BYTES_PER_SECOND = 1_000_000
"""... and that much more for each second's worth of it."""

_LINE = 1 << 10
_TOLD = {"inspect": {"path", "container", "not_looked_for"}, "strip": {"removed", "container"}, "scan": set[str]()}
"""What an answer has at the least, by what was asked for; or else it is an error."""

_ERRORS = {kind.__name__: kind for kind in (ResidueError, TooLargeError, UnreadablePhotoError, UnsupportedPhotoError)}


class Readers:
    """Reads files in processes of its own; threads may use it at the same time, each gets a process.

    Args:
        seconds: the time a small file may take.
        program: module to run in the processes; it must do what `cloak.web.reader` does.
    """

    def __init__(self, *, seconds: int = SECONDS, program: str = "cloak.web.reader") -> None:
        self._seconds, self._program = seconds, program
        self._idle: queue.LifoQueue[_Process] = queue.LifoQueue()

    def start(self) -> None:
        """Start one process, so that it is there when the first file comes."""
        with suppress(CloakError):  # the first file will say it
            self._idle.put(_Process(self._program))

    def close(self) -> None:
        """End the processes that are idle."""
        while not self._idle.empty():
            self._idle.get().close()

    def inspect(self, data: bytes, name: str) -> dict[str, Any]:
        """Return what `cloak inspect --json` says of a photo.

        Raises:
            PhotoError: it is no photo; UnreadablePhotoError also if it took its reader down, or too long.
        """
        return self._ask(data, what="inspect", name=name)[0]

    def strip(self, data: bytes) -> tuple[dict[str, Any], bytes]:
        """Return what was removed and the file without it, as `cloak strip` writes it.

        Raises:
            PhotoError: it cannot be stripped; UnreadablePhotoError also if it took its reader down, or too long.
        """
        return self._ask(data, what="strip")

    def scan(self, data: bytes) -> None:
        """Refuse a file that holds anything that is not known to be harmless.

        Raises:
            ResidueError: it does.
            UnreadablePhotoError: it took its reader down, or too long.
        """
        self._ask(data, what="scan")

    def _ask(self, data: bytes, **request: str) -> tuple[dict[str, Any], bytes]:
        if os.name != "posix":
            from cloak.web.reader import answer  # noqa: PLC0415 -- where files cannot be handed to another process

            return _checked(answer(data, dict(request)))
        process = self._take()
        try:
            answered = process.ask(data, request, self._seconds + len(data) // BYTES_PER_SECOND)
        except BaseException:
            process.close()
            raise
        self._idle.put(process)
        return _checked(answered)

    def _take(self) -> "_Process":
        while True:
            try:
                process = self._idle.get_nowait()
            except queue.Empty:
                return _Process(self._program)
            if process.alive:
                return process
            process.close()


class _Process:
    """One process that reads, one file at a time."""

    def __init__(self, program: str) -> None:
        try:
            self._shared = _nameless()
            try:
                self._process = _started(program, self._shared)
            except BaseException:
                os.close(self._shared)
                raise
        except OSError as error:
            raise CloakError(
                f"cannot start a process to read photos in ({error.strerror}): close other programs"
            ) from error

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        os.close(self._shared)

    def ask(self, data: bytes, request: dict[str, str], seconds: int) -> tuple[dict[str, Any], bytes]:
        os.ftruncate(self._shared, 0)
        _write(self._shared, data)
        timer = threading.Timer(seconds, self._process.kill)
        timer.start()
        try:
            line = self._said({**request, "size": len(data), "seconds": seconds})
        finally:
            timer.cancel()
        try:
            told, written = self._read(line, most=2 * len(data) + (64 << 20))
            _fit(told, request["what"])
            return told, written
        except (ValueError, TypeError, OverflowError, RecursionError) as error:  # whatever wrong JSON can lead to
            raise UnreadablePhotoError("it took its reader down, or too long: do not trust this file") from error
        finally:
            os.ftruncate(self._shared, 0)

    def _said(self, request: dict[str, Any]) -> bytes:
        assert self._process.stdin and self._process.stdout  # noqa: S101, PT018 -- they are pipes
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return b""
        return self._process.stdout.readline(_LINE)

    def _read(self, line: bytes, most: int) -> tuple[dict[str, Any], bytes]:
        text, size = (int(one) for one in json.loads(line))
        if min(text, size) < 0 or text + size > most:
            raise ValueError("too long")
        told = json.loads(_exactly(self._shared, text, 0))
        if not isinstance(told, dict):
            raise TypeError("no object")
        return told, _exactly(self._shared, size, text)


def _fit(told: dict[str, Any], what: str) -> None:
    """Raise ValueError where an answer is none to what was asked."""
    if "error" in told:
        if "message" not in told:
            raise ValueError("an error without a message")
    elif not told.keys() >= _TOLD[what]:
        raise ValueError(f"no answer to {what}")
    elif what == "strip":
        Container(told["container"])


def _checked(answered: tuple[dict[str, Any], bytes]) -> tuple[dict[str, Any], bytes]:
    told = answered[0]
    if "error" in told:
        raise _ERRORS.get(str(told["error"]), UnreadablePhotoError)(str(told["message"]))
    return answered


def _exactly(descriptor: int, count: int, start: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = os.pread(descriptor, count - len(data), start + len(data))
        if not piece:
            raise ValueError("bytes are missing")
        data += piece
    return bytes(data)
