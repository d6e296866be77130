"""Full batches of faces, whatever the mix of photos: faces wait for others of their frame size.

Which faces come together depends on the order of the photos alone, never on how long anything takes: the same album
gives the same batches.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

import torch

from cloak.photo import FaceBatch

Owner = TypeVar("Owner")


@dataclass(frozen=True, slots=True)
class Row(Generic[Owner]):
    """One face: row `index` of the batch with number `part` of its owner's."""

    owner: Owner
    part: int
    index: int
    batch: FaceBatch


@dataclass(slots=True)
class _Waiting:
    """A photo that has faces in buckets."""

    pixels: int
    rows: int
    number: int


class Buckets(Generic[Owner]):
    """Gathers faces by frame size.

    A group is given out when it is full; and when too many photos, or too large ones, wait for their last face, or too
    many have passed by one that waits, the group that the first of them waits for is given out as it is.

    Args:
        batch: faces of a full group.
        photos: how many photos may wait.
        passing: how many photos may pass by one that waits.
        pixels: how many pixels they may have together; one photo may have more.
    """

    def __init__(self, *, batch: int, photos: int, passing: int, pixels: int) -> None:
        self._batch, self._photos, self._passing, self._pixels = batch, photos, passing, pixels
        self._number = 0
        self._buckets: dict[int, list[Row[Owner]]] = defaultdict(list)
        self._waiting: dict[int, _Waiting] = {}

    def add(self, owner: Owner, batches: Sequence[FaceBatch], *, pixels: int) -> list[list[Row[Owner]]]:
        """Take the faces of a photo, and return the groups that are to be worked on now.

        Args:
            owner: the photo, or what stands for it.
            batches: its faces, as `cloak.faces.frame.frame` returns them for one photo.
            pixels: of the photo.
        """
        self._waiting[id(owner)] = _Waiting(pixels, sum(len(batch) for batch in batches), self._number)
        groups = []
        for part, batch in enumerate(batches):
            bucket = self._buckets[batch.crops.shape[-1]]
            for index in range(len(batch)):
                bucket.append(Row(owner, part, index, batch))
                if len(bucket) == self._batch:
                    groups.append(self._give(bucket))
        return groups + self.pass_by()

    def pass_by(self) -> list[list[Row[Owner]]]:
        """Let a photo without faces pass, and return the groups that are to be worked on now."""
        self._number += 1
        groups = []
        while self._waiting and self._is_over():
            oldest = next(iter(self._waiting))
            buckets = (bucket for bucket in self._buckets.values() if any(id(row.owner) == oldest for row in bucket))
            groups.append(self._give(next(buckets)))
        return groups

    def flush(self) -> list[list[Row[Owner]]]:
        """Return all that waits: there will be no more photos."""
        return [self._give(bucket) for _, bucket in sorted(self._buckets.items()) if bucket]

    def _is_over(self) -> bool:
        pixels = sum(one.pixels for one in self._waiting.values())
        first = next(iter(self._waiting.values()))
        return (
            len(self._waiting) > self._photos
            or self._number - first.number > self._passing
            or (len(self._waiting) > 1 and pixels > self._pixels)
        )

    def _give(self, bucket: list[Row[Owner]]) -> list[Row[Owner]]:
        group = bucket.copy()
        bucket.clear()
        for row in group:
            waiting = self._waiting[id(row.owner)]
            waiting.rows -= 1
            if not waiting.rows:
                del self._waiting[id(row.owner)]
        return group


def join(group: Sequence[Row[Owner]]) -> FaceBatch:
    """Return the faces of a group as one batch; `photo` is their place in the group."""
    columns = {
        field.name: torch.stack([getattr(row.batch, field.name)[row.index] for row in group])
        for field in fields(FaceBatch)
    }
    return FaceBatch(**{**columns, "photo": torch.arange(len(group))})
