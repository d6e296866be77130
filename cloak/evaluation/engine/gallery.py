"""Search among the faces of an index's file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from cloak.evaluation.engine import vectors
from cloak.evaluation.engine.database import Database, Floats, Source
from cloak.evaluation.engine.profiles import title_of

_CHUNK = 50_000
_CANDIDATES = 64
"""Faces that are scored exactly, at least: the search structure only says which ones."""

_REGROWN = 2
"""The cells are computed anew when there are so many times the faces that they were computed for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A face that is similar to the one that was searched for.

    Attributes:
        score: cosine in [-1, 1].
        face: its number in the index; 0 for a stranger that was made up for this search.
        sources: where it was found, the oldest place first.
        thumbnail: a small JPEG.
    """

    score: float
    face: int = 0
    sources: tuple[Source, ...] = ()
    thumbnail: bytes = b""

    @property
    def made_up(self) -> bool:
        """Whether it is one of the strangers that were made up: it is nowhere, and there is no picture of it."""
        return not self.sources

    @property
    def similarity(self) -> str:
        """Its score for people, without a sign that rounding left over."""
        return f"{round(self.score, 2) + 0.0:.2f}"

    @property
    def page(self) -> str:
        """The page that it was found on first."""
        return self.sources[0].page if self.sources else ""

    @property
    def title(self) -> str:
        """What a searcher reads first: the photo's title, or the page's."""
        return (self.sources[0].told.title or title_of(self.page)) if self.sources else ""


class Gallery:
    """The faces of a database, ready to be searched.

    Args:
        database: where they are.

    Raises:
        MissingExtraError: faiss is not installed.
    """

    def __init__(self, database: Database) -> None:
        vectors.check()
        self.database = database
        self._vectors: vectors.Faiss = None

    def __len__(self) -> int:
        """How many faces there are."""
        return self.database.count("faces")

    def add_strangers(self, chunks: Iterable[torch.Tensor]) -> None:
        """Add made-up strangers, float32 (n, D) each, L2-normalised; every hit tells that it is one."""
        for chunk in chunks:
            self.database.add_strangers(chunk.numpy())

    def finish(self) -> None:
        """Bring the search structure up to date and keep it. A search does without, but takes longer to start."""
        count = len(self)
        if count <= vectors.FLAT_MOST:
            return
        trained_on = int(self.database.settings.get("trained_on", 0))
        index = None if count > _REGROWN * trained_on else self._kept()
        if index is None:
            index, trained_on = vectors.cells(self._sample(count), count), count
        if index.ntotal < count:
            vectors.add(index, self._chunks(index.ntotal, count))
            self.database.keep_index(vectors.packed(index), trained_on)
        self._vectors = index

    def search(self, probes: torch.Tensor, top: int = 10) -> list[list[tuple[int, float]]]:
        """Return the faces most similar to each probe, and how similar they are, exactly; best first.

        Args:
            probes: float32 (M, D), L2-normalised.
            top: how many for each, at most.
        """
        count = len(self)
        if not count:
            return [[] for _ in probes]
        found = vectors.search(self._ready(count), probes.numpy(), min(count, max(top, _CANDIDATES)))
        ranked = []
        for probe, positions in zip(probes, found, strict=True):
            candidates = [int(position) for position in positions if position >= 0]
            scores = torch.from_numpy(self.database.chosen(candidates)) @ probe
            order = scores.argsort(descending=True, stable=True)[:top].tolist()
            ranked.append([(candidates[place] + 1, float(scores[place])) for place in order])
        return ranked

    def hit(self, face: int, score: float) -> Hit:
        """Look up a face by its number."""
        sources = tuple(self.database.sources(face))
        return Hit(score=score, face=face, sources=sources, thumbnail=self.database.thumbnail(face))

    def one_of_each_page(self) -> torch.Tensor:
        """Return the embedding of one face of each page, float32 (N, D): different people, mostly."""
        first: dict[str, int] = {}
        for face, page in self.database.pages().items():
            first.setdefault(page, face - 1)
        return torch.from_numpy(self.database.chosen(first.values()))

    def _ready(self, count: int) -> vectors.Faiss:
        if self._vectors is None or self._vectors.ntotal < count:
            index = self._kept() if count > vectors.FLAT_MOST else None
            if index is None:
                index = vectors.flat(self.database.embeddings(0, 1).shape[1])
            self._vectors = vectors.add(index, self._chunks(index.ntotal, count))
        return self._vectors

    def _kept(self) -> vectors.Faiss | None:
        data = self.database.kept_index()
        return None if data is None else vectors.unpacked(data)

    def _chunks(self, start: int, end: int) -> Iterator[Floats]:
        for first in range(start, end, _CHUNK):
            yield self.database.embeddings(first, min(end, first + _CHUNK))

    def _sample(self, count: int) -> Floats:
        chosen = torch.randperm(count, generator=torch.Generator().manual_seed(0))[: vectors.sample_size(count)]
        return self.database.chosen(chosen.sort().values.tolist())
