"""Search for people in an index of their profiles, with made-up strangers among them."""

from collections.abc import Iterator, Sequence

import torch

from cloak.evaluation.engine.crowd import Crowd
from cloak.evaluation.engine.gallery import Gallery, Hit
from cloak.evaluation.engine.story import SHOWN, Search
from cloak.evaluation.engine.strangers import Strangers
from cloak.evaluation.engine.threshold import Threshold

RANKED = 200
"""Hits of each search that are looked at for the right person."""


def merged(hits: Sequence[Hit], strangers: torch.Tensor, most: int) -> tuple[Hit, ...]:
    """Put made-up strangers among hits, where their scores belong.

    Args:
        hits: best first.
        strangers: float32 (S,), their scores.
        most: hits to return.
    """
    made_up = [Hit(score=float(score)) for score in strangers[:most]]
    return tuple(sorted([*hits, *made_up], key=lambda hit: -hit.score)[:most])


def made_up(
    gallery: Gallery, probes: torch.Tensor, threshold: Threshold, *, number: int, most: int, seed: int
) -> tuple[torch.Tensor, Crowd]:
    """Make up strangers like the people of a gallery.

    Args:
        gallery: of people.
        probes: float32 (P, D), what is searched for.
        threshold: how similar real strangers are.
        number: how many.
        most: how many of them to return for each probe.
        seed: of the draw.

    Returns:
        float32 (P, at most `most`): the scores of those most like each probe, in falling order; and what to tell.

    Raises:
        DatasetError: there are too few people.
    """
    model = Strangers.fit(gallery.one_of_each_page(), probes, threshold.cosines)
    scores = model.most_alike(number, min(number, most), seed=seed)
    return scores, Crowd(number=number, people=model.people, misfit=model.misfit)


def searches(
    gallery: Gallery, names: Sequence[str], probes: torch.Tensor, strangers: torch.Tensor, threshold: float
) -> Iterator[Search]:
    """Search for each person.

    Args:
        gallery: where.
        names: the page of each person.
        probes: float32 (P, D).
        strangers: float32 (P, S), scores of the made-up strangers that are most like each probe, in falling order.
        threshold: cosine from which on the engine says "the same person".
    """
    for name, ranked, others in zip(names, gallery.search(probes, RANKED), strangers, strict=True):
        pages = [{source.page for source in gallery.database.sources(face)} for face, _ in ranked]
        places = [place for place, found in enumerate(pages) if name in found]
        score = ranked[places[0]][1] if places else None
        above = int((others > score).sum()) if score is not None else 0
        first = [gallery.hit(*one) for one in ranked[:SHOWN]]
        yield Search(
            hits=merged(first, others, SHOWN),
            rank=places[0] + above + 1 if places and above < RANKED else None,
            score=score,
            threshold=threshold,
            own=tuple(gallery.hit(*ranked[place]) for place in places),
        )
