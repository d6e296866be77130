"""Made-up strangers: embeddings as a recogniser gives them for people that nobody asked about.

An engine has billions of faces and we have some hundreds; what all the others do to a search is decided by the tail of
their similarities to the probe. Strangers are drawn in two steps.

1. From a normal distribution with the mean and the covariance of real embeddings, brought to length 1. Where few real
   ones make it too narrow, so that strangers crowd around them, its spectrum is flattened.
2. A normal distribution has too few look-alikes. So each stranger is moved along the line to the probe that it is most
   like, by the map that takes the quantiles of its similarities to those of real strangers.

What is wanted is known at false accept rates (FAR) of 1e-2 to 1e-4. Beyond that the tail goes on as a normal one does:
an extrapolation. How well a draw meets what is wanted is measured on another draw, and told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from cloak.errors import DatasetError

FEWEST = 10
"""Real people that strangers can be modelled on, at least."""

RATES = (1e-2, 1e-3, 1e-4)
_MIDDLE = 0.5
_HALVINGS = 12
_DRAWN = 20_000
_ASKED = 50
"""Probes that the quantiles are measured with: there are enough strangers for each."""

_FEWEST_DRAWN = 200_000
"""Similarities from which quantiles are taken: 20 lie beyond the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strangers:
    """Where strangers are drawn from.

    Attributes:
        mean: float32 (D,), in the coordinates of the axes.
        axes: float32 (D, D), its columns are directions.
        spread: float32 (D,), standard deviation along each.
        probes: float32 (M, D), L2-normalised, in those coordinates: what will be searched for.
        stretch: similarities of the normal distribution, and what becomes of them; between them it is linear.
        wanted: false accept rate to the cosine that so many real strangers exceed.
        got: the same of strangers that were drawn.
        people: how many real people they are modelled on.
    """

    mean: Tensor
    axes: Tensor
    spread: Tensor
    probes: Tensor
    stretch: tuple[tuple[float, float], ...] = ()
    wanted: Mapping[float, float]
    got: Mapping[float, float]
    people: int

    @classmethod
    def fit(cls, faces: Tensor, probes: Tensor, wanted: Mapping[float, float]) -> "Strangers":
        """Model strangers on real people.

        Args:
            faces: float32 (N, D), L2-normalised, one of each person.
            probes: float32 (M, D), L2-normalised, what will be searched for.
            wanted: cosine of real strangers at each of `RATES`.

        Raises:
            DatasetError: there are too few people.
        """
        refuse_few(len(faces))
        mean = faces.mean(0)
        values, axes = torch.linalg.eigh(_shrunk(faces - mean))
        model = cls(
            mean=mean @ axes,
            axes=axes,
            spread=values.clamp(min=0).sqrt(),
            probes=probes @ axes,
            wanted=dict(wanted),
            got={},
            people=len(faces),
        )
        plain = model._measured(seed=1)
        if plain[RATES[0]] > wanted[RATES[0]]:
            model = model._narrowed()
            plain = model._measured(seed=1)
        middle = plain[_MIDDLE]
        model = replace(model, stretch=((middle, middle), *((plain[rate], wanted[rate]) for rate in RATES)))
        met = model._measured(seed=2)
        return replace(model, got={rate: met[rate] for rate in RATES})

    @property
    def misfit(self) -> dict[float, float]:
        """By how much the strangers' cosine is off at each false accept rate; negative: they are easier to tell."""
        return {rate: self.got[rate] - self.wanted[rate] for rate in self.got}

    def draw(self, count: int, *, seed: int = 0) -> Iterator[Tensor]:
        """Yield strangers, float32 (n, D), L2-normalised, in chunks; the same ones for the same seed."""
        for chunk, _ in self._chunks(count, seed):
            yield chunk @ self.axes.T

    def best(self, counts: Sequence[int], *, seed: int = 0) -> Tensor:
        """Return the highest similarity of each probe to the first of so many strangers.

        Args:
            counts: numbers of strangers, ascending.
            seed: of the strangers.

        Returns:
            float32 (M, len(counts)).
        """
        best = torch.full((len(self.probes), len(counts)), -1.0)
        done = 0
        for chunk, scores in self._chunks(counts[-1], seed):
            for column, count in enumerate(counts):
                if count > done:
                    best[:, column] = best[:, column].maximum(scores[: count - done].amax(0))
            done += len(chunk)
        return best

    def most_alike(self, count: int, most: int, *, seed: int = 0) -> Tensor:
        """Return the highest similarities of each probe to so many strangers, float32 (M, most), in falling order."""
        kept = torch.full((len(self.probes), most), -1.0)
        for _, scores in self._chunks(count, seed):
            kept = torch.cat([kept, scores.T], 1).topk(most).values
        return kept

    def _chunks(self, count: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield strangers in the coordinates of the axes, (n, D), and their similarities to the probes, (n, M)."""
        generator = torch.Generator().manual_seed(seed)
        for start in range(0, count, _DRAWN):
            noise = torch.randn(min(_DRAWN, count - start), len(self.mean), generator=generator)
            strangers = F.normalize(self.mean + noise * self.spread)
            scores = strangers @ self.probes.T
            yield self._moved(strangers, scores) if self.stretch else (strangers, scores)

    def _moved(self, strangers: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Move each along the line to the probe that it is most like."""
        was, which = scores.max(1)
        becomes = self._stretched(was)
        probe = self.probes[which]
        across = F.normalize(strangers - was[:, None] * probe)
        moved = becomes[:, None] * probe + (1 - becomes.square()).clamp(min=0).sqrt()[:, None] * across
        return moved, moved @ self.probes.T

    def _stretched(self, scores: Tensor) -> Tensor:
        """Below the first point everything stays; above the last one the last slope goes on."""
        result = scores
        for (left, low), (right, high) in pairwise(self.stretch):
            slope = (high - low) / max(right - left, 1e-6)
            result = torch.where(scores > left, low + slope * (scores - left), result)
        return result.clamp(max=0.999)

    def _narrowed(self) -> "Strangers":
        """Flatten the spectrum by halving until there are no more look-alikes than wanted."""
        few, rate = replace(self, probes=_spread(self.probes, _ASKED)), RATES[0]
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            reached = few._raised(middle)._measured(seed=1, count=_DRAWN)[rate]
            low, high = (middle, high) if reached < self.wanted[rate] else (low, middle)
        return self._raised(low)

    def _raised(self, power: float) -> "Strangers":
        variances = self.spread.square()
        raised = variances**power
        return replace(self, spread=(raised * variances.sum() / raised.sum()).sqrt())

    def _measured(self, *, seed: int, count: int = 0) -> dict[float, float]:
        """Draw strangers and return which similarity to the probes a share of them exceeds."""
        count = count or -(-_FEWEST_DRAWN // min(len(self.probes), _ASKED) // _DRAWN) * _DRAWN
        columns = _spread(torch.arange(len(self.probes)), _ASKED)
        scores = torch.cat([part[:, columns].flatten() for _, part in self._chunks(count, seed)]).sort().values
        return {rate: float(scores[-max(1, round(len(scores) * rate))]) for rate in (_MIDDLE, *RATES)}


def refuse_few(people: int) -> None:
    """Make sure that there are enough people to model strangers on.

    Raises:
        DatasetError: there are not.
    """
    if people < FEWEST:
        raise DatasetError(
            f"made-up strangers need {FEWEST} real people to be modelled on, got {people}: leave out --distractors, or "
            "add profiles"
        )


def _spread(items: Tensor, most: int) -> Tensor:
    """Take so many at even distances."""
    stride = max(1.0, len(items) / most)
    return items[(torch.arange(min(most, len(items))) * stride).long()]


def _shrunk(centred: Tensor) -> Tensor:
    """Return the covariance (D, D) of rows that have mean 0, drawn towards a multiple of the identity.

    Source: Ledoit and Wolf 2004, A well-conditioned estimator for large-dimensional covariance matrices.
    """
    count, dimension = centred.shape
    covariance = centred.T @ centred / count
    level = covariance.trace() / dimension
    distance = (covariance - level * torch.eye(dimension)).square().sum()
    error = (centred.square().sum(1).square().sum() / count - covariance.square().sum()) / count
    share = float((error / distance.clamp(min=1e-12)).clamp(0, 1))
    return (1 - share) * covariance + share * level * torch.eye(dimension)
