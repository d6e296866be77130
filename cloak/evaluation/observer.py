"""See written files as an engine does: read, suffer a condition, detect, align, embed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

from cloak.evaluation.conditions import CONDITIONS, NONE, VERSION
from cloak.evaluation.dataset import PhotoFile
from cloak.evaluation.finders import Finder, crop
from cloak.evaluation.store import Store
from cloak.evaluation.victims import FaceCrop, Victim
from cloak.faces.central import central
from cloak.image.codec import decode

_TOGETHER = 16


@dataclass(frozen=True, slots=True)
class Seen:
    """What a victim makes of files.

    Attributes:
        vectors: float32 (N, D), L2-normalised; zeros where no face was found.
        found: bool (N,).
    """

    vectors: torch.Tensor
    found: torch.Tensor

    def __getitem__(self, rows: slice) -> "Seen":
        return Seen(self.vectors[rows], self.found[rows])

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def present(self) -> torch.Tensor:
        """The vectors of files in which a face was found, float32 (M, D)."""
        return self.vectors[self.found]


class Observer:
    """Embeds files, and remembers.

    Args:
        finder: detects and aligns.
        store: what was seen before.
        advance: called after each file under each condition.
    """

    def __init__(self, finder: Finder, store: Store, *, advance: Callable[[], None] = lambda: None) -> None:
        self._finder = finder
        self._store = store
        self._advance = advance

    def observe(self, files: Iterable[PhotoFile], victims: Sequence[Victim], condition: str) -> None:
        """Make sure that `recall` knows files under a condition, for victims."""
        view = self._view(condition)
        waiting: list[tuple[PhotoFile, FaceCrop]] = []
        for file in dict.fromkeys(files):
            if any(self._store.get(file.digest, view, victim.key) is None for victim in victims):
                waiting += self._seen(file, condition, victims)
            if len(waiting) == _TOGETHER:
                self._embed(waiting, view, victims)
                waiting = []
            self._advance()
        self._embed(waiting, view, victims)

    def recall(self, files: Sequence[PhotoFile], victim: Victim, condition: str) -> Seen:
        """Return what a victim makes of files, observing those it has not seen."""
        self.observe([file for file in files if self._known(file, victim, condition) is None], [victim], condition)
        rows = [self._known(file, victim, condition) for file in files]
        found = torch.tensor([row is not None and len(row) > 0 for row in rows], dtype=torch.bool)
        vectors = torch.zeros(len(files), victim.dim)
        for number, row in enumerate(rows):
            if row is not None and len(row):
                vectors[number] = row
        return Seen(vectors, found)

    def _known(self, file: PhotoFile, victim: Victim, condition: str) -> torch.Tensor | None:
        return self._store.get(file.digest, self._view(condition), victim.key)

    def _view(self, condition: str) -> str:
        return f"{self._finder.key}/{condition}/{VERSION}"

    def look(self, file: PhotoFile, condition: str = NONE) -> FaceCrop | None:
        """Return the face that an engine takes for the person's, if it finds one."""
        pixels = CONDITIONS[condition](decode(file.bytes()).pixels)
        face = central(self._finder.find(pixels), pixels)
        return None if face is None else crop(pixels, face)

    def _seen(self, file: PhotoFile, condition: str, victims: Sequence[Victim]) -> list[tuple[PhotoFile, FaceCrop]]:
        face = self.look(file, condition)
        if face is not None:
            return [(file, face)]
        view = self._view(condition)
        self._store.put((file.digest, view, victim.key, torch.zeros(0)) for victim in victims)
        return []

    def _embed(self, faces: Sequence[tuple[PhotoFile, FaceCrop]], view: str, victims: Sequence[Victim]) -> None:
        crops = [face for _, face in faces]
        for victim in victims if faces else ():
            vectors = victim.embed(crops)
            self._store.put((file.digest, view, victim.key, row) for (file, _), row in zip(faces, vectors, strict=True))
