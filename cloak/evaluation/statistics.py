"""Thresholds, intervals and extrapolations.

Convention:
    Scores are cosine similarities, float64 (N,). A person is the unit of chance: whoever resamples pairs takes photos
    of one face for independent, and gets intervals that are too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

FALSE_ACCEPT_RATES = (1e-2, 1e-3, 1e-4)
RESAMPLES = 2000
FEWEST_PEOPLE = 30
"""With fewer, an interval is wider than most differences that one looks for."""

FEWEST_IMPOSTORS = 10
"""Impostor pairs that have to lie over a threshold for it to be more than a guess."""

TAIL = 0.01
"""Share of the impostor scores that the tail is fitted to."""

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

    Source: Efron 1979, the percentile bootstrap.
    """
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    if not len(known):
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    generator = np.random.default_rng(seed)
    means = known[generator.integers(0, len(known), (RESAMPLES, len(known)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(known.mean()), float(low), float(high), len(known))


def difference(ours: Sequence[float] | Floats, theirs: Sequence[float] | Floats, *, seed: int = 0) -> Estimate:
    """Average the differences, person by person, of two methods on the same people."""
    return estimate(np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float), seed=seed)


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
        return Tail.fit(self.scores) if self.supports(TAIL) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """How likely a stranger's score exceeds any score, also where no pair was seen.

    Attributes:
        start: the score from which on the fit holds.
        share: of the scores above it.
        scale: of the generalised Pareto distribution.
        shape: of it; at most 0: cosines are bounded.
    """

    start: float
    share: float
    scale: float
    shape: float

    @classmethod
    def fit(cls, scores: Floats, share: float = TAIL) -> "Tail":
        """Fit by probability-weighted moments.

        Source: Hosking and Wallis 1987, Parameter and Quantile Estimation for the Generalized Pareto Distribution.
        """
        start = float(np.quantile(scores, 1 - share))
        excess = np.sort(scores[scores > start] - start)
        count = len(excess)
        first = excess.mean()
        second = float((excess * (count - np.arange(1, count + 1) + 0.35)).mean() / count)
        shape = min(0.0, 2 - first / (first - 2 * second))
        return cls(start=start, share=share, scale=float(first * (1 - shape)), shape=float(shape))

    def exceeds(self, scores: Floats) -> Floats:
        """Return the probability that a stranger's score is higher, for each; NaN below the start of the tail."""
        above = scores - self.start
        base = np.clip(1 + self.shape * above / self.scale, 0, None)
        beyond = np.exp(-above / self.scale) if abs(self.shape) < 1e-6 else base ** (-1 / self.shape)
        return np.where(above < 0, np.nan, self.share * beyond)

    def first(self, scores: Floats, strangers: float, empirical: Floats) -> Floats:
        """Return the probability that nobody among so many strangers scores higher: an extrapolation.

        Args:
            scores: of the right person.
            strangers: how many.
            empirical: sorted impostor scores, which are used below the start of the tail.
        """
        counted = 1 - np.searchsorted(empirical, scores) / len(empirical)
        chance = self.exceeds(scores)
        chance = np.where(np.isnan(chance), counted, chance)
        return np.asarray(np.exp(strangers * np.log1p(-np.clip(chance, 0, 1 - 1e-12))))
