"""A command in a terminal of its own, and what a person sees there."""

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Sequence
from pathlib import Path

_PIECE = re.compile(r"\x1b\[(\?25[lh]|[0-9;]*[A-Za-z])|\r\n|\r|\n|[^\x1b\r\n]+")


class Screen:
    """Understands as much of a terminal as a progress bar uses; a line never wraps, so it has to be wide.

    Attributes:
        lines: from top to bottom.
        pictures: the lines each time before some are erased: what could have been read in between.
    """

    def __init__(self) -> None:
        self.lines = [""]
        self.pictures: list[list[str]] = []
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        position = 0
        while position < len(text):
            piece = _PIECE.match(text, position)
            assert piece, f"not understood: {text[position : position + 20]!r}"
            position = piece.end()
            if piece[1]:
                self._control(piece[1])
            elif piece[0] in {"\r\n", "\n", "\r"}:
                self._column = 0  # the terminal itself puts a return before each new line
                self._down(piece[0].count("\n"))
            else:
                self._print(piece[0])

    def _down(self, rows: int) -> None:
        self._row += rows
        while len(self.lines) <= self._row:
            self.lines.append("")

    def _control(self, code: str) -> None:
        number, kind = int(re.match(r"\d*", code)[0] or 1), code[-1]  # type: ignore[index]  # matches anything
        if kind == "A":
            self._row -= number
        elif kind == "K":
            assert code == "2K"
            self.pictures.append(list(self.lines))
            self.lines[self._row] = ""
        else:
            assert kind in "mhl", f"not understood: {code}"

    def _print(self, text: str) -> None:
        line = self.lines[self._row].ljust(self._column)
        self.lines[self._row] = line[: self._column] + text + line[self._column + len(text) :]
        self._column += len(text)


def watched(command: Sequence[str], home: Path, *, width: int = 400) -> tuple[int, Screen]:
    """Run a command whose output, errors and input are one terminal; return its exit code and the screen."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm-256color", CLOAK_HOME=str(home), COLUMNS=str(width))
        os.environ.pop("NO_COLOR", None)
        os.execvp(command[0], command)  # noqa: S606 -- in the child, which is to become it
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    said = b""
    while True:
        try:
            some = os.read(terminal, 1 << 16)
        except OSError:  # Linux's word for the end
            break
        if not some:
            break
        said += some
    os.close(terminal)
    screen = Screen()
    screen.feed(said.decode())
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), screen
