"""What is known of the person whom `--protect me` and `--protect except` are about: embeddings, and nothing else."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from cloak.errors import ReferencesError, ShapeError
from cloak.models import artifact

RECOGNISER = "sface"
"""Who tells people apart; `cloak.faces.people` says why it is this one."""

START_AGAIN = "start again with `--me FOLDER`, or remove them with `cloak me forget`"
"""What to do about references that cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """One person's face in several photos, as a recogniser sees it. No pixels, no names, no paths.

    Attributes:
        embeddings: float32 (N, D), L2-normalised, one of each photo.
        recogniser: which weights made them, see `fingerprint`.
        added: when.
    """

    embeddings: npt.NDArray[np.float32]
    recogniser: str
    added: date

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2 or 0 in self.embeddings.shape or self.embeddings.dtype != np.float32:
            raise ShapeError(f"embeddings must be float32 (N, D), got {self.embeddings.dtype} {self.embeddings.shape}")

    def __len__(self) -> int:
        return len(self.embeddings)

    def check(self) -> None:
        """Refuse references that the recogniser of this version did not make: their numbers mean something else.

        Raises:
            ReferencesError: they are of another one.
        """
        if self.recogniser != fingerprint():
            raise ReferencesError(
                f"the reference photos were learned with the recogniser {self.recogniser}, and this version uses "
                f"{fingerprint()}: {START_AGAIN}"
            )


def fingerprint() -> str:
    """Return name, hash and revision of the weights that make references today."""
    made_with = artifact(RECOGNISER)
    return f"{made_with.name}-{made_with.sha256[:16]}-r{made_with.revision}"
