"""How far a run is, on the terminal."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

_NAME = 32
"""Letters of a file's name beside its bar."""


class _Amount(ProgressColumn):
    """How many photos, or how much of one."""

    def render(self, task: Task) -> Text:
        if task.fields.get("bytes"):
            return Text(f"{decimal(int(task.completed))} of {decimal(int(task.total or 0))}", style="progress.download")
        return Text(f"{int(task.completed)}/{int(task.total or 0)}", style="progress.download")


class _Rate(ProgressColumn):
    """Photos a second, or seconds a photo where that is easier to read; bytes a second of a file."""

    def render(self, task: Task) -> Text:
        speed = task.speed
        if not speed:
            return Text("")
        if task.fields.get("bytes"):
            return Text(f"{decimal(int(speed))}/s")
        return Text(f"{speed:.1f} photos/s" if speed >= 1 else f"{1 / speed:.0f} s a photo")


class Bar:
    """The bar over all photos, and below it that of the file that is on its way; call it after each photo."""

    def __init__(self, bar: Progress, label: str, total: int) -> None:
        self._bar = bar
        self._all = bar.add_task(label, total=total)
        self._file: TaskID | None = None
        self._sent = 0

    def __call__(self) -> None:
        """One more photo is done, and with it the file that was on its way."""
        if self._file is not None:
            self._bar.remove_task(self._file)
            self._file, self._sent = None, 0
        self._bar.advance(self._all)

    def sent(self, name: str, done: int, size: int) -> None:
        """Say how far a file is; a number that is smaller than before begins it anew.

        Args:
            name: what to call it.
            done: bytes that have left.
            size: of the file, in bytes.
        """
        label = name if len(name) <= _NAME else f"...{name[3 - _NAME :]}"
        if self._file is None:
            self._file = self._bar.add_task(label, total=size, completed=done, bytes=True)
            self._bar.refresh()  # small files would be gone before the next time
        elif done < self._sent:
            self._bar.reset(self._file, total=size, completed=done)
        else:
            self._bar.update(self._file, completed=done)
        self._sent = done


class _Above(io.TextIOBase):
    """Stands for stdout or stderr while there is a bar: whole lines appear above it.

    Rich has the like, but without an encoding, and so click writes past it, to the end of the bar's own line.
    """

    def __init__(self, console: Console, stream: TextIO) -> None:
        self._console = console
        self._stream = stream
        self._line = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute upstream
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._stream.errors

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:  # not wrapped: an address must stay in one piece
            self._console.print(Text(line), soft_wrap=True, highlight=False)
        return len(text)

    def finish(self) -> None:
        """Write what is left of a line without an end."""
        self._stream.write(self._line)
        self._stream.flush()


@contextmanager
def progress(total: int, *, quiet: bool = False, label: str = "Protecting") -> Iterator[Bar]:
    """Show a bar on stderr, with rate and time left, if that is a terminal.

    What is printed meanwhile appears above it, also on stdout where that is the same terminal; results that are piped
    stay on stdout.
    """
    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        _Amount(),
        _Rate(),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    shown = console.is_terminal and not quiet
    with Progress(
        *columns, console=console, transient=True, disable=not shown, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        made = Bar(bar, label, total)
        if not shown:
            yield made
            return
        with _lines_above(console):
            yield made


@contextmanager
def _lines_above(console: Console) -> Iterator[None]:
    before = sys.stdout, sys.stderr
    error = _Above(console, sys.stderr)
    output = _Above(console, sys.stdout) if _same_terminal(sys.stdout, sys.stderr) else None
    sys.stderr = error
    if output:
        sys.stdout = output
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for each in filter(None, (output, error)):
            each.finish()


def _same_terminal(one: TextIO, other: TextIO) -> bool:
    try:
        return one.isatty() and os.fstat(one.fileno()).st_rdev == os.fstat(other.fileno()).st_rdev
    except (OSError, ValueError):
        return False
