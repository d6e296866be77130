"""The process in which pixels are decoded that are coded as by a fax: if one takes it down, nothing else falls.

They are deflated, for `cloak.image.strip.fax`. It gets requests as lines of JSON on its standard input, each followed
by the bytes of one strip or tile, and answers in the same way on its standard output. The decoder is libtiff, by way of
Pillow. It ends when its standard input does: with the process that started it, however that ended. It is started as a
file, and imports nothing of cloak and as little as can be: starting takes longer than most strips do.
"""

import io
import json
import os
import struct
import sys
import zlib
from contextlib import suppress
from typing import Any, BinaryIO, cast

if __name__ == "__main__":
    sys.path[:] = sys.argv[1:-1]

from PIL import Image  # found in the places that were given
from PIL.TiffImagePlugin import TiffImageFile

MEMORY = 1 << 30
_COMPLAINTS = 1 << 16  # bytes that libtiff may write about one file: a damaged one has a line for each of its rows
_LONG = 4
_OPTIONS = {3: 292, 4: 293}
"""The tag that says more about how pixels are coded."""


def serve(requests: BinaryIO, answers: BinaryIO, complaints: BinaryIO) -> None:
    """Answer requests until there are no more.

    Args:
        requests: where they are read.
        answers: where answers are written.
        complaints: what the decoder has to say about damage comes to be here.
    """
    for line in requests:
        request = json.loads(line)
        data = requests.read(request.pop("size"))
        complaints.seek(0)
        complaints.truncate()
        try:
            coded = zlib.compress(_decoded(data, **request))
            answer: dict[str, Any] = {"size": len(coded), "damaged": os.fstat(complaints.fileno()).st_size > 0}
        except (MemoryError, Image.DecompressionBombError):
            coded, answer = b"", {"error": "memory"}
        except Exception as error:  # Pillow raises what it likes
            coded, answer = b"", {"error": str(error)}
        answers.write(json.dumps(answer).encode() + b"\n" + coded)
        answers.flush()


def _decoded(data: bytes, compression: int, options: int, width: int, rows: int) -> bytes:
    """The pixels of a strip, a bit each, rows filled up to whole bytes with zeros."""
    with TiffImageFile(io.BytesIO(_file(data, compression, options, width, rows))) as image:
        return image.tobytes()


def _file(data: bytes, compression: int, options: int, width: int, rows: int) -> bytes:
    """A strip as a TIFF file of its own, in which 0 is black: so bits come out as they are, whatever they stand for."""
    tags = {
        256: width, 257: rows, 258: 1, 259: compression, 262: 1, 273: 0, 277: 1, 278: rows, 279: len(data),
        **({_OPTIONS[compression]: options} if compression in _OPTIONS else {}),
    }  # fmt: skip
    size = 8 + 2 + 12 * len(tags) + 4
    tags[273] = size
    entries = (struct.pack("<HHII", tag, _LONG, 1, number) for tag, number in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(entries) + bytes(4) + data


def _limit(seconds: int) -> None:
    """Limit memory and processor time, where the system can, and what may be written to files: complaints alone are."""
    with suppress(ImportError):
        import resource  # noqa: PLC0415 -- not on Windows

        usage = resource.getrusage(resource.RUSAGE_SELF)
        time = int(usage.ru_utime + usage.ru_stime) + seconds
        for kind, value in (
            (resource.RLIMIT_DATA, MEMORY), (resource.RLIMIT_CPU, time),
            (resource.RLIMIT_FSIZE, _COMPLAINTS), (resource.RLIMIT_CORE, 0),
        ):  # fmt: skip
            with suppress(OSError, ValueError):  # one that cannot be set does not stop the others
                _, hard = resource.getrlimit(kind)
                resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _nameless() -> BinaryIO:
    """A file without a name, in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("cloak"), "r+b")
    import tempfile  # noqa: PLC0415 -- a tenth of the time that starting takes

    return cast("BinaryIO", tempfile.TemporaryFile())


def main() -> None:
    """Serve the process that started this one.

    The arguments are where modules are found, and how many seconds of a processor there are.
    """
    _limit(int(sys.argv[-1]))
    Image.MAX_IMAGE_PIXELS = None  # whoever asks has counted them
    complaints = _nameless()
    os.dup2(complaints.fileno(), 2)
    serve(sys.stdin.buffer, sys.stdout.buffer, complaints)


if __name__ == "__main__":
    main()
