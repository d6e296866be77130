"""How far a run is, on the terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class _Rate(ProgressColumn):
    """Photos a second, or seconds a photo where that is easier to read."""

    def render(self, task: Task) -> Text:
        speed = task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.1f} photos/s" if speed >= 1 else f"{1 / speed:.0f} s a photo")


@contextmanager
def progress(total: int, *, quiet: bool = False, label: str = "Protecting") -> Iterator[Callable[[], None]]:
    """Show a bar on stderr, with rate and time left, if that is a terminal; yield what to call after each photo."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    shown = console.is_terminal and not quiet
    # Lines on stdout go through the bar only where both share the terminal: piped results stay on stdout.
    with Progress(
        *columns, console=console, transient=True, disable=not shown, redirect_stdout=sys.stdout.isatty()
    ) as bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)
