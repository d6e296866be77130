"""Ctrl-C, and what the system sends to end a program: once to stop in good order, twice to leave at once."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

SHOW_CURSOR = b"\x1b[?25h\n"
"""The progress bar hides it."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """Set an event at the first signal, and leave at the second: no file is half written then, either.

    What is being written has no name yet (`cloak.files`), and the manifest undoes what was not complete. Only where
    files cannot be nameless may a ``.cloak-*.part`` stay behind.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are for the main thread
        return

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 -- the system's interface
        if stop.is_set():
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), SHOW_CURSOR)
            os._exit(128 + number)
        stop.set()
        if sys.stderr.isatty():
            click.echo("Stopping: what is nearly done is finished. Once more leaves at once.", err=True)

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
