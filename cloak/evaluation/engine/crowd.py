"""What is told about strangers that were made up, wherever they are used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The strangers that were made up.

    Attributes:
        number: how many.
        people: how many real people they are modelled on.
        misfit: by how much their cosine to the probes is off, at each false accept rate; negative where they are
            easier to tell apart than real strangers.
    """

    number: int
    people: int
    misfit: Mapping[float, float]

    def sentence(self) -> str:
        """Say what they are."""
        worst = max(self.misfit.values(), key=abs)
        return (
            f"The engine also holds {self.number:,} made-up strangers: no real faces, but numbers that are as similar "
            f"to the ones searched for as those of real strangers (off by at most {abs(worst):.3f})."
        )

    def document(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "synthetic": True,
            "number": self.number,
            "modelled_on_people": self.people,
            "misfit": {f"{rate:g}": round(value, 4) for rate, value in self.misfit.items()},
        }
