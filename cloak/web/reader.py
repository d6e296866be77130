"""The process in which files are inspected and stripped for `cloak.web.readers`: our own parsers, apart and limited.

Requests come as lines of JSON on standard input, files through a file that both processes have open; answers go back
the same ways. It imports no PyTorch, and ends when its standard input does.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from cloak.errors import PhotoError, ResidueError
from cloak.image.scan import scan
from cloak.image.sniff import HEAD, recognise
from cloak.image.strip import plan
from cloak.image.strip.base import Memory
from cloak.image.worker import limit
from cloak.inspect import document, inspect_bytes

PIXELS = 1 << 24
"""Memory is limited as if photos of this many pixels were decoded: embedded pictures are."""


def _inspected(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    return document.photo(inspect_bytes(data, str(request["name"]))), b""


def _stripped(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:  # noqa: ARG001
    source = Memory(data)
    planned = plan(source)
    written = b"".join(planned.blocks(source))
    scan(written)
    told = {"removed": planned.removed, "kept": planned.kept, "notes": planned.notes}
    return {**told, "container": recognise(data[:HEAD])}, written


def _scanned(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:  # noqa: ARG001
    scan(data)
    return {}, b""


_WORK = {"inspect": _inspected, "strip": _stripped, "scan": _scanned}


def serve(requests: BinaryIO, answers: BinaryIO, shared: int) -> None:
    """Answer requests until there are no more.

    Args:
        requests: where they are read.
        answers: where answers are written: the lengths of what is in the shared file.
        shared: descriptor of the file that content goes through.
    """
    for line in requests:
        request = json.loads(line)
        limit(PIXELS, request["seconds"])
        with os.fdopen(os.dup(shared), "r+b") as file:
            file.seek(0)
            told, data = answer(file.read(request["size"]), request)
            text = json.dumps(told).encode()
            file.seek(0)
            file.truncate()
            file.write(text)
            file.write(data)
        answers.write(json.dumps([len(text), len(data)]).encode() + b"\n")
        answers.flush()


def answer(data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Do with a file what is asked for; return what is told of it, and another file."""
    try:
        return _WORK[request["what"]](data, request)
    except PhotoError as error:
        kind = "ResidueError" if isinstance(error, ResidueError) else type(error).__name__
        return {"error": kind, "message": str(error)}, b""
    except MemoryError:
        return {"error": "TooLargeError", "message": "not enough memory to read it: make the photo smaller"}, b""


def main() -> None:
    """Serve the process that started this one; the last argument is the descriptor of the shared file."""
    with suppress(OSError):  # if memory runs out, this process is to go, not the one that started it
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # decoders may print
    serve(sys.stdin.buffer, answers, int(sys.argv[-1]))
