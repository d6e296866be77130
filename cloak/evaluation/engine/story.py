"""What a simulation found, person by person and in sum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloak.evaluation.engine.crowd import Crowd
from cloak.evaluation.engine.gallery import Hit
from cloak.evaluation.engine.threshold import Threshold
from cloak.evaluation.statistics import Estimate, difference, estimate

SHOWN = 5
"""Hits of each search that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What one search came to.

    Attributes:
        hits: the first ones, best first.
        rank: of the first face on the right person's page; None where it is not among those looked at.
        score: of it; None likewise.
        threshold: cosine from which on the engine says "the same person".
        own: all hits on the right person's page, best first.
    """

    hits: tuple[Hit, ...]
    rank: int | None
    score: float | None
    threshold: float
    own: tuple[Hit, ...] = ()

    @property
    def first(self) -> bool:
        """Whether the first hit is on the right page."""
        return self.rank == 1

    @property
    def over(self) -> bool:
        """Whether the right page is over the threshold, at whatever rank."""
        return self.score is not None and self.score >= self.threshold

    @property
    def named(self) -> bool:
        """Whether the engine names the person: the first hit is right, and over the threshold."""
        return self.first and self.over

    @property
    def mistaken(self) -> bool:
        """Whether the engine names somebody else: the first hit is wrong, and over the threshold."""
        return bool(self.hits) and not self.first and self.hits[0].score >= self.threshold

    def learnt(self, what: str) -> tuple[str, ...]:
        """Return what a searcher learns from the right hits over the threshold, where the engine names the person.

        Args:
            what: "page" for the names of pages, else a field of `Told`: "title", "date", "place", "people".
        """
        hits = [hit for hit in self.own if hit.score >= self.threshold] if self.named else []
        sources = [hit.sources[0] for hit in hits]
        values = [source.page if what == "page" else getattr(source.told, what) for source in sources]
        return tuple(dict.fromkeys(value for value in values if value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One person's story.

    Attributes:
        name: of the person.
        probe: a small JPEG of the face that was searched for.
        photos: how many are public.
        before: the search among profiles as they are.
        after: the search among protected ones.
    """

    name: str
    probe: bytes
    photos: int
    before: Search
    after: Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a simulation found.

    Attributes:
        chapters: one a person.
        faces: in the index before, and after.
        uncloaked: public photos in which nothing was found to cloak.
        excluded: why photos were left out, and how many.
        copies: photos that were found under several names.
        failed: paths of photos that could not be protected, and why.
        recogniser: what the engine embeds with.
        surrogate: whether cloaks were made against it.
        finder: what the engine detects with.
        threshold: from which on it says "the same person".
        strength: of the cloaks.
        weights: which surrogates they were made against.
        seed: of every random draw.
        crowd: made-up strangers, if there were any.
    """

    chapters: Sequence[Chapter]
    faces: tuple[int, int]
    uncloaked: int
    excluded: Mapping[str, int]
    copies: int
    failed: Sequence[tuple[str, str]]
    recogniser: str
    surrogate: bool
    finder: str
    threshold: Threshold
    strength: str
    weights: str
    seed: int
    crowd: Crowd | None = None

    @property
    def photos(self) -> int:
        """How many photos are public."""
        return sum(chapter.photos for chapter in self.chapters)

    def share(self, what: str, when: str) -> Estimate:
        """Return the share of people of whom something holds, with its interval.

        Args:
            what: a property of `Search`: "first", "over", "named" or "mistaken".
            when: "before" or "after".
        """
        return estimate(self._values(what, when), seed=self.seed)

    def change(self, what: str) -> Estimate:
        """Return after minus before, person by person, with its interval."""
        return difference(self._values(what, "after"), self._values(what, "before"), seed=self.seed)

    def count(self, what: str, when: str) -> int:
        """Return of how many people something holds; see `share`."""
        return round(sum(self._values(what, when)))

    def learnt(self, what: str, when: str) -> int:
        """Return of how many people the engine tells this; see `Search.learnt`."""
        return sum(bool(getattr(chapter, when).learnt(what)) for chapter in self.chapters)

    def _values(self, what: str, when: str) -> list[float]:
        return [float(getattr(getattr(chapter, when), what)) for chapter in self.chapters]
