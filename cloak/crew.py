"""How the processors are shared out among the stages of a run.

On a CPU the attack is more than nine tenths of the work. It is spread over processors in two ways: the threads of
PyTorch inside one operation, which wait for each other, and for any program that takes a processor from one of them;
and several batches side by side, each of which needs memory of its own. Up to four threads a batch are the compromise,
and two batches as soon as there is enough to do. All other stages get one thread an operation, and overlap the attack.
tests/benchmarks/albums.json and lanes.json have the measurements.
"""

import os
from dataclasses import dataclass

import torch

LANE = 4
"""Processors for each batch of faces. A guess: more than two were at no time at hand, see docs/albums.md."""

FEW = 16
"""Fewer photos may have no more than one batch of faces: all processors work on it, in one lane."""

HELPERS = 16
"""The most photos that are decoded, or written, at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """How many threads do what.

    Attributes:
        lanes: batches of faces that are attacked side by side.
        lane_threads: of PyTorch, for each.
        helpers: photos that are decoded and searched for faces at the same time, and as many that are written.
        helper_threads: of PyTorch, for each.
    """

    lanes: int
    lane_threads: int
    helpers: int
    helper_threads: int


def crew(device: torch.device, photos: int, processors: int | None = None, *, devices: int = 1) -> Crew:
    """Say how many threads do what.

    Args:
        device: where the networks compute.
        photos: how many there are: one alone gets everything.
        processors: how many to keep busy; None for all that there are.
        devices: of that kind; each GPU has a lane of its own.
    """
    count = processors or _available()
    if photos == 1:
        return Crew(lanes=1, lane_threads=count, helpers=1, helper_threads=count)
    if device.type != "cpu":
        helpers = min(HELPERS, count)
        return Crew(lanes=devices, lane_threads=1, helpers=max(2, helpers), helper_threads=1)
    lanes = max(1 if photos < FEW else min(2, count), count // LANE)
    return Crew(
        lanes=lanes,
        lane_threads=max(1, count // lanes),
        helpers=min(HELPERS, max(2, count // LANE)),
        helper_threads=1,
    )


def _available() -> int:
    """Processors this process may use; OMP_NUM_THREADS is obeyed."""
    if "OMP_NUM_THREADS" in os.environ:
        return torch.get_num_threads()
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
