"""What is asked about people's photos: verification, identification, linkage, engines that train on cloaks.

Convention:
    `People` is one float32 tensor (n, D) of L2-normalised embeddings a person, in the same order everywhere; n may
    be 0.
    Results are one float a person, float64 (P,), NaN where a person has nothing to ask about.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch

from cloak.errors import MissingExtraError
from cloak.evaluation.statistics import Floats

People: TypeAlias = Sequence[torch.Tensor]


def pairs(probes: People, references: People) -> list[torch.Tensor]:
    """Return the similarities of each person's probes to the person's references, float32 (n, m) each."""
    return [probe @ reference.T for probe, reference in zip(probes, references, strict=True)]


def accepted(probes: People, references: People, threshold: float) -> Floats:
    """Protocol A: which share of each person's pairs is taken for one person.

    Of clean photos that is the TAR; 1 minus that of protected photos is the protection success rate (PSR).
    """
    return np.array([_share(scores >= threshold) for scores in pairs(probes, references)])


def ranks(probes: People, gallery: People, strangers: torch.Tensor) -> list[torch.Tensor]:
    """Protocol B: at which rank a search for each probe finds the right person first, int64 (n,) a person.

    Args:
        probes: what is searched for.
        gallery: what the engine knows of each person.
        strangers: float32 (S, D), what it knows of others.
    """
    everything = torch.cat([*gallery, strangers])
    ends = np.cumsum([len(entries) for entries in gallery]).tolist()
    result = []
    for probe, entries, end in zip(probes, gallery, ends, strict=True):
        scores = probe @ everything.T
        own = scores[:, end - len(entries) : end]
        if not own.numel():
            result.append(torch.zeros(0, dtype=torch.int64))
            continue
        best = own.amax(1, keepdim=True)
        result.append((scores > best).sum(1) - (own > best).sum(1) + 1)
    return result


def hits(found: Sequence[torch.Tensor], most: int) -> Floats:
    """Return which share of each person's probes finds the person among the first `most` entries."""
    return np.array([_share(rank <= most) for rank in found])


def nearest(probes: People, gallery: People) -> list[Floats]:
    """Return, for each probe, its similarity to the entry of the right person that is most like it."""
    return [scores.amax(1).double().numpy() if scores.numel() else np.zeros(0) for scores in pairs(probes, gallery)]


def recall(queries: People, gallery: People, strangers: torch.Tensor, *, same: bool) -> Floats:
    """Protocol D: the share of a person's entries among the K first answers, K being how many there are.

    Args:
        queries: photos that somebody has of a person.
        gallery: what there is to link them with.
        strangers: float32 (S, D), entries of others.
        same: whether queries and gallery are the same photos, which do not find themselves.
    """
    everything = torch.cat([*gallery, strangers])
    ends = np.cumsum([len(entries) for entries in gallery]).tolist()
    shares = []
    for query, entries, end in zip(queries, gallery, ends, strict=True):
        start = end - len(entries)
        scores = query @ everything.T
        if same:
            scores[torch.arange(len(query)), start + torch.arange(len(query))] = -2.0
        count = len(entries) - same
        if count < 1 or not len(query):
            shares.append(float("nan"))
            continue
        first = scores.topk(count).indices
        shares.append(_share((first >= start) & (first < end)))
    return np.array(shares)


def neighbours(train: People, test: People) -> Floats:
    """Protocol C, nearest neighbour: the share of each person's test photos that the engine names rightly."""
    entries, labels = torch.cat(list(train)), _labels(train)
    return np.array(
        [
            _share(labels[(photos @ entries.T).argmax(1)] == person) if len(photos) else float("nan")
            for person, photos in enumerate(test)
        ]
    )


def alone(protected: People, clean: People, test: People) -> Floats:
    """Protocol C, nearest neighbour, where one person protects and all others do not: the same, person by person."""
    shares = []
    for person in range(len(test)):
        train = [protected[other] if other == person else photos for other, photos in enumerate(clean)]
        shares.append(float(neighbours(train, test)[person]))
    return np.array(shares)


def regression(train: People, test: People) -> Floats:
    """Protocol C, logistic regression (C = 1) on embeddings: the same; NaN if there is one person only.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise MissingExtraError("engines that train on cloaks", "eval") from error
    labels = _labels(train).numpy()
    if len(set(labels.tolist())) < 2:
        return np.full(len(test), np.nan)
    model = LogisticRegression(C=1.0, max_iter=1000)
    model.fit(torch.cat(list(train)).numpy(), labels)
    return np.array(
        [
            float((model.predict(photos.numpy()) == person).mean()) if len(photos) else float("nan")
            for person, photos in enumerate(test)
        ]
    )


def _labels(people: People) -> torch.Tensor:
    return torch.tensor([person for person, photos in enumerate(people) for _ in photos])


def _share(values: torch.Tensor) -> float:
    return float(values.double().mean()) if values.numel() else float("nan")
