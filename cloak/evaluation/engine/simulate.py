"""The whole story: what a stranger with a photo finds while profiles are as they are, and when they are protected."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from cloak.config import AttackConfig, ProtectConfig, Strength
from cloak.device import pick_device
from cloak.errors import ConfigError, DatasetError
from cloak.evaluation.dataset import Dataset, PhotoFile
from cloak.evaluation.engine import vectors
from cloak.evaluation.engine.crowd import Crowd
from cloak.evaluation.engine.database import Database
from cloak.evaluation.engine.eyes import FINDER, Eyes
from cloak.evaluation.engine.index import Index, Taken
from cloak.evaluation.engine.people import Wanted, able, choose
from cloak.evaluation.engine.profiles import Published
from cloak.evaluation.engine.searching import RANKED, made_up, searches
from cloak.evaluation.engine.story import Chapter, Story
from cloak.evaluation.engine.strangers import refuse_few
from cloak.evaluation.engine.threshold import Threshold, measurable, registered
from cloak.evaluation.engine.wardrobe import Wardrobe, Worn
from cloak.evaluation.progress import Progress, silent
from cloak.files import check_folder
from cloak.image.codec import decode
from cloak.models import WITNESS, Profile, artifact, surrogates
from cloak.names import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationConfig:
    """One run of `cloak engine simulate`.

    Attributes:
        profiles: folder of folders, one a person.
        identities: people at most.
        photos: public photos of each at most.
        strength: of the cloaks.
        weights: which surrogates they are made against.
        attack: how they are searched for; None for what is behind `strength`.
        recogniser: what the engine embeds with, a name or an ONNX file.
        finder: what it detects with.
        distractors: made-up strangers beside the people.
        work: folder for what need not be computed twice; None keeps nothing.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        seed: of every random draw.

    Raises:
        ConfigError: a number is too small.
    """

    profiles: Path
    identities: int = 200
    photos: int = 5
    strength: Strength = Strength.BALANCED
    weights: Profile = Profile.OPEN
    attack: AttackConfig | None = None
    recogniser: str = WITNESS
    finder: str = FINDER
    distractors: int = 0
    work: Path | None = None
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("identities", 2), ("photos", 1), ("distractors", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}, got {getattr(self, name)}")

    @property
    def protect(self) -> ProtectConfig:
        """How the photos are protected."""
        attack = self.attack or AttackConfig.preset(self.strength, seed=self.seed)
        return ProtectConfig(attack=attack, weights=self.weights, device=self.device, overwrite=True)


def simulate(config: SimulationConfig, progress: Progress = silent) -> Story:
    """Run a simulation.

    Raises:
        DatasetError: the profiles are not enough: no faces, one person, one photo of each.
        CloakError: a network cannot be had, or nothing can be written.
    """
    with ExitStack() as stack:
        work = config.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cloak-engine-")))
        check_folder(work)
        return _Simulation(config, work, progress).run()


class _Simulation:
    def __init__(self, config: SimulationConfig, work: Path, progress: Progress) -> None:
        vectors.check()
        self.config = config
        self.work = work
        self.progress = progress
        self.eyes = Eyes(config.recogniser, config.finder, device=pick_device(config.device))
        self.excluded: Counter[str] = Counter()
        self.failed: list[tuple[str, str]] = []

    def run(self) -> Story:
        dataset = self._scan()
        people = self._choose(dataset)
        if self.config.distractors:
            refuse_few(len(people))  # before the work
        if registered(self.eyes.victim) is None and not measurable(len(people)):
            raise self._unsettled(len(people))
        wardrobe = Wardrobe(self.work / "cloaks", self.config.protect)
        worn = self._protect(wardrobe, people)
        people = self._published(people, worn)
        with (
            self._index("clean", people) as clean,
            self._index("protected", people, worn, wardrobe.key) as protected,
        ):
            chapters, threshold, crowd = self._searched(people, clean, protected)
            faces = (len(clean.gallery), len(protected.gallery))
        return Story(
            chapters=chapters,
            faces=faces,
            uncloaked=sum(not worn[photo.digest].faces for photo in _public(people)),
            excluded=dict(+self.excluded),
            copies=len(dataset.copies),
            failed=self.failed,
            recogniser=self.eyes.victim.name,
            surrogate=self.eyes.victim.weights in {artifact(name).sha256 for name in surrogates(self.config.weights)},
            finder=self.eyes.finder.name,
            threshold=threshold,
            strength=str(self.config.strength),
            weights=str(self.config.weights),
            seed=self.config.seed,
            crowd=crowd,
        )

    def _scan(self) -> Dataset:
        folder = self.config.profiles
        total = sum(1 for path in folder.glob("*/*") if path.is_file()) if folder.is_dir() else 0
        with self.progress("Reading photos", total) as advance:
            dataset = Dataset.scan(folder, advance=advance)
        self.excluded.update(dataset.excluded)
        self.excluded["the only photo of a person"] += sum(len(one.photos) == 1 for one in dataset.people)
        return dataset

    def _choose(self, dataset: Dataset) -> list[Wanted]:
        people, config, found = able(dataset), self.config, []
        with self.progress("Finding faces", min(config.identities, len(people))) as advance:
            for person in choose(
                people,
                lambda photo: self.eyes.central(decode(photo.bytes())),
                identities=config.identities,
                photos=config.photos,
                seed=config.seed,
                excluded=self.excluded,
            ):
                found.append(person)
                advance()
        if len(found) < 2:
            raise DatasetError(
                f"faces were found of {len(found)} people, and two are needed: are these photos of people?"
            )
        return found

    def _protect(self, wardrobe: Wardrobe, people: Sequence[Wanted]) -> dict[str, Worn]:
        photos = _public(people)
        with self.progress("Protecting", len(wardrobe.waiting(photos))) as advance:
            return wardrobe.protect(photos, advance)

    def _published(self, people: Sequence[Wanted], worn: dict[str, Worn]) -> list[Wanted]:
        """Leave out what could not be protected, before and after alike: it would pass for protected."""
        for photo in _public(people):
            if worn[photo.digest].file is None:
                self.failed.append((shown(photo.path), worn[photo.digest].reason))
        kept = [replace(one, public=tuple(p for p in one.public if worn[p.digest].file)) for one in people]
        if sum(bool(one.public) for one in kept) < 2:
            raise DatasetError(
                f"{len(self.failed)} photos could not be protected, and too few are left: {self.failed[0][1]}"
            )
        return [one for one in kept if one.public]

    def _index(self, kind: str, people: Sequence[Wanted], worn: dict[str, Worn] | None = None, made: str = "") -> Index:
        """Index the public photos, as they are or as they were written, at the same places."""
        photos = []
        for one in people:
            for photo in one.public:
                path = worn[photo.digest].file if worn else None
                photos.append(Published(path=path or photo.path, link=shown(photo.path), page=shown(one.name)))
        parts = (self.eyes.settings, made, [(photo.digest, shown(photo.path)) for photo in _public(people)])
        name = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
        index = Index(Database(self.work / f"{kind}-{name}.faces", self.eyes.settings), self.eyes)
        with self.progress(f"Indexing {kind} profiles", len(photos)) as advance:
            for indexed in index.add(photos):
                self.excluded[f"could not be indexed ({kind})"] += indexed.taken is Taken.FAILED
                advance()
        index.gallery.finish()
        return index

    def _searched(
        self, people: Sequence[Wanted], clean: Index, protected: Index
    ) -> tuple[list[Chapter], Threshold, Crowd | None]:
        probes = torch.stack([person.probe.embedding for person in people])
        threshold = clean.threshold()
        if threshold is None:
            raise self._unsettled(len(people))
        strangers, crowd = torch.zeros(len(probes), 0), None
        if number := self.config.distractors:
            strangers, crowd = made_up(
                clean.gallery, probes, threshold, number=number, most=RANKED, seed=self.config.seed
            )
        names = [shown(person.name) for person in people]
        before, after = (
            searches(index.gallery, names, probes, strangers, threshold.cosine) for index in (clean, protected)
        )
        chapters = [
            Chapter(name=name, probe=one.probe.thumbnail, photos=len(one.public), before=was, after=now)
            for name, one, was, now in zip(names, people, before, after, strict=True)
        ]
        return chapters, threshold, crowd

    def _unsettled(self, people: int) -> DatasetError:
        return DatasetError(
            f"{people} people are too few to set a threshold for {self.eyes.victim.name}: add people, or use a "
            "recogniser of `cloak models list`"
        )


def _public(people: Sequence[Wanted]) -> list[PhotoFile]:
    return [photo for person in people for photo in person.public]
