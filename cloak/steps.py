"""What is done to a photo, as `cloak.schedule` sees it: a photo under way, and the steps that it takes."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import torch

from cloak.batching import Row
from cloak.errors import PhotoError
from cloak.outcome import Outcome
from cloak.photo import FaceBatch, Photo
from cloak.selection import Chosen
from cloak.targets import Job

_Opened = TypeVar("_Opened")


class StoppedError(Exception):
    """What was being worked on was given up."""


@dataclass(slots=True, eq=False)
class Begun:
    """A photo under way.

    Attributes:
        job: where it came from and goes.
        photo: the original.
        chosen: its faces.
        canvas: the photo that cloaks are put on: the original, bystanders blurred.
        parts: the faces to cloak, by frame size.
        deltas: float32 (N, 3, S, S) for each part; complete when `todo` is 0.
        todo: faces without a delta.
        failed: whether there will be none.
        outcome: what becomes of it.
    """

    job: Job
    photo: Photo
    chosen: Chosen
    canvas: Photo
    parts: Sequence[FaceBatch]
    deltas: Sequence[torch.Tensor]
    todo: int
    failed: bool = False
    outcome: "Future[Outcome]" = field(default_factory=Future)


class Steps(Protocol[_Opened]):
    """What is done to a photo; called from several threads at once."""

    def open(self, job: Job) -> _Opened | Outcome:
        """Read and decode a photo; an outcome if nothing more is to be done. It may take as long as it likes."""
        ...

    def begin(self, opened: _Opened | Outcome) -> Begun | Outcome:
        """Find the faces of a photo; an outcome if nothing more is to be done, or if it was one already."""
        ...

    def search(self, group: Sequence[Row[Begun]]) -> None:
        """Fill in the deltas of some faces; PhotoError ends their photos, StoppedError all."""
        ...

    def finish(self, begun: Begun) -> Outcome:
        """Make a file of a photo and its deltas, and hand it over."""
        ...

    def fail(self, job: Job, error: PhotoError) -> Outcome:
        """Say that a photo failed."""
        ...

    def give_up(self) -> None:
        """Have `open` end soon, with whatever error: nothing more will become of photos that are being opened."""
        ...
