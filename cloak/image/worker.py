"""The process in which photos are decoded for `cloak.decoding.Decoder`: if one takes it down, nothing else falls.

It gets requests as lines of JSON on its standard input, the content of files through a file that both processes have
open, and answers with lines of JSON on its standard output, pixels through that file again. It imports no PyTorch. It
ends when its standard input does: with the process that started it, however that ended.
"""

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from cloak.errors import PhotoError
from cloak.image import raster

_BASE = 1 << 30
_BYTES_PER_PIXEL = 32
"""Enough for a photo of 16 bits and alpha, its 32-bit intermediate, its 8-bit and its upright copy."""


def serve(requests: BinaryIO, answers: BinaryIO, shared: int) -> None:
    """Answer requests until there are no more.

    Args:
        requests: where they are read.
        answers: where answers are written.
        shared: descriptor of the file that content and pixels go through.
    """
    for line in requests:
        request = json.loads(line)
        limit(request["max_pixels"], request["seconds"])
        with os.fdopen(os.dup(shared), "r+b") as file:
            answer = _answer(file, request["size"], request["max_pixels"])
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def limit(max_pixels: int, seconds: int) -> None:
    """Limit memory and processor time of this process, where the system can; a crash leaves no photo in a core file."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 -- not on Windows

        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        most = min(_BASE + _BYTES_PER_PIXEL * max_pixels, memory * 3 // 4)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        time = int(usage.ru_utime + usage.ru_stime) + seconds
        # Not RLIMIT_AS: threads of decoders reserve address space that they never use.
        for kind, value in ((resource.RLIMIT_DATA, most), (resource.RLIMIT_CPU, time), (resource.RLIMIT_CORE, 0)):
            with suppress(OSError, ValueError):  # one that cannot be set does not stop the others
                _, hard = resource.getrlimit(kind)
                resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _answer(file: BinaryIO, size: int, max_pixels: int) -> dict[str, Any]:
    file.seek(0)
    try:
        read = raster.read(file.read(size), max_pixels=max_pixels)
    except PhotoError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        return {"error": "TooLargeError", "message": "not enough memory to decode it: make the photo smaller"}
    planes = [read.pixels] if read.alpha is None else [read.pixels, read.alpha]
    file.seek(0)
    file.truncate()
    for plane in planes:
        file.write(plane.data.cast("B"))
    return {
        "shape": read.pixels.shape[1:],
        "alpha": read.alpha is not None,
        "space": read.space,
        "encoding": asdict(read.encoding),
        "found": read.found,
    }


def main() -> None:
    """Serve the process that started this one; the last argument is the descriptor of the shared file."""
    with suppress(OSError):  # if memory runs out, this process is to go, not the one that started it
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # decoders may print
    serve(sys.stdin.buffer, answers, int(sys.argv[-1]))


if __name__ == "__main__":
    main()
