"""Where pixels end that are coded as by a fax: Group 4 has a code for it; others are decoded, and deflated anew.

Source: ITU-T T.4; T.6, 2.4.1.1 (EOFB); TIFF 6.0, sections 10 and 11; Adobe Photoshop TIFF Technical Notes (deflate).
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cloak.errors import TooLargeError, UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.strip.tiff_read import damaged

GROUP4, CODED = 4, frozenset({2, 3, 4})
"""Group 4, and the ways in which a fax codes pixels that are followed, by their number in a TIFF file."""

SECONDS = 5
"""The processor time that the strips of a file have ..."""

BYTES_PER_SECOND = 100_000
"""... and that much more for each second's worth of the file."""

_WAIT = 12  # times that long is waited for, in case others use the processors
_MOST_PIXELS = 1 << 28  # of a strip: a byte each while it is decoded
_END = 2 * ("0" * 11 + "1")
_ANSWER = 1 << 16
_PROGRAM = str(Path(__file__).parents[1] / "fax.py")
_PASSED_ON = frozenset({"PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP"})


def group4(blocks: Iterable[bytes]) -> int | None:
    """Return how many bytes of a strip, given in blocks, there are up to its end; None if it has none."""
    position, carried = 0, b""
    for block in blocks:
        data = carried + block
        found = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}".find(_END)
        if found >= 0:
            return position + -(-(found + len(_END)) // 8)
        carried = data[-3:]
        position += len(data) - len(carried)
    return None


class Recoder:
    """Codes the strips of one file anew, in a process of its own (`cloak.image.fax`), which starts with the first.

    Attributes:
        used: whether anything was coded anew.
        damaged: whether the decoder complained: what it made of that is what viewers show.
    """

    def __init__(self, size: int) -> None:
        """Start nothing yet.

        Args:
            size: bytes of the file.
        """
        self.used = False
        self.damaged = False
        self._seconds = SECONDS + size // BYTES_PER_SECOND
        self._process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.communicate()

    def recode(self, strip: bytes, *, compression: int, options: int, width: int, rows: int) -> bytes:
        """Return the pixels of a strip or tile, deflated: a bit each, rows filled up to whole bytes with zeros.

        Args:
            strip: what is coded, the first bit of a byte its highest; what is behind the last row plays no part.
            compression: how; one of `CODED`.
            options: T4Options or T6Options.
            width: pixels of a row.
            rows: how many are taken.

        Raises:
            UnreadablePhotoError: it cannot be decoded, or not in time.
            TooLargeError: too many pixels.
        """
        if width * rows > _MOST_PIXELS:
            raise TooLargeError(f"TIFF: {width * rows} pixels in one strip are too many: save it in several strips")
        head = {"compression": compression, "options": options, "width": width, "rows": rows, "size": len(strip)}
        process = self._process = self._process or self._started()
        timer = threading.Timer(_WAIT * self._seconds, process.kill)
        timer.start()
        try:
            answer, coded = _ask(process, json.dumps(head).encode() + b"\n" + strip)
        finally:
            timer.cancel()
        if answer.get("error") == "memory":
            raise TooLargeError("TIFF: not enough memory to decode it: save it in several strips")
        if "error" in answer:
            raise damaged(f"pixels coded as by a fax: {answer['error']}")
        self.used, self.damaged = True, self.damaged or bool(answer["damaged"])
        return coded

    def _started(self) -> "subprocess.Popen[bytes]":
        path = [entry for entry in sys.path if entry]
        inherited = {name: value for name, value in os.environ.items() if name.upper() in _PASSED_ON}
        try:
            return subprocess.Popen(  # noqa: S603 -- this interpreter, our module
                [sys.executable, "-S", "-P", _PROGRAM, *path, str(self._seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Where glibc is: rows that a strip lacks are zeros, whatever decoder there is, not what lay in memory.
                env={**inherited, "MALLOC_PERTURB_": "255"},
                start_new_session=True,  # Ctrl-C is for the program, which ends this process in good order
            )
        except OSError as error:
            raise UnsupportedPhotoError(
                f"TIFF: pixels coded as by a fax, and no process can be started to decode them in ({error.strerror}): "
                "save it with LZW or deflate compression first"
            ) from error


def _ask(process: "subprocess.Popen[bytes]", request: bytes) -> tuple[dict[str, Any], bytes]:
    """What a process answers: a line, and bytes."""
    assert process.stdin and process.stdout  # noqa: S101, PT018 -- they are pipes
    try:
        process.stdin.write(request)
        process.stdin.flush()
        answer = dict(json.loads(process.stdout.readline(_ANSWER)))
        coded = process.stdout.read(int(answer.get("size", 0)))
    except (OSError, ValueError):
        raise UnreadablePhotoError(
            "TIFF: pixels coded as by a fax took their decoder down, or too long: do not trust this file"
        ) from None
    return answer, coded


__all__ = ["BYTES_PER_SECOND", "CODED", "GROUP4", "SECONDS", "Recoder", "group4"]
