"""How large an index gets, how long it takes, and what it misses: for engine.py, which says how to run it."""

import json
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import torch

from cloak.evaluation.engine import vectors
from cloak.evaluation.engine.database import Database
from cloak.evaluation.engine.gallery import Gallery
from cloak.evaluation.engine.strangers import Strangers

TOP = 10


class Clock:
    """Measures one thing after the other."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap."""
        start, self._start = self._start, time.perf_counter()
        return self._start - start


def scale(model: Strangers, probes: torch.Tensor, real: torch.Tensor, size: int) -> dict[str, object]:
    """Make an index of real faces and made-up strangers, and measure it against comparing everything.

    Args:
        model: of the strangers.
        probes: float32 (P, D), what is searched for.
        real: float32 (R, D), faces of the people searched for, which come first.
        size: faces in all.
    """
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "scale.faces", {"recogniser": "synthetic"})
        gallery, clock = Gallery(database), Clock()
        gallery.add_strangers([real])
        gallery.add_strangers(model.draw(size - len(real), seed=5))
        written = clock.lap()
        gallery.finish()
        built = clock.lap()
        again = Gallery(database)
        again.search(probes[:1], TOP)
        opened = clock.lap()
        found, searched = [], []
        for probe in probes:
            clock.lap()
            found.append([face for face, _ in again.search(probe[None], TOP)[0]])
            searched.append(clock.lap() * 1000)
        exact = vectors.add(vectors.flat(real.shape[1]), gallery._chunks(0, size))
        truth = (vectors.search(exact, probes.numpy(), TOP) + 1).tolist()
        result = {
            "faces": size,
            "kind": "cells, 8 bits" if size > vectors.FLAT_MOST else "flat",
            "drawn_and_written_s": round(written, 1),
            "built_and_kept_s": round(built, 1),
            "opened_s": round(opened, 2),
            "search_ms": [round(float(np.quantile(searched, q)), 1) for q in (0.5, 0.25, 0.75)],
            "file_mb": round(database.path.stat().st_size / 1e6, 1),
            "structure_mb": round(vectors.packed(again._vectors).nbytes / 1e6, 1),
            **recall(found, truth, len(real)),
        }
        database.close()
    click.echo(json.dumps(result), err=True)
    return result


def recall(found: list[list[int]], truth: list[list[int]], real: int) -> dict[str, float]:
    """Return the share of the right answers that a search gives.

    Args:
        found: numbers of faces for each probe, best first.
        truth: the same where everything is compared.
        real: faces up to this number are of the people searched for.
    """
    pairs = list(zip(found, truth, strict=True))
    named = [one[0] == other[0] for one, other in pairs if other[0] <= real]
    return {
        "recall_at_1": round(float(np.mean([one[0] == other[0] for one, other in pairs])), 4),
        "recall_at_10": round(float(np.mean([len(set(one) & set(other)) / TOP for one, other in pairs])), 4),
        "right_person_kept": round(float(np.mean(named)), 4) if named else float("nan"),
    }
