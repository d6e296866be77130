"""Decode photos in other processes, so that a file which takes its decoder down takes nothing else down.

Decoders are large, old and written in C. A photo that crashes one, fills the memory or never ends is one failed photo;
the process is replaced. Each process is an interpreter of its own without PyTorch (`cloak.image.worker`): a quarter of
a second to start, 35 MB. What comes back from it is pixels and JSON, checked before use, and nothing that is executed.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloak.container import ColourSpace, Container, Encoding
from cloak.errors import CloakError, TooLargeError, UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.decode import decode, of_raster
from cloak.image.raster import DEFAULT_MAX_PIXELS, Raster
from cloak.photo import Photo
from cloak.steps import StoppedError

SECONDS = 90
"""The time a photo has ..."""

BYTES_PER_SECOND = 100_000
"""... and that much more for each second's worth of its file: some codecs take minutes for the largest photos."""

_ANSWER = 1 << 20
_PRIVATE = ("CLOAK_", "AWS_", "RAY_AUTH_", "FSSPEC_", "GOOGLE_", "AZURE_")
"""Variables that may hold passwords for uploads: no decoder needs them."""

_ERRORS = {error.__name__: error for error in (TooLargeError, UnreadablePhotoError, UnsupportedPhotoError)}


class Decoder:
    """Decodes photos in processes of its own; threads may use it at the same time, each gets a process.

    Processes are started when they are needed, and kept. Where the system cannot hand a file to another process
    (Windows), photos are decoded in this one.

    Args:
        max_pixels: refuse more pixels than this.
        seconds: the time a small photo may take.
        program: module to run in the processes; it must do what `cloak.image.worker` does.
    """

    def __init__(
        self, *, max_pixels: int = DEFAULT_MAX_PIXELS, seconds: int = SECONDS, program: str = "cloak.image.worker"
    ) -> None:
        self.max_pixels = max_pixels
        self._seconds = seconds
        self._program = program
        self._idle: queue.LifoQueue[_Process] = queue.LifoQueue()
        self._busy: dict[_Process, threading.Event | None] = {}
        self._mutex = threading.Lock()

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start one process, so that it is there when the first photo comes; this does not wait for it."""
        if os.name == "posix" and self._idle.empty():
            with suppress(CloakError):  # the first photo will say it
                self._idle.put(_Process(self._program))

    def close(self) -> None:
        """End the processes that are idle. It can be used again."""
        while not self._idle.empty():
            self._idle.get().close()

    def give_up(self, stop: threading.Event) -> None:
        """If this event is set, end the processes that work for those who passed it: their `decode` ends now."""
        if not stop.is_set():
            return
        with self._mutex:
            for process in [process for process, event in self._busy.items() if event is stop]:
                process.end()

    def decode(self, data: bytes, *, stop: threading.Event | None = None) -> Photo:
        """Read a photo as `cloak.image.codec.decode` does.

        Args:
            data: content of a file.
            stop: when it is set and `give_up` is called with it, this ends.

        Raises:
            StoppedError: `stop` is set.
            UnreadablePhotoError: also if it took its decoder down, or took too long.
            UnsupportedPhotoError: it is of a kind that is not read.
            TooLargeError: it has more than `max_pixels`, or needs more memory than there is.
        """
        if os.name != "posix":
            return decode(data, max_pixels=self.max_pixels)
        process = self._take()
        try:
            photo = self._by(process, data, stop)
        except _ERRORS_OF_PHOTOS:
            self._idle.put(process)
            raise
        except BaseException as error:
            process.close()
            if isinstance(error, _DownError):
                raise UnreadablePhotoError(str(error)) from None
            if isinstance(error, OSError):  # the memory that both processes see is full, or may not be as large
                raise TooLargeError(f"cannot be handed to its decoder: {error.strerror}") from error
            raise
        self._idle.put(process)
        return photo

    def _by(self, process: "_Process", data: bytes, stop: threading.Event | None) -> Photo:
        """Have a process decode a photo, which `give_up` may end."""
        with self._mutex:
            self._busy[process] = stop
        try:
            if stop and stop.is_set():  # before it was busy, nobody could end it
                raise StoppedError
            return process.decode(data, self.max_pixels, self._seconds + len(data) // BYTES_PER_SECOND)
        except _DownError:
            if stop and stop.is_set():
                raise StoppedError from None
            raise
        finally:
            with self._mutex:
                del self._busy[process]

    def _take(self) -> "_Process":
        """Return a process that waits for work, a new one if there is none."""
        while True:
            try:
                process = self._idle.get_nowait()
            except queue.Empty:
                return _Process(self._program)
            if process.alive:
                return process
            process.close()


_ERRORS_OF_PHOTOS = tuple(_ERRORS.values())


class _DownError(Exception):
    """A process cannot be used any more."""


class _Process:
    """One process that decodes, one photo at a time."""

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
                f"cannot start a process to decode photos in ({error.strerror}): close other programs, or raise the "
                "limits on processes and open files"
            ) from error

    def decode(self, data: bytes, max_pixels: int, seconds: int) -> Photo:
        os.ftruncate(self._shared, 0)
        _write(self._shared, data)
        late = threading.Event()
        timer = threading.Timer(seconds, self._too_late, [late])
        timer.start()
        try:
            answer = self._ask({"size": len(data), "max_pixels": max_pixels, "seconds": seconds})
        finally:
            timer.cancel()
        if not answer:
            raise _DownError(self._obituary(seconds, late=late.is_set()))
        try:
            return self._photo(json.loads(answer), max_pixels)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _DownError(f"its decoder gave no sensible answer ({error}): do not trust this file") from error
        finally:
            os.ftruncate(self._shared, 0)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.communicate()
        os.close(self._shared)

    def end(self) -> None:
        """Have `decode`, in another thread, end now; only `close` is of any use afterwards."""
        self._process.kill()

    def _too_late(self, late: threading.Event) -> None:
        late.set()
        self.end()

    def _ask(self, request: Mapping[str, int]) -> bytes:
        assert self._process.stdin and self._process.stdout  # noqa: S101, PT018 -- they are pipes
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return b""
        return self._process.stdout.readline(_ANSWER)

    def _photo(self, answer: Mapping[str, Any], max_pixels: int) -> Photo:
        if "error" in answer:
            raise _ERRORS[answer["error"]](str(answer["message"]))
        height, width = (int(side) for side in answer["shape"])
        if not 0 < height * width <= max_pixels or min(height, width) < 1:
            raise ValueError(f"{width} x {height} pixels")
        encoding = dict(answer["encoding"])
        pixels = _read(self._shared, (3, height, width), 0)
        return of_raster(
            Raster(
                pixels=pixels,
                alpha=_read(self._shared, (1, height, width), pixels.nbytes) if answer["alpha"] else None,
                space=ColourSpace(answer["space"]),
                encoding=Encoding(**{**encoding, "container": Container(encoding["container"])}),
                found=tuple(str(name) for name in answer["found"]),
            )
        )

    def _obituary(self, seconds: int, *, late: bool) -> str:
        if late:
            return f"it was not decoded within {seconds} s: do not trust this file"
        code = self._process.wait()
        how = signal.strsignal(-code) if code < 0 else f"exit code {code}"
        return f"it took its decoder down ({how}): do not trust this file"


def _started(program: str, shared: int) -> "subprocess.Popen[bytes]":
    """Start an interpreter that waits for photos."""
    code = f"import sys; sys.path[:] = sys.argv[1:-1]; from {program} import main; main()"
    path = [entry for entry in sys.path if entry]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    return subprocess.Popen(  # noqa: S603 -- this interpreter, our module
        [sys.executable, "-P", "-c", code, *path, str(shared)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(shared,),
        env={**inherited, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        start_new_session=True,  # Ctrl-C is for the program, which ends this process in good order
    )


def _nameless() -> int:
    """Open a file without a name, in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("cloak")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write(descriptor: int, data: bytes) -> None:
    rest, done = memoryview(data), 0
    while rest:  # one call writes at most two gigabytes
        count = os.pwrite(descriptor, rest, done)
        rest, done = rest[count:], done + count


def _read(descriptor: int, shape: tuple[int, int, int], start: int) -> NDArray[np.uint8]:
    """Copy pixels; mapped, they could vanish under us if the process at the other end is hostile."""
    pixels = np.empty(shape, np.uint8)
    rest = pixels.data.cast("B")
    while rest:
        count = os.preadv(descriptor, [rest], start)
        if not count:
            raise ValueError("pixels are missing")
        rest, start = rest[count:], start + count
    return pixels
