"""Thresholds, intervals and extrapolations.

Convention:
    Scores are cosine similarities, float64 (N,). A person is the unit of chance: whoever resamples pairs takes photos
    of one face for independent, and gets intervals that are too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import torch

FALSE_ACCEPT_RATES = (1e-2, 1e-3, 1e-4)
RESAMPLES = 2000
ALIKE = 1e-6
"""Values that are no farther apart are the same: extrapolated chances come near 0 and 1."""

FEWEST_PEOPLE = 30
"""With fewer, an interval is wider than most differences that one looks for."""

FEWEST_IMPOSTORS = 10
"""Impostor pairs that have to lie over a threshold for it to be more than a guess."""

TAIL = 0.01
"""Share of the impostor scores that the tail is fitted to."""

FEWEST_IN_TAIL = 1000
"""Scores that a tail is fitted to at least."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over people, and its 95% interval.

    Attributes:
        mean: NaN if there is nobody.
        low: of the interval.
        high: of the interval.
        people: over how many.
    """

    mean: float
    low: float
    high: float
    people: int


def estimate(values: Sequence[float] | Floats, *, seed: int = 0) -> Estimate:
    """Average one value a person; the interval comes from drawing people anew, with replacement.

    People without a value (NaN) are left out.

    Where each is 0 or 1 the interval is the exact binomial one: near the ends, drawing anew gives too narrow ones, and
    none at all where everybody is alike.

    Source: Efron 1979, the percentile bootstrap; Clopper and Pearson 1934.
    """
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    if not len(known):
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    if np.isclose(known, known.round(), rtol=0, atol=ALIKE).all() and known.min() > -0.5 and known.max() < 1.5:
        return Estimate(float(known.mean()), *_exact(int(known.round().sum()), len(known)), len(known))
    return _resampled(known, seed)


def difference(ours: Sequence[float] | Floats, theirs: Sequence[float] | Floats, *, seed: int = 0) -> Estimate:
    """Average the differences, person by person, of two methods on the same people.

    Where all are alike there is nothing to draw from: then the interval is as wide as that of a share of 0 or 1.
    """
    differences = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    known = differences[~np.isnan(differences)]
    if len(known) and np.isclose(known, known[0], rtol=0, atol=ALIKE).all():
        mean, width = float(known.mean()), _exact(0, len(known))[1]
        return Estimate(mean, max(-1.0, mean - width), min(1.0, mean + width), len(known))
    return _resampled(known, seed) if len(known) else Estimate(float("nan"), float("nan"), float("nan"), 0)


def _resampled(known: Floats, seed: int) -> Estimate:
    generator = np.random.default_rng(seed)
    means = known[generator.integers(0, len(known), (RESAMPLES, len(known)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(known.mean()), float(low), float(high), len(known))


def _exact(hits: int, count: int) -> tuple[float, float]:
    from scipy.special import betaincinv  # noqa: PLC0415 -- an extra

    low = float(betaincinv(hits, count - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, count - hits, 0.975)) if hits < count else 1.0
    return low, high


class Impostors:
    """What a victim makes of pairs of different people, and what follows from it.

    Args:
        vectors: float32 (N, D), L2-normalised, one of each stranger.
    """

    def __init__(self, vectors: torch.Tensor) -> None:
        rows, columns = torch.triu_indices(len(vectors), len(vectors), 1)
        self.scores: Floats = np.sort((vectors @ vectors.T)[rows, columns].double().numpy())

    def threshold(self, rate: float) -> float:
        """Return the score that a share `rate` of the pairs exceeds; NaN if there is no pair."""
        return float(np.quantile(self.scores, 1 - rate)) if len(self.scores) else float("nan")

    def supports(self, rate: float) -> bool:
        """Say whether there are enough pairs for a threshold at this rate."""
        return len(self.scores) * rate >= FEWEST_IMPOSTORS

    def tail(self) -> "Tail | None":
        """Fit what lies above the scores' 99% quantile, None if too little does."""
        return Tail.fit(self.scores) if len(self.scores) * TAIL >= FEWEST_IN_TAIL else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """How likely a stranger's score exceeds any score, also where no pair was seen: two answers, that bracket it.

    Between them lies what may be said. Similarities of independent faces fall off about as a normal distribution does;
    an exponential tail is the heaviest that is plausible, and finds a person the less.

    Attributes:
        start: the score from which on the fit holds.
        share: of the scores above it.
        scale: of the exponential tail.
        mean: of the normal tail.
        deviation: of the normal tail.
    """

    start: float
    share: float
    scale: float
    mean: float
    deviation: float

    @classmethod
    def fit(cls, scores: Floats, share: float = TAIL) -> "Tail":
        """Fit sorted scores above their 1 - `share` quantile.

        Source: the mean excess of an exponential tail; least squares between normal and empirical quantiles.
        """
        start = float(np.quantile(scores, 1 - share))
        rates = np.logspace(np.log10(share), np.log10(FEWEST_IMPOSTORS / len(scores)), 20)
        normal = [NormalDist().inv_cdf(1 - rate) for rate in rates]
        deviation, mean = np.polyfit(normal, np.quantile(scores, 1 - rates), 1)
        return cls(
            start=start,
            share=share,
            scale=float((scores[scores > start] - start).mean()),
            mean=float(mean),
            deviation=float(deviation),
        )

    def exceeds(self, scores: Floats, *, normal: bool) -> Floats:
        """Return the probability that a stranger's score is higher, for each; NaN below the start of the tail."""
        if normal:
            distance = torch.from_numpy((np.asarray(scores, dtype=float) - self.mean) / self.deviation)
            beyond = (torch.special.erfc(distance / 2**0.5) / 2).numpy()
        else:
            beyond = self.share * np.exp(-(scores - self.start) / self.scale)
        return np.where(scores < self.start, np.nan, beyond)

    def score(self, rate: float) -> float:
        """Return the score that a share `rate` of strangers exceeds, by the normal tail."""
        return self.mean + self.deviation * NormalDist().inv_cdf(1 - rate)

    def first(self, scores: Floats, strangers: float, empirical: Floats, *, normal: bool) -> Floats:
        """Return the probability that nobody among so many strangers scores higher: an extrapolation.

        Args:
            scores: of the right person.
            strangers: how many.
            empirical: sorted impostor scores, which are used below the start of the tail.
            normal: which of the two tails.
        """
        counted = 1 - np.searchsorted(empirical, scores) / len(empirical)
        chance = self.exceeds(scores, normal=normal)
        chance = np.where(np.isnan(chance), counted, chance)
        return np.asarray(np.exp(strangers * np.log1p(-np.clip(chance, 0, 1 - 1e-12))))
