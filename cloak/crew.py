"""How the processors are shared out among the stages of a run.

On a CPU the attack is more than nine tenths of the work. It is spread over processors in two ways: the threads of
PyTorch inside one operation, which small images soon leave without work, and several batches side by side, each of
which needs memory of its own. Two batches of half the faces do more than one with twice the threads, in the same
memory; beyond that, four threads a batch are the compromise. All other stages get one thread an operation, and overlap
the attack. tests/benchmarks/albums.json and lanes.json have the measurements.
"""

import os
from dataclasses import dataclass

import torch

LANE = 4
"""Processors for each whole batch of faces. A guess: more than two were at no time at hand, see docs/albums.md."""

HELPERS = 16
"""The most photos that are decoded, or written, at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """How many threads do what.

    Attributes:
        lanes: batches of faces that are attacked side by side.
        lane_threads: of PyTorch, for each.
        batch: faces of each, at most.
        helpers: photos that are decoded and searched for faces at the same time, and as many that are written.
        helper_threads: of PyTorch, for each.
    """

    lanes: int
    lane_threads: int
    batch: int
    helpers: int
    helper_threads: int


def crew(device: torch.device, photos: int, processors: int | None = None, *, batch: int, devices: int = 1) -> Crew:
    """Say how many threads do what.

    Args:
        device: where the networks compute.
        photos: how many there are: one alone gets everything.
        processors: how many to keep busy; None for all that there are.
        batch: faces that memory is there for, on each device, or for each `LANE` processors.
        devices: of that kind; each GPU has a lane of its own.
    """
    count = processors or _available()
    if photos == 1:
        return Crew(lanes=1, lane_threads=count, batch=batch, helpers=1, helper_threads=count)
    if device.type != "cpu":
        helpers = min(HELPERS, count)
        return Crew(lanes=devices, lane_threads=1, batch=batch, helpers=max(2, helpers), helper_threads=1)
    lanes = max(1, count // LANE)
    if lanes == 1 and min(count, batch) > 1 and photos >= batch:  # fewer may have no faces for a second one
        lanes, batch = 2, batch // 2
    return Crew(
        lanes=lanes,
        lane_threads=max(1, count // lanes),
        batch=batch,
        helpers=min(HELPERS, max(2, count // LANE)),
        helper_threads=1,
    )


def _available() -> int:
    """Processors this process may use; OMP_NUM_THREADS is obeyed."""
    if "OMP_NUM_THREADS" in os.environ:
        return torch.get_num_threads()
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
