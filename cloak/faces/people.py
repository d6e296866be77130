"""Who is who: whether a face is that of a person who is known, and which faces of an album are one person's.

The recogniser is SFace alone. Measured on 60 photos of LFW, four each of 15 people A to M, found by our detector: 90
pairs of one person and 1,680 of two. Share of the former above the cosine that lets through 1 in 1,000 of the latter:

    dlib .967, sface 1.000, facenet .978; each two and all three together, cosines standardised and averaged: 1.000

The means of several are no better, take two or three times as long, and have no thresholds that were set on many
people; those of SFace are set on 1.3 million pairs (``weights.toml``). Against three references of everybody, its least
score of a right person was .49, its highest of a wrong one .36 (60 and 840 comparisons). With the faces shrunk to 24
pixels, the least that is cloaked, 98% of the right ones are still above `OTHER_FAR`'s cosine, and no wrong one.

It is also a recogniser that cloaks are made against. What is known of a person is of clean photos, and so is what it
is compared with; a photo that was already cloaked may not be recognised, and so be left as it is under "me".
"""

from collections.abc import Mapping, Sequence
from enum import Enum

import torch

from cloak.errors import ShapeError

SAME_FAR = 1e-4
"""From this false accept rate's cosine on, a face is surely the person: 1 of 10,000 strangers would be."""

GROUP_FAR = 1e-3
"""Groups whose mean cosine is above this one's are one person."""

OTHER_FAR = 1e-2
"""Below this one's, it is surely somebody else. What lies between is uncertain."""

CLOSEST = 3
"""A face is compared with so many of the references that it is most like.

With one, each reference added would be another chance for a stranger; with all, those of other years would count
against the person.
"""


class Likeness(Enum):
    """Whether a face is the person's."""

    SAME = "same"
    UNCERTAIN = "uncertain"
    OTHER = "other"


def score(faces: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Compare faces with one person.

    Args:
        faces: float32 (N, D), L2-normalised.
        references: float32 (M, D), L2-normalised, M at least 1.

    Returns:
        float32 (N,): for each face the mean cosine with the `CLOSEST` references, in [-1, 1].

    Raises:
        ShapeError: the two do not fit, or there is no reference.
    """
    if faces.ndim != 2 or references.ndim != 2 or faces.shape[1] != references.shape[1] or not len(references):
        raise ShapeError(f"(N, D) faces and (M, D) references, got {tuple(faces.shape)}, {tuple(references.shape)}")
    return (faces @ references.T).topk(min(CLOSEST, len(references))).values.mean(1)


def judge(scores: torch.Tensor, thresholds: Mapping[float, float]) -> list[Likeness]:
    """Say for each score (N,) what it means, by the thresholds of the recogniser, false accept rate to cosine."""
    same, other = thresholds[SAME_FAR], thresholds[OTHER_FAR]
    return [
        Likeness.SAME if value >= same else Likeness.OTHER if value < other else Likeness.UNCERTAIN
        for value in scores.tolist()
    ]


def group(embeddings: torch.Tensor, threshold: float, *, photos: Sequence[int] | None = None) -> list[int]:
    """Say which faces are one person's: average linkage, down to a mean cosine.

    Connected components were the alternative: there one pair of strangers that look alike, or one blurred face, makes
    two people one. The mean over all pairs of two groups needs most of them to agree.

    Args:
        embeddings: float32 (N, D), L2-normalised.
        threshold: the least mean cosine of two groups that are one person.
        photos: for each face the number of its photo, if no photo shows a person twice: two faces of one photo are
            then never put together.

    Returns:
        For each face the number of its person; people are numbered in the order in which they first appear.

    Raises:
        ShapeError: the embeddings are not (N, D), or there is not one photo for each.

    Source: UPGMA, Sokal & Michener 1958, by the nearest-neighbour chain of Benzécri 1982 (Murtagh 1983, section 3.1),
    which takes time and memory of N squared: 0.3 s for 3,000 faces. The 60 photos above come out as 15 people.
    """
    if embeddings.ndim != 2 or (photos is not None and len(photos) != len(embeddings)):
        raise ShapeError(f"(N, D) embeddings and a photo for each, got {tuple(embeddings.shape)}")
    labels = list(range(len(embeddings)))
    for one, other in _merges(_similarities(embeddings, photos), threshold):
        labels = [one if label == other else label for label in labels]
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    return [numbers[label] for label in labels]


def _similarities(embeddings: torch.Tensor, photos: Sequence[int] | None) -> torch.Tensor:
    """Return float64 (N, N): cosines, and minus infinity for what may not be put together."""
    cosines = embeddings.double() @ embeddings.double().T
    if photos is not None:
        numbers = torch.tensor(photos, dtype=torch.int64)
        cosines[numbers[:, None] == numbers] = -torch.inf
    return cosines.fill_diagonal_(-torch.inf)


def _merges(similar: torch.Tensor, threshold: float) -> list[tuple[int, int]]:
    """Return which groups, named by one of their faces, are put together: the second becomes part of the first.

    Changes `similar`. A group whose nearest one is below the threshold is finished: what the others merge into is no
    nearer to it.
    """
    sizes = torch.ones(len(similar), dtype=torch.float64)
    waiting = list(range(len(similar)))[::-1]
    chain: list[int] = []
    merges = []
    while waiting or chain:
        if not chain:
            chain = [waiting.pop()]
        last = chain[-1]
        nearest = int(similar[last].argmax())
        if similar[last, nearest] < threshold:
            chain.pop()
        elif len(chain) > 1 and similar[last, chain[-2]] >= similar[last, nearest]:
            one, other = chain[-2], last
            merges.append((one, other))
            _join(similar, sizes, one, other)
            waiting.append(one)
            chain = chain[:-2]
        else:
            chain.append(nearest)
    return merges


def _join(similar: torch.Tensor, sizes: torch.Tensor, one: int, other: int) -> None:
    """Make one group out of two: its similarity to a third is the mean over all pairs."""
    total = sizes[one] + sizes[other]
    mean = (similar[one] * sizes[one] + similar[other] * sizes[other]) / total
    mean[[one, other]] = -torch.inf
    similar[one], similar[:, one] = mean, mean
    similar[other], similar[:, other] = -torch.inf, -torch.inf
    sizes[one] = total
