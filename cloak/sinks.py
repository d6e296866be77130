"""Where protected photos go: into files, or wherever a subclass puts them."""

from cloak import files
from cloak.outcome import Outcome
from cloak.targets import Job


class Sink:
    """Takes photos from `cloak.pipeline.protect`. Its methods are called from several threads at once.

    Subclass it and give it a `take`: an HTTP response, an upload, a dictionary.
    """

    def refuse(self, job: Job) -> None:
        """Stop before the original is even read what `take` would refuse.

        Raises:
            PhotoError: this photo cannot be taken; the others can.
        """

    def admit(self, job: Job, original: bytes) -> Job | Outcome:  # noqa: ARG002 -- for subclasses
        """Say what is to be done with an original: the job, perhaps with another target, or what has long been done.

        Args:
            job: what was asked for.
            original: the content of its source.
        """
        return job

    def take(self, job: Job, data: bytes, outcome: Outcome) -> None:
        """Take a protected photo.

        Args:
            job: what `admit` returned.
            data: the file's content.
            outcome: the verdict on it.

        Raises:
            PhotoError: it cannot be kept; nothing was left behind.
        """
        raise NotImplementedError

    def failed(self, job: Job, outcome: Outcome) -> None:
        """Take note that there will be nothing to take."""


class Files(Sink):
    """Writes each photo to the target of its job, whole or not at all.

    Args:
        overwrite: replace files that are already there.
    """

    def __init__(self, *, overwrite: bool = False) -> None:
        self._overwrite = overwrite

    def refuse(self, job: Job) -> None:
        """Refuse a target that is there already."""
        files.refuse_existing(job.target, overwrite=self._overwrite)

    def take(self, job: Job, data: bytes, outcome: Outcome) -> None:  # noqa: ARG002
        """Write the file."""
        files.write(job.target, data, overwrite=self._overwrite)
