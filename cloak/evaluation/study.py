"""One evaluation, from a folder of photos to results: the only file that knows all of its parts."""

import resource
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch

from cloak.errors import DatasetError, UsageError
from cloak.evaluation import adaptive
from cloak.evaluation import conditions as suffered
from cloak.evaluation.account import Account, Trial
from cloak.evaluation.cloaks import Cloaked, Workshop
from cloak.evaluation.dataset import Cohort, Dataset, PhotoFile, Split, Subject, cohort
from cloak.evaluation.finders import Finder, open_finder
from cloak.evaluation.methods import METHODS, Method, Targets, open_method
from cloak.evaluation.observer import Observer
from cloak.evaluation.questions import Bench, strangers
from cloak.evaluation.results import Cost, Results
from cloak.evaluation.statistics import Impostors
from cloak.evaluation.store import Store
from cloak.evaluation.victims import RegistryVictim, Victim, open_victim
from cloak.models import Profile, Recogniser, load_lpips
from cloak.networks import Networks
from cloak.photo import Face

PROTOCOLS = "ABCDEFG"
LEAVE_ONE_OUT = "leave-one-out"

Progress: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Given what is being done and how many times: what to call after each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationConfig:
    """One run of `cloak evaluate`.

    Attributes:
        photos: folder of folders, one a person.
        output: folder for results and for what need not be computed twice.
        protocols: letters out of `PROTOCOLS`.
        methods: see `cloak.evaluation.methods.open_method`.
        victims: names, ONNX files, or `LEAVE_ONE_OUT`.
        conditions: see `cloak.evaluation.conditions`; protocol E asks A and B under each.
        split: who plays which part.
        weights: which surrogates.
        finder: the detector that engines use.
        strangers: another folder of people, for thresholds and galleries.
        device: where networks compute.
        seed: of every random draw.
        names: whether results name people; else they are numbered.
    """

    photos: Path
    output: Path
    protocols: tuple[str, ...] = ("A", "B", "G")
    methods: tuple[str, ...] = ("ours:balanced", "noise", "none")
    victims: tuple[str, ...] = ("mobilefacenet_fxz", "facenet_msceleb")
    conditions: tuple[str, ...] = ("jpeg75",)
    split: Split = field(default_factory=Split)
    weights: Profile = Profile.OPEN
    finder: str = "scrfd"
    strangers: Path | None = None
    device: str = "cpu"
    seed: int = 0
    names: bool = False

    def __post_init__(self) -> None:
        if unknown := [letter for letter in self.protocols if letter not in PROTOCOLS or len(letter) != 1]:
            raise UsageError(f"unknown protocol {unknown[0]!r}: choose from {', '.join(PROTOCOLS)} or all")
        if strange := [name for name in self.methods if name not in METHODS]:
            raise UsageError(f"unknown method {strange[0]!r}: choose from {', '.join(METHODS)}")
        for what in ("protocols", "methods", "victims"):
            if not getattr(self, what):
                raise UsageError(f"no {what} to evaluate: name one at least")


def evaluate(
    config: EvaluationConfig, progress: Progress = lambda _label, _total: nullcontext(lambda: None)
) -> Results:
    """Run the protocols and return what came of it; nothing is published, everything computed is kept.

    Raises:
        CloakError: the photos are not enough, or a network, victim or method cannot be had.
    """
    suffered.parse(config.conditions)
    config.output.mkdir(parents=True, exist_ok=True)
    return _Study(config, progress).run()


class _Study:
    def __init__(self, config: EvaluationConfig, progress: Progress) -> None:
        self.config = config
        self.progress = progress
        self.networks = Networks(config.weights, torch.device(config.device))
        self.finder: Finder = open_finder(config.finder, device=config.device)
        self.store = Store(config.output / "embeddings.sqlite")
        self.workshop = Workshop(config.output / "cloaks", self.networks.detector, load_lpips(device=config.device))
        self.faceless = 0
        names = [name for name in config.victims if name != LEAVE_ONE_OUT]
        self.victims = tuple(open_victim(name, device=config.device) for name in names)
        self.made: dict[tuple[str, Subject], list[Cloaked]] = {}

    def run(self) -> Results:
        config = self.config
        dataset = self._scan(config.photos)
        outside = self._scan(config.strangers).people if config.strangers else ()
        people = self._with_faces(cohort(dataset, config.split, strangers=outside))
        trials = self._trials(self._targets(people))
        told = Account(dataset=dataset, people=people, trials=trials, finder=self.finder, faceless=self.faceless)
        results = told.results(asdict(config), names=config.names)
        self._protect(trials, people)
        self._observe(trials, people)
        for trial in trials:
            for victim in trial.victims:
                self._ask(trial, victim, people, results)
        if "G" in config.protocols:
            results.costs += [self._cost(trial, people) for trial in trials if not trial.left_out]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        results.environment["peak_memory_mib"] = round(peak)
        return results

    def _scan(self, folder: Path) -> Dataset:
        total = sum(1 for path in folder.glob("*/*") if path.is_file()) if folder.is_dir() else 0
        with self.progress("Reading photos", total) as advance:
            return Dataset.scan(folder, advance=advance)

    def _with_faces(self, everybody: Cohort) -> Cohort:
        """Leave out photos in which there is nothing to cloak, and people who then have none to protect."""
        parts = {"subjects": everybody.subjects, "trainees": everybody.trainees, "public": everybody.public}
        files = {file for part in parts.values() for subject in part for file in subject.protected}
        with self.progress("Finding faces", len(files)) as advance:
            faceless = {file for file in files if self._faceless(file, advance)}
        self.faceless = len(faceless)
        kept = {
            name: tuple(
                Subject(subject.name, left, subject.clean)
                for subject in part
                if (left := tuple(file for file in subject.protected if file not in faceless))
            )
            for name, part in parts.items()
        }
        if not kept["subjects"]:
            raise DatasetError("no face was found in any of the photos to protect: are they photos of people?")
        return replace(everybody, subjects=kept["subjects"], trainees=kept["trainees"], public=kept["public"])

    def _faceless(self, file: PhotoFile, advance: Callable[[], None]) -> bool:
        face: Face | None = self.workshop.face(file)
        advance()
        return face is None

    def _targets(self, people: Cohort) -> Targets | None:
        """Return whom targeted methods choose from; None, for those that ship, if nobody is left for it."""
        observer = Observer(self.finder, self.store)
        faces = [face for file in people.targets if (face := observer.look(file))]
        return Targets([[face] for face in faces]) if faces else None

    def _trials(self, targets: Targets | None) -> list[Trial]:
        everyone = self.networks.surrogates
        trials = []
        for text in self.config.methods:
            if self.victims:
                method = self._method(text, everyone, targets)
                trials.append(Trial(method=method, name=text, victims=self.victims))
            if LEAVE_ONE_OUT in self.config.victims:
                trials += [self._without(text, everyone, left, targets) for left in everyone]
        return trials

    def _without(self, text: str, everyone: Sequence[Recogniser], left: Recogniser, targets: Targets | None) -> Trial:
        others = [recogniser for recogniser in everyone if recogniser is not left]
        if not others:
            raise UsageError("leave-one-out needs two surrogates at least")
        victim = open_victim(left.name, device=self.config.device, profile=self.config.weights)
        return Trial(method=self._method(text, others, targets), name=text, victims=(victim,), left_out=True)

    def _method(self, text: str, surrogates: Sequence[Recogniser], targets: Targets | None) -> Method:
        return open_method(
            text, surrogates=surrogates, seed=self.config.seed, device=self.config.device, targets=targets
        )

    def _parts(self, people: Cohort) -> Iterable[Subject]:
        yield from people.subjects
        if "C" in self.config.protocols:
            yield from people.trainees
        if "F" in self.config.protocols:
            yield from people.public

    def _protect(self, trials: Sequence[Trial], people: Cohort) -> None:
        subjects = list(self._parts(people))
        total = len(trials) * sum(len(subject.protected) for subject in subjects)
        with self.progress("Cloaking", total) as advance:
            self.workshop.advance = advance
            for trial in trials:
                for subject in subjects:
                    self.made[trial.method.key, subject] = self.workshop.protect(trial.method, subject.protected)

    def _files(self, trial: Trial, subject: Subject) -> list[PhotoFile]:
        return [cloaked.file for cloaked in self.made[trial.method.key, subject]]

    def _observe(self, trials: Sequence[Trial], people: Cohort) -> None:
        """Let every victim see every file once, file by file: reading and detecting are done once for all victims."""
        subjects = list(self._parts(people))
        clean = [file for subject in subjects for file in (*subject.protected, *subject.clean)] + list(people.strangers)
        victims = {victim.key: victim for trial in trials for victim in trial.victims}
        work: list[tuple[list[PhotoFile], Sequence[Victim], str]] = [(clean, list(victims.values()), suffered.NONE)]
        for condition in self._conditions():
            before = [file for subject in people.subjects for file in subject.protected]
            work.append((before, list(victims.values()), condition))
            for trial in trials:
                part = subjects if condition == suffered.NONE else people.subjects
                work.append(([f for subject in part for f in self._files(trial, subject)], trial.victims, condition))
        with self.progress("Judging", sum(len(set(files)) for files, *_ in work)) as advance:
            observer = Observer(self.finder, self.store, advance=advance)
            for files, judges, condition in work:
                observer.observe(files, judges, condition)

    def _conditions(self) -> tuple[str, ...]:
        return suffered.parse(self.config.conditions if "E" in self.config.protocols else ())

    def _bench(self, trial: Trial, victim: Victim, people: Cohort, results: Results, protocol: str = "") -> Bench:
        observer = Observer(self.finder, self.store)
        others = strangers(observer, people, victim).present
        return Bench(
            results=results,
            observer=observer,
            cohort=people,
            method=trial.name,
            protected=lambda subject: self._files(trial, subject),
            victim=victim,
            impostors=Impostors(others),
            strangers=others,
            surrogate=trial.used(victim),
            left_out=trial.left_out,
            protocol=protocol,
        )

    def _ask(self, trial: Trial, victim: Victim, people: Cohort, results: Results) -> None:
        bench = self._bench(trial, victim, people, results)
        wanted = self.config.protocols
        for condition in self._conditions():
            if "A" in wanted:
                bench.verify(condition)
            if "B" in wanted:
                bench.identify(condition)
        if "C" in wanted and len(people.trainees) > 1:
            bench.train()
        if "D" in wanted:
            bench.link()
        if "F" in wanted and people.public and isinstance(victim, RegistryVictim) and victim is _adaptable(trial):
            self._adapt(trial, victim, people, results)

    def _adapt(self, trial: Trial, victim: RegistryVictim, people: Cohort, results: Results) -> None:
        """Protocol F: let a victim train on public people, then ask it about the others."""
        observer = Observer(self.finder, self.store)
        clean = [file for subject in people.public for file in subject.protected]
        cloaked = [file for subject in people.public for file in self._files(trial, subject)]
        seen = adaptive.examples(observer, clean, cloaked)
        training = adaptive.Training(seed=self.config.seed)
        engines: list[Victim] = [victim]
        engines += [adapt(victim, seen, training) for adapt in (adaptive.fine_tuned, adaptive.denoised)]
        for adapted in engines:
            bench = self._bench(trial, adapted, people, results, protocol="F")
            bench.verify(suffered.NONE)
            if len(people.trainees) > 1:
                bench.train()
        undoing = adaptive.best_undoing(observer, victim, clean, cloaked)
        self._bench(trial, victim, people, results, protocol="F").verify(undoing)

    def _cost(self, trial: Trial, people: Cohort) -> Cost:
        made = [one for subject in people.subjects for one in self.made[trial.method.key, subject]]
        seconds = np.array([one.seconds for one in made])
        looks = {name: [one.looks[name] for one in made] for name in made[0].looks}
        looks["size_ratio"] = [one.size_ratio for one in made]
        return Cost(
            method=trial.name,
            looks={name: (float(np.mean(values)), float(np.max(values))) for name, values in looks.items()},
            seconds=float(np.median(seconds)),
            spread=(float(np.quantile(seconds, 0.25)), float(np.quantile(seconds, 0.75))),
            photos=len(made),
        )


def _adaptable(trial: Trial) -> Victim | None:
    """Return the first victim that can be trained and is no surrogate."""
    able = (one for one in trial.victims if isinstance(one, RegistryVictim) and not trial.used(one))
    return None if trial.left_out else next(able, None)
