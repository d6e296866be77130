"""The trained networks that a run needs."""

import threading
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from cloak.faces.detect import Detector
from cloak.models import WITNESS, Profile, Recogniser, load_detector, load_recogniser, surrogates

if TYPE_CHECKING:
    once = cached_property
else:

    class once(cached_property):  # noqa: N801 -- a decorator
        """A `cached_property` that is computed once, whatever the number of threads that ask for it."""

        def __get__(self, instance, owner=None):  # noqa: ANN001, ANN204
            if instance is None:
                return self
            with instance._mutex:
                return super().__get__(instance, owner)


class Networks:
    """A detector, the surrogates of a profile and the witness; each is loaded, or fetched, when it is first used.

    Threads may use it at the same time: whoever comes first loads.

    Attributes:
        device: where they compute.
    """

    def __init__(self, weights: Profile, device: torch.device) -> None:
        self.device = device
        self._mutex = threading.RLock()
        self._weights = weights

    @once
    def detector(self) -> Detector:
        """Finds faces."""
        return Detector(load_detector(device=self.device))

    @once
    def surrogates(self) -> tuple[Recogniser, ...]:
        """The recognisers whose gradients make the cloaks."""
        names = surrogates(self._weights)
        return tuple(load_recogniser(name, device=self.device, profile=self._weights) for name in names)

    @once
    def witness(self) -> Recogniser:
        """A recogniser that takes no part in making the cloaks."""
        return load_recogniser(WITNESS, device=self.device)
