"""One evaluation, from a folder of photos to results: the only file that knows all of its parts."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from cloak.bench import peak_memory
from cloak.errors import DatasetError
from cloak.evaluation import adaptive
from cloak.evaluation import conditions as suffered
from cloak.evaluation.account import Account, cost
from cloak.evaluation.cloaks import Cloaked, Workshop
from cloak.evaluation.dataset import Cohort, Dataset, PhotoFile, Subject, cohort
from cloak.evaluation.finders import Finder, open_finder
from cloak.evaluation.methods import Targets
from cloak.evaluation.observer import Observer
from cloak.evaluation.progress import Progress, silent
from cloak.evaluation.questions import Bench, strangers
from cloak.evaluation.results import Results
from cloak.evaluation.settings import EvaluationConfig
from cloak.evaluation.statistics import Impostors
from cloak.evaluation.store import Store
from cloak.evaluation.trials import Trial, open_victims, trials
from cloak.evaluation.victims import RegistryVictim, Victim
from cloak.files import write
from cloak.models import load_lpips
from cloak.names import shown
from cloak.networks import Networks
from cloak.photo import Face

COMPARED = 40
"""Strangers by whom victims are compared with surrogates."""


def evaluate(config: EvaluationConfig, progress: Progress = silent) -> Results:
    """Run the protocols and return what came of it; nothing is published, everything computed is kept.

    Raises:
        CloakError: the photos are not enough, or a network, victim or method cannot be had.
    """
    config.output.mkdir(parents=True, exist_ok=True)
    with closing(Store(config.output / "embeddings.sqlite")) as store:
        return _Study(config, progress, store).run()


class _Study:
    def __init__(self, config: EvaluationConfig, progress: Progress, store: Store) -> None:
        self.config = config
        self.progress = progress
        self.networks = Networks(config.weights, torch.device(config.device))
        self.finder: Finder = open_finder(config.finder, device=config.device)
        self.store = store
        self.workshop = Workshop(config.output / "cloaks", self.networks.detector, load_lpips(device=config.device))
        self.faceless = 0
        self.victims = open_victims(config)
        self.made: dict[tuple[str, Subject], list[Cloaked]] = {}

    def run(self) -> Results:
        config = self.config
        dataset = self._scan(config.photos)
        outside = self._scan(config.strangers).without(dataset) if config.strangers else None
        self._tell_copies([*dataset.copies, *(outside.copies if outside else ())])
        people = self._with_faces(cohort(dataset, config.split, strangers=outside.people if outside else ()))
        some = people.strangers[:COMPARED]
        answers = partial(self._answers, some)
        tried = list(trials(config, self.victims, self.networks.surrogates, self._targets(people), answers))
        self._protect(tried, people)
        self._observe(tried, people)
        account = Account(
            config=config,
            dataset=dataset,
            outside=outside,
            people=people,
            trials=tried,
            finder=self.finder,
            faceless=self.faceless,
            unseen=self._unseen(people, tried[0].victims[0]),
        )
        results = account.results()
        for trial in tried:
            for victim in trial.victims:
                self._ask(trial, victim, people, results)
        if config.wants("G"):
            results.costs += [cost(trial.name, self._cloaked(trial, people)) for trial in _once(tried)]
        # Of this run alone: it says little where most cloaks were there already.
        results.environment["peak_memory_mib"] = peak_memory()
        return results

    def _tell_copies(self, copies: Sequence[Sequence[Path]]) -> None:
        """Write down where copies under several names lie: beside the results, which name no paths."""
        if copies:
            lines = [" = ".join(map(shown, each)) for each in copies]
            write(self.config.output / "copies.txt", "\n".join([*lines, ""]).encode(), overwrite=True)

    def _answers(self, files: Sequence[PhotoFile], victim: Victim) -> torch.Tensor:
        return Observer(self.finder, self.store).recall(files, victim, suffered.NONE).present

    def _unseen(self, people: Cohort, victim: Victim) -> tuple[int, int]:
        """Count the strangers, and the clean photos of subjects, in which no face was found, whoever looks at faces."""
        observer = Observer(self.finder, self.store)
        clean = [file for subject in people.subjects for file in subject.clean]
        seen = (strangers(observer, people, victim), observer.recall(clean, victim, suffered.NONE))
        lost, missed = (int((~each.found).sum()) for each in seen)
        return lost, missed

    def _cloaked(self, trial: Trial, people: Cohort) -> list[Cloaked]:
        return [one for subject in people.subjects for one in self.made[trial.method.key, subject]]

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
        found = [(file, face) for file in people.targets if (face := observer.look(file))]
        origin = repr((self.finder.key, [file.digest for file, _ in found]))
        return Targets([[face] for _, face in found], origin) if found else None

    def _parts(self, people: Cohort) -> Iterable[Subject]:
        yield from people.subjects
        if self.config.wants("C"):
            yield from people.trainees
        if self.config.wants("F"):
            yield from people.public

    def _protect(self, trials: Sequence[Trial], people: Cohort) -> None:
        subjects = list(self._parts(people))
        total = len(trials) * sum(len(subject.protected) for subject in subjects)
        with self.progress("Cloaking", total) as advance:
            self.workshop.advance = advance
            for trial in trials:
                made = self.workshop.protect(trial.method, [subject.protected for subject in subjects])
                self.made |= {(trial.method.key, subject): own for subject, own in zip(subjects, made, strict=True)}

    def _files(self, trial: Trial, subject: Subject) -> list[PhotoFile]:
        return [cloaked.file for cloaked in self.made[trial.method.key, subject]]

    def _observe(self, trials: Sequence[Trial], people: Cohort) -> None:
        """Let every victim see every file once, file by file: reading and detecting are done once for all victims."""
        subjects = list(self._parts(people))
        clean = [file for subject in subjects for file in (*subject.protected, *subject.clean)] + list(people.strangers)
        victims = {victim.key: victim for trial in trials for victim in trial.victims}
        work: list[tuple[list[PhotoFile], Sequence[Victim], str]] = [(clean, list(victims.values()), suffered.NONE)]
        for condition in self.config.suffered:
            before = [file for subject in people.subjects for file in subject.protected]
            work.append((before, list(victims.values()), condition))
            for trial in trials:
                part = subjects if condition == suffered.NONE else people.subjects
                work.append(([f for subject in part for f in self._files(trial, subject)], trial.victims, condition))
        with self.progress("Judging", sum(len(set(files)) for files, *_ in work)) as advance:
            observer = Observer(self.finder, self.store, advance=advance)
            for files, judges, condition in work:
                observer.observe(files, judges, condition)

    def _bench(
        self,
        trial: Trial,
        victim: Victim,
        people: Cohort,
        results: Results,
        *,
        protocol: str = "",
        processed: str = suffered.NONE,
    ) -> Bench:
        observer = Observer(self.finder, self.store)
        others = strangers(observer, people, victim, processed).present
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
            processed=processed,
        )

    def _ask(self, trial: Trial, victim: Victim, people: Cohort, results: Results) -> None:
        bench = self._bench(trial, victim, people, results)
        wants = self.config.wants
        for condition in self.config.suffered:
            if wants("A"):
                bench.verify(condition)
            if wants("B"):
                bench.identify(condition)
        if wants("C") and len(people.trainees) > 1:
            bench.train()
        if wants("D"):
            bench.link()
        if wants("F") and people.public and victim is (able := trial.adaptable) and able:
            self._adapt(trial, able, people, results)

    def _adapt(self, trial: Trial, victim: RegistryVictim, people: Cohort, results: Results) -> None:
        """Protocol F: let a victim train on public people, then ask it about the others."""
        observer = Observer(self.finder, self.store)
        clean = [file for subject in people.public for file in subject.protected]
        cloaked = [file for subject in people.public for file in self._files(trial, subject)]
        seen = adaptive.examples(observer, clean, cloaked)
        if not seen:
            results.warnings.append(f"protocol F was left out for {trial.name}: no public face was found again")
            return
        training = adaptive.Training(seed=self.config.seed)
        engines: list[Victim] = [victim]
        engines += [adapt(victim, seen, training) for adapt in (adaptive.fine_tuned, adaptive.denoised)]
        for adapted in engines:
            bench = self._bench(trial, adapted, people, results, protocol="F")
            bench.verify(suffered.NONE)
            if len(people.trainees) > 1 and self.config.wants("C"):
                bench.train()
        undoing = adaptive.best_undoing(observer, victim, clean, cloaked)
        # Whoever undoes cloaks does so to every photo: which are cloaked is not written on them.
        self._bench(trial, victim, people, results, protocol="F", processed=undoing).verify(undoing)


def _once(tried: Sequence[Trial]) -> list[Trial]:
    """Return one trial of each method, with all surrogates where there is one."""
    ordered = sorted(tried, key=lambda trial: trial.left_out)
    names = [trial.name for trial in ordered]
    return [trial for place, trial in enumerate(ordered) if trial.name not in names[:place]]
