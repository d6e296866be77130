"""The trained networks that a run needs."""

from functools import cached_property

import torch

from cloak.faces.detect import Detector
from cloak.models import WITNESS, Profile, Recogniser, load_detector, load_recogniser, surrogates


class Networks:
    """A detector, the surrogates of a profile and the witness; each is loaded, or fetched, when it is first used.

    Attributes:
        device: where they compute.
    """

    def __init__(self, weights: Profile, device: torch.device) -> None:
        self.device = device
        self._weights = weights

    @cached_property
    def detector(self) -> Detector:
        """Finds faces."""
        return Detector(load_detector(device=self.device))

    @cached_property
    def surrogates(self) -> tuple[Recogniser, ...]:
        """The recognisers whose gradients make the cloaks."""
        names = surrogates(self._weights)
        return tuple(load_recogniser(name, device=self.device, profile=self._weights) for name in names)

    @cached_property
    def witness(self) -> Recogniser:
        """A recogniser that takes no part in making the cloaks."""
        return load_recogniser(WITNESS, device=self.device)
