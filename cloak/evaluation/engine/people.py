"""Who is searched for, with which photo, and which photos are public."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cloak.errors import DatasetError
from cloak.evaluation.dataset import Dataset, Person, PhotoFile
from cloak.evaluation.engine.eyes import Probe

Look = Callable[[PhotoFile], Probe | None]

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Somebody who is searched for.

    Attributes:
        name: of the person.
        probe: the face in the photo that a stranger has; the photo stays as it is and is nowhere public.
        public: the photos on the person's page.
    """

    name: str
    probe: Probe
    public: tuple[PhotoFile, ...]


def able(dataset: Dataset) -> list[Person]:
    """Return those with a photo to search with and one to be found.

    Raises:
        DatasetError: there are not two such people.
    """
    people = [person for person in dataset.people if len(person.photos) > 1]
    if len(people) > 1:
        return people
    if len(dataset.people) < 2:
        raise DatasetError(
            f"{'only one person' if dataset.people else 'nobody'} has a photo that can be used: a search needs two "
            "people at least, each with a folder"
        )
    raise DatasetError(
        f"{len(people)} of {len(dataset.people)} people have two photos or more: one is searched with, the others are "
        "found; add photos"
    )


def choose(
    people: Sequence[Person], look: Look, *, identities: int, photos: int, seed: int, excluded: Counter[str]
) -> Iterator[Wanted]:
    """Choose people, a probe for each, and the rest of the profile, as the seed has it.

    More identities or photos do not change those that were chosen before.

    Args:
        people: see `able`.
        look: finds the face in a photo.
        identities: how many people at most.
        photos: how many public photos of each at most.
        seed: of the choice.
        excluded: is told why photos were left out, and how many.
    """
    chosen = 0
    for person in _shuffled(people, seed, lambda person: person.name):
        wanted = _wanted(person, look, photos, seed, excluded)
        if wanted:
            yield wanted
            chosen += 1
        if chosen == identities:
            return


def _wanted(person: Person, look: Look, photos: int, seed: int, excluded: Counter[str]) -> Wanted | None:
    waiting = _shuffled(person.photos, seed, lambda photo: photo.digest)
    while len(waiting) > 1:
        probe = look(waiting.pop(0))
        if probe:
            return Wanted(name=person.name, probe=probe, public=tuple(waiting[:photos]))
        excluded["no face found to search with"] += 1
    return None


def _shuffled(items: Sequence[_Item], seed: int, name: Callable[[_Item], str]) -> list[_Item]:
    """In an order that depends on each item alone: it stays when others come or go."""
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}/{name(item)}".encode(errors="replace")).digest())
