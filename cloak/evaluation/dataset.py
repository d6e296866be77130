"""Photos of people, one folder a person, and who plays which part in an evaluation."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from cloak.errors import DatasetError, PhotoError
from cloak.evaluation.copies import alike, difference_hash
from cloak.files import read
from cloak.image.codec import decode
from cloak.names import shown
from cloak.sources import SUFFIXES

MAX_BYTES = 2**28


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file, known by its content.

    Attributes:
        path: where it is.
        digest: SHA-256 of its bytes, 64 hex digits.
    """

    path: Path
    digest: str

    @classmethod
    def of(cls, path: Path) -> "PhotoFile":
        """Look at a file.

        Raises:
            PhotoError: it cannot be read.
        """
        return cls(path, hashlib.sha256(read(path, max_bytes=MAX_BYTES)).hexdigest())

    def bytes(self) -> bytes:
        """Return its content."""
        return read(self.path, max_bytes=MAX_BYTES)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, and the photos filed under the name, in the order of their names."""

    name: str
    photos: tuple[PhotoFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """All people of a folder.

    Attributes:
        people: those with a usable photo, by name.
        excluded: why photos were left out, and how many.
        copies: photos that were found under several names, which would fake a match: every path of each.
        prints: content digest to `difference_hash`, of the photos of `people`.
    """

    people: tuple[Person, ...]
    excluded: Counter[str]
    copies: tuple[tuple[Path, ...], ...] = ()
    prints: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @classmethod
    def scan(cls, folder: Path, *, advance: Callable[[], None] = lambda: None) -> "Dataset":
        """Read ``folder/<person>/<photo>``, leaving out what cannot be read and copies.

        A copy has the same pixels or nearly so: saved anew or made smaller. Of copies under one name the first stays;
        of copies under several names none does, since nobody knows whom they show.

        Args:
            folder: of folders.
            advance: called after each photo.

        Raises:
            DatasetError: there are no folders with photos in it.
        """
        excluded: Counter[str] = Counter()
        found: list[tuple[str, PhotoFile]] = []
        hashes: list[torch.Tensor] = []
        for name, path in _walk(folder):
            try:
                photo = PhotoFile.of(path)
                hashes.append(difference_hash(decode(photo.bytes()).pixels))
                found.append((name, photo))
            except PhotoError:
                excluded["cannot be read"] += 1
            advance()
        if not found:
            raise DatasetError(f"{shown(folder)} has no photos: it must hold one folder of photos for each person")
        kept, copies = _without_copies(found, torch.stack(hashes), excluded)
        people: dict[str, list[PhotoFile]] = defaultdict(list)
        for name, photo in kept:
            people[name].append(photo)
        return cls(
            people=tuple(Person(name, tuple(photos)) for name, photos in people.items()),
            excluded=excluded,
            copies=copies,
            prints={photo.digest: mark for (_, photo), mark in zip(found, hashes, strict=True)},
        )

    def without(self, other: "Dataset") -> "Dataset":
        """Return the people who are not in another dataset, by name or by a copy of a photo; count the others.

        Somebody who is protected and a stranger at once is found under the wrong name, which looks like protection.
        """
        names = {person.name for person in other.people}
        known = torch.stack(list(other.prints.values()))
        excluded = Counter(self.excluded)
        kept = []
        for person in self.people:
            copied = bool(alike(torch.stack([self.prints[photo.digest] for photo in person.photos]), known).any())
            if person.name in names or copied:
                excluded["stranger who is also among the people"] += len(person.photos)
            else:
                kept.append(person)
        return Dataset(people=tuple(kept), excluded=excluded, copies=self.copies, prints=self.prints)


@dataclass(frozen=True, slots=True)
class Subject:
    """A person whose photos are protected.

    Attributes:
        name: of the person.
        protected: photos to protect.
        clean: photos that stay as they are.
    """

    name: str
    protected: tuple[PhotoFile, ...]
    clean: tuple[PhotoFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Who plays which part.

    Attributes:
        subjects: for verification, identification and linkage.
        trainees: for engines that train on cloaks: 10 photos to protect and 5 that stay clean each.
        strangers: one photo each of everybody else: thresholds come from them, and they are the distractors.
        targets: one photo each of people whom targeted methods choose from; they have no other part.
        public: other people, two photos to protect of each: engines that adapt train on them, and on nobody else.
    """

    subjects: tuple[Subject, ...]
    trainees: tuple[Subject, ...]
    strangers: tuple[PhotoFile, ...]
    public: tuple[Subject, ...]
    targets: tuple[PhotoFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How people are given their parts.

    Attributes:
        identities: protected people at most, spread evenly over the alphabet.
        letters: only people whose names start with a letter in this range are protected; None for everybody.
        protected: photos to protect of each.
        references: clean photos of each, at most.
        trainees: people with 15 photos or more, at most.
        strangers: at most.
        public: people that an adaptive engine trains on, at most.
    """

    identities: int = 60
    letters: tuple[str, str] | None = None
    protected: int = 2
    references: int = 5
    trainees: int = 20
    strangers: int = 700
    public: int = 0

    def allows(self, name: str) -> bool:
        """Say whether somebody of this name may be protected."""
        return within(name, self.letters)


def within(name: str, letters: tuple[str, str] | None) -> bool:
    """Say whether a name starts with a letter in a range; all do if there is none."""
    return letters is None or letters[0].upper() <= name[:1].upper() <= letters[1].upper()


TARGETS = 30
"""People that targeted methods choose from: so many, or a tenth of all people."""

TRAIN, TEST = 10, 5
"""Photos of a trainee that are protected and that stay clean. Source: Shan et al. 2020; Cherepanova et al. 2021."""


def cohort(dataset: Dataset, split: Split, *, strangers: Sequence[Person] = ()) -> Cohort:
    """Give people their parts.

    Targets are drawn first, by a rule that knows nothing of the split, so that cloaks stay the same when more people
    are protected. Of the others, whoever has more photos than are protected may be a subject; everybody who is neither
    subject nor trainee is a stranger. Protected photos come first in the order of their names, so more identities do
    not change which.

    Args:
        dataset: all people.
        split: how many of what.
        strangers: take these for strangers instead, where the dataset is too small to have its own.

    Raises:
        DatasetError: one identity only, or one photo for each.
    """
    people = dataset.people
    if len(people) < 2:
        raise DatasetError(
            f"{'only one person' if people else 'nobody'} has a photo that can be used (readable, with a face, no "
            "copy of another): two people at least are needed to tell them apart"
        )
    least = split.protected + 1
    targets = _targets(strangers or people)
    people = tuple(person for person in people if person not in targets)
    allowed = [person for person in people if split.allows(person.name)]
    able = [person for person in allowed if len(person.photos) >= least]
    if not able:
        raise DatasetError(
            f"nobody{' from ' + ' to '.join(split.letters) if split.letters else ''} has {least} photos "
            f"({split.protected} to protect and one to compare with): add photos, or ask for fewer protected ones"
        )
    rich = [person for person in allowed if len(person.photos) >= TRAIN + TEST]
    chosen = [_subject(p, split.protected, split.references) for p in _spread(able, split.identities)]
    trainees = [_subject(p, TRAIN, TEST) for p in _spread(rich, split.trainees)]
    names = {subject.name for subject in (*chosen, *trainees)}
    others = [person for person in people if person.name not in names]
    public = _spread([person for person in others if len(person.photos) > 1], split.public)
    outside = [person for person in (strangers or others) if person not in targets and person not in public]
    return Cohort(
        subjects=tuple(chosen),
        trainees=tuple(trainees),
        strangers=tuple(p.photos[0] for p in _spread(outside, split.strangers)),
        public=tuple(_subject(person, 2, 0) for person in public),
        targets=tuple(person.photos[0] for person in targets),
    )


def _targets(people: Sequence[Person]) -> list[Person]:
    """Draw people to look like by a hash of the name, those with one photo first: they cannot be protected anyway."""
    drawn = sorted(people, key=lambda person: (len(person.photos) > 1, hashlib.sha256(person.name.encode()).digest()))
    return drawn[: min(TARGETS, len(people) // 10)]


def _walk(folder: Path) -> Iterable[tuple[str, Path]]:
    if not folder.is_dir():
        raise DatasetError(f"{shown(folder)} is not a folder: name one that holds a folder of photos for each person")
    for person in sorted(path for path in folder.iterdir() if path.is_dir()):
        for path in sorted(person.iterdir()):
            if path.suffix.lower() in SUFFIXES:
                yield person.name, path


def _without_copies(
    found: Sequence[tuple[str, PhotoFile]], hashes: torch.Tensor, excluded: Counter[str]
) -> tuple[list[tuple[str, PhotoFile]], tuple[tuple[Path, ...], ...]]:
    kept: list[tuple[str, PhotoFile]] = []
    copies: list[tuple[Path, ...]] = []
    for index, (name, photo) in enumerate(found):
        same = alike(hashes[index : index + 1], hashes)[0]
        group = [found[other] for other in same.nonzero().flatten().tolist()]
        first = group[0][1] is photo
        if any(other != name for other, _ in group):
            excluded["copy under another name"] += 1
            if first:
                copies.append(tuple(each.path for _, each in group))
        elif first:
            kept.append((name, photo))
        else:
            excluded["copy of another photo of the person"] += 1
    return kept, tuple(copies)


def _subject(person: Person, protected: int, clean: int) -> Subject:
    rest = person.photos[protected:]
    return Subject(person.name, person.photos[:protected], rest[:clean])


def _spread(people: Sequence[Person], count: int) -> list[Person]:
    """Take so many at even distances."""
    stride = max(1.0, len(people) / max(1, count))
    return [people[int(index * stride)] for index in range(min(count, len(people)))]
