"""Protected photos as `cloak protect` writes them, kept by content and configuration: a run that stopped goes on."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cloak.album import REVISION
from cloak.cloaker import Cloaker
from cloak.config import ProtectConfig
from cloak.evaluation.dataset import PhotoFile
from cloak.files import write
from cloak.models import artifact, surrogates
from cloak.outcome import Outcome, Status
from cloak.pipeline import protect
from cloak.targets import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Worn:
    """What became of a photo that was to be protected.

    Attributes:
        file: the written file; None after a failure.
        faces: how many were cloaked in it.
        reason: why it failed.
    """

    file: Path | None
    faces: int = 0
    reason: str = ""


class Wardrobe:
    """Protects photos, and keeps them.

    Args:
        folder: to keep them in.
        config: how to protect them.
    """

    def __init__(self, folder: Path, config: ProtectConfig) -> None:
        self._config = config
        weights = [artifact(name).sha256 for name in surrogates(config.weights)]
        parts = (version("photo-cloak"), REVISION, config.attack, config.faces, config.batch, weights)
        self.key = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
        self._folder = folder / self.key

    def waiting(self, photos: Sequence[PhotoFile]) -> list[PhotoFile]:
        """Return those that are not protected yet."""
        return [photo for photo in photos if not self._note(photo).exists()]

    def protect(self, photos: Sequence[PhotoFile], advance: Callable[[], None] = lambda: None) -> dict[str, Worn]:
        """Protect photos that are not yet, and return all of them by their digests.

        Args:
            photos: to protect.
            advance: called after each that was `waiting`.

        Raises:
            CloakError: something that concerns all photos.
        """
        waiting = self.waiting(photos)
        failed = {}
        jobs = [Job(source=photo.path, target=self._target(photo)) for photo in waiting]
        cloaker = Cloaker(self._config)
        with closing(protect(jobs, self._config, cloaker=cloaker)) as outcomes:
            for photo, outcome in zip(waiting, outcomes, strict=True):
                if outcome.status is Status.FAILED:
                    failed[photo.digest] = Worn(file=None, reason=outcome.reason)
                else:
                    self._keep(photo, outcome)
                advance()
        return {photo.digest: failed.get(photo.digest) or self._kept(photo) for photo in photos}

    def _target(self, photo: PhotoFile) -> Path:
        return self._folder / f"{photo.digest[:32]}{photo.path.suffix.lower()}"

    def _note(self, photo: PhotoFile) -> Path:
        return self._folder / f"{photo.digest[:32]}.json"

    def _keep(self, photo: PhotoFile, outcome: Outcome) -> None:
        told = {"file": self._target(photo).name, "faces": len(outcome.faces)}
        # Last: a note is there only if the file is.
        write(self._note(photo), json.dumps(told).encode(), overwrite=True)

    def _kept(self, photo: PhotoFile) -> Worn:
        told = json.loads(self._note(photo).read_text(encoding="utf-8"))
        return Worn(file=self._folder / told["file"], faces=told["faces"])
