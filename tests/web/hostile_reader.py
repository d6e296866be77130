"""A reader that files take down, as one with a bug would be, or make lie; run by processes that the tests start."""

import ctypes
import io
import json
import os
import time

from cloak.web import reader

SAYS = b"says "
"""What a file begins with to have the rest told in place of an answer: a line, a zero, and what goes through memory."""

_serve = reader.serve


def answer(line, content=b""):
    """A file that is answered with this line and this content."""
    return SAYS + line + b"\0" + content


def told(text, size=0):
    """A file that is answered with this text, and so many bytes that are not there."""
    return answer(b"[%d, %d]" % (len(text), size), text)


def misled(read):
    """What reads a file, or goes wrong as the file says."""

    def reading(data, *rest):
        if b"segfault" in data:
            ctypes.string_at(0)
        if b"bomb" in data:  # never touched: without a limit it is harmless, and then no error
            return [bytes(1 << 27) for _ in range(200)]
        if b"exits" in data:
            raise SystemExit(3)
        while b"endless" in data:
            pass
        if b"asleep" in data:
            time.sleep(1000)
        if b"drowsy" in data:
            time.sleep(2)
        return read(data, *rest)

    return reading


def serve(requests, answers, shared):
    for line in requests:
        said, _, content = os.pread(shared, json.loads(line)["size"], 0).partition(b"\0")
        if said.startswith(SAYS):
            os.ftruncate(shared, 0)
            os.pwrite(shared, content, 0)
            answers.write(said.removeprefix(SAYS) + b"\n")
            answers.flush()
        else:
            _serve(io.BytesIO(line), answers, shared)


def main():
    if "LEAVES_AT_ONCE" in os.environ:
        return
    for name in ("inspect_bytes", "Memory", "scan"):  # what is given the file first
        setattr(reader, name, misled(getattr(reader, name)))
    reader.serve = serve
    reader.main()
