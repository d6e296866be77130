"""A job and its photos, as they are held in memory."""

import time
from dataclasses import dataclass, field
from typing import Any

from cloak.web.errors import not_found
from cloak.web.memory import Held
from cloak.web.tasks import Task


@dataclass(eq=False, kw_only=True)
class Photo:
    """One photo of a job.

    Attributes:
        id: of it.
        name: what it is called, as text.
        original: the file as it came.
        inspection: what it would give away, as JSON.
        held: its bytes, counted.
        written: the protected file.
        target: what that is called.
        outcome: what became of it, as JSON.
        failed: whether the last run on it failed.
        task: what is done to it now.
        upload: what became of its upload, as JSON.
    """

    id: str
    name: str
    original: bytes = field(repr=False)
    inspection: dict[str, Any] = field(repr=False)
    held: Held
    written: bytes = field(default=b"", repr=False)
    written_held: Held | None = None
    target: str = ""
    outcome: dict[str, Any] | None = None
    failed: bool = False
    task: Task | None = None
    upload: dict[str, Any] | None = None

    @property
    def state(self) -> str:
        """ready, queued, working, done or failed."""
        if self.task is not None:
            return "queued" if self.task.begun is None else "working"
        return "failed" if self.failed else "done" if self.written else "ready"

    @property
    def faces(self) -> list[dict[str, Any]]:
        """Its faces, as JSON."""
        return list(self.inspection["faces"])

    @property
    def busy(self) -> bool:
        """Whether something is being done about it."""
        return self.task is not None or (self.upload or {}).get("state") in {"queued", "working"}

    def forget(self) -> None:
        """Let go of all that is held."""
        self.drop()
        self.held.release()
        self.original = b""

    def drop(self) -> None:
        """Let go of the protected file."""
        self.written, self.outcome, self.failed, self.upload = b"", None, False, None
        if self.written_held:
            self.written_held.release()
            self.written_held = None


@dataclass(eq=False, kw_only=True)
class JobState:
    """A job: photos that belong together.

    Attributes:
        id: of it; whoever knows it and the token may use it.
        photos: by their ids, in the order in which they came.
        used: when it was last asked for, by the monotonic clock.
        coming: photos that are being sent, or in another request's hands.
    """

    id: str
    photos: dict[str, Photo] = field(default_factory=dict)
    used: float = field(default_factory=time.monotonic)
    coming: int = 0
    started: bool = False

    @property
    def busy(self) -> bool:
        """Whether something is being done."""
        return any(photo.busy for photo in self.photos.values())

    @property
    def state(self) -> str:
        """open, working or done."""
        if any(photo.task for photo in self.photos.values()):
            return "working"
        return "done" if self.started else "open"

    def photo(self, identity: str) -> Photo:
        """Return a photo.

        Raises:
            RefusedError: there is none of that id.
        """
        if identity not in self.photos:
            raise not_found("photo")
        return self.photos[identity]
