"""Long lists of small things that are made when somebody looks at them: paths as objects take five times their text."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, overload

_Item = TypeVar("_Item")


class Listing(Sequence[_Item]):
    """A sequence of items that are made of two texts each, anew at each access.

    Args:
        make: makes an item.
        rows: what of.
    """

    def __init__(self, make: Callable[[str, str], _Item], rows: Iterable[tuple[str, str]]) -> None:
        self._make = make
        self._rows = tuple(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> _Item: ...
    @overload
    def __getitem__(self, index: slice) -> "Listing[_Item]": ...
    def __getitem__(self, index: int | slice) -> "_Item | Listing[_Item]":
        if isinstance(index, slice):
            return Listing(self._make, self._rows[index])
        return self._make(*self._rows[index])

    def __eq__(self, other: object) -> bool:
        """Whether another sequence has equal items."""
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_same, self, other))

    def __hash__(self) -> int:
        return hash(self._rows)

    def __repr__(self) -> str:
        return f"<{len(self)} items>"


def _same(one: object, other: object) -> bool:
    return one == other
