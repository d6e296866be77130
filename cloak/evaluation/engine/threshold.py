"""From which similarity on an engine says: the same person."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from cloak.evaluation.engine.strangers import RATES
from cloak.evaluation.statistics import FEWEST_IMPOSTORS, Impostors, Tail
from cloak.evaluation.victims import Victim
from cloak.models import artifacts
from cloak.models.registry import Task

FAR = 1e-3
"""One stranger in 1,000 is taken for you."""

_MOST = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A recogniser's thresholds, and where they come from.

    Attributes:
        cosines: false accept rate to cosine.
        pairs: impostor pairs in the index that they were measured on; 0 where they are the registry's.
    """

    cosines: Mapping[float, float]
    pairs: int = 0

    @property
    def cosine(self) -> float:
        """The one at `FAR`."""
        return self.cosines[FAR]

    @property
    def origin(self) -> str:
        """Where they come from, for people."""
        return f"measured on {self.pairs:,} pairs of pages here" if self.pairs else "set on pairs of other people"


def registered(victim: Victim) -> Threshold | None:
    """Return the thresholds that the registry has for a recogniser's weights, if it has."""
    for told in artifacts().values():
        if told.task is Task.RECOGNISER and told.sha256 == victim.weights and set(RATES) <= set(told.thresholds):
            return Threshold(cosines=told.thresholds)
    return None


def measurable(people: int) -> bool:
    """Say whether so many people are enough for a threshold at `FAR`, if every face is found."""
    return people * (people - 1) // 2 * FAR >= FEWEST_IMPOSTORS


def measured(faces: torch.Tensor) -> Threshold | None:
    """Measure thresholds on faces of different people; where pairs are too few for a rate, the tail's fit stands in.

    Args:
        faces: float32 (N, D), L2-normalised, one of each person.

    Returns:
        None where there are too few pairs even for `FAR`.
    """
    impostors = Impostors(faces[:_MOST])
    if not impostors.supports(FAR):
        return None
    cosines = {
        rate: impostors.threshold(rate) if impostors.supports(rate) else _beyond(impostors, rate) for rate in RATES
    }
    return Threshold(cosines=cosines, pairs=len(impostors.scores))


def _beyond(impostors: Impostors, rate: float) -> float:
    """Return the cosine at a rate for which there are too few pairs: where the fitted tail reaches it."""
    return Tail.fit(impostors.scores).score(rate)
