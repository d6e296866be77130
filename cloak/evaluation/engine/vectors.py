"""Nearest neighbours among embeddings, by faiss: all of them while they are few, the likely ones beyond.

Convention:
    Embeddings are float32 (N, D), L2-normalised; the similarity is their dot product. Positions count from 0.
"""

import math
import warnings
from collections.abc import Iterable
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cloak.errors import MissingExtraError
from cloak.evaluation.engine.database import Floats

FLAT_MOST = 50_000
"""Embeddings up to which every one is compared: 5 ms a search, half a second to open, 100 MB."""

VISITED = 0.5
"""Share of the cells that a search visits. Embeddings of strangers are at right angles to each other and fall into no
clusters, and two photos of one person are 50 or 60 degrees apart: with an eighth of the cells, one search in eight
misses the person. tests/benchmarks/engine.json has the recall."""

_TRAINED_ON = 40
"""Embeddings for each cell that the cells are computed from; faiss asks for 39 at least."""

Faiss: TypeAlias = Any
"""An index of faiss, which is an extra and untyped in older versions."""

Positions = npt.NDArray[np.int64]


def sample_size(count: int) -> int:
    """Return from how many embeddings the cells for `count` of them are computed."""
    return min(count, _TRAINED_ON * _cells(count))


def flat(dimension: int) -> Faiss:
    """Return an empty index that compares every embedding."""
    return _faiss().IndexFlatIP(dimension)


def cells(sample: Floats, count: int) -> Faiss:
    """Return an empty index for `count` embeddings that visits the nearest cells, with 8 bits a number.

    Args:
        sample: embeddings to compute the cells from, see `sample_size`.
        count: how many will be added.
    """
    faiss = _faiss()
    index = faiss.index_factory(sample.shape[1], f"IVF{_cells(count)},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(sample)
    return index


def add(index: Faiss, chunks: Iterable[Floats]) -> Faiss:
    """Add embeddings, in order, and return the index."""
    for chunk in chunks:
        index.add(np.ascontiguousarray(chunk))
    return index


def search(index: Faiss, probes: Floats, most: int) -> Positions:
    """Return the positions of the embeddings most similar to each probe, (N, most), best first, -1 for none."""
    if hasattr(index, "nprobe"):
        index.nprobe = max(1, round(VISITED * index.nlist))
    _, positions = index.search(np.ascontiguousarray(probes), most)
    found: Positions = positions
    return found


def packed(index: Faiss) -> npt.NDArray[np.uint8]:
    """Return an index as bytes."""
    data: npt.NDArray[np.uint8] = _faiss().serialize_index(index)
    return data


def unpacked(data: npt.NDArray[np.uint8]) -> Faiss:
    """Return the index that was packed."""
    return _faiss().deserialize_index(data)


def check() -> None:
    """Make sure that faiss is there, before any work is done for it.

    Raises:
        MissingExtraError: it is not installed.
    """
    _faiss()


def _cells(count: int) -> int:
    return max(1, math.isqrt(count))


def _faiss() -> Any:  # noqa: ANN401 -- see `Faiss`
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of SWIG, which made its bindings
            return import_module("faiss")
    except ImportError as error:
        raise MissingExtraError("face-search indexes", "eval") from error
