"""What a reader has to know beside the numbers: settings, machine, counts, warnings."""

import platform
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cloak.evaluation.cloaks import Cloaked, machine
from cloak.evaluation.dataset import Cohort, Dataset, Subject
from cloak.evaluation.finders import Finder
from cloak.evaluation.results import Cost, Results
from cloak.evaluation.settings import EvaluationConfig
from cloak.evaluation.statistics import FALSE_ACCEPT_RATES, FEWEST_IMPOSTORS, FEWEST_PEOPLE
from cloak.evaluation.trials import Trial
from cloak.models import artifacts
from cloak.models.registry import DETECTOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Gives an account of one run.

    Attributes:
        dataset: all people.
        people: who plays which part.
        trials: methods and their judges.
        finder: the engines' detector.
        outside: the people of another folder, if strangers come from there.
        faceless: photos without a face to cloak.
        unseen: strangers, and clean photos of subjects, in which the engines' detector finds no face.
        config: of the run.
    """

    config: EvaluationConfig
    dataset: Dataset
    outside: Dataset | None
    people: Cohort
    trials: Sequence[Trial]
    finder: Finder
    faceless: int
    unseen: tuple[int, int]

    def results(self) -> Results:
        """Return results without rows; people are numbered unless they are to be named."""
        subjects, settings = self.people.subjects, asdict(self.config)
        return Results(
            settings={name: _plain(value) for name, value in settings.items()},
            environment=self._environment(),
            people=self._called(subjects, "person"),
            trainees=self._called(self.people.trainees, "trainee"),
            counts={
                "people": len(self.dataset.people),
                "subjects": len(subjects),
                "protected_photos": sum(len(subject.protected) for subject in subjects),
                "clean_photos": sum(len(subject.clean) for subject in subjects) - self.unseen[1],
                "trainees": len(self.people.trainees),
                "strangers": self._strangers,
                "excluded": self._excluded(),
                "copies_under_several_names": len(self.dataset.copies),
            },
            warnings=self._warnings(),
        )

    @property
    def _strangers(self) -> int:
        return len(self.people.strangers) - self.unseen[0]

    def _called(self, subjects: Sequence[Subject], word: str) -> list[str]:
        return [one.name if self.config.names else f"{word} {number}" for number, one in enumerate(subjects, 1)]

    def _excluded(self) -> dict[str, int]:
        excluded = self.dataset.excluded + (self.outside.excluded if self.outside else Counter())
        strangers, clean = self.unseen
        without = {"no face found": self.faceless, "stranger, no face found": strangers, "clean, no face found": clean}
        return dict(excluded + Counter(without))

    def _skipped(self) -> Iterator[str]:
        """Say which protocols cannot be run, and why."""
        wants = self.config.wants
        if wants("C") and len(self.people.trainees) < 2:
            yield "protocol C was left out: it needs two people with 15 photos"
        elif wants("C") and len(self.people.trainees) < FEWEST_PEOPLE:
            yield f"{len(self.people.trainees)} trainees (protocol C) are few: intervals are wide"
        if wants("F") and not self.people.public:
            yield "protocol F was left out: nobody is left whose photos an engine could adapt on"
        elif wants("F") and not any(trial.adaptable for trial in self.trials):
            yield "protocol F was left out: it needs a victim of the registry that is no surrogate"

    def _warnings(self) -> list[str]:
        subjects, count = len(self.people.subjects), self._strangers
        pairs = count * (count - 1) // 2
        told = [f"{number} photos left out: {reason}" for reason, number in self._excluded().items()]
        if subjects < FEWEST_PEOPLE:
            told.append(f"{subjects} people are few: intervals are wide, {FEWEST_PEOPLE} are the least to rely on")
        told += self._skipped()
        told += [
            f"{pairs:,} pairs of strangers are too few for a FAR of {rate:g}: no figures at it"
            for rate in FALSE_ACCEPT_RATES
            if pairs * rate < FEWEST_IMPOSTORS
        ]
        if self.finder.name == DETECTOR:
            told.append("detected by the detector that the cloaks were made with: not as an engine would")
        marked = {(victim.name, trial.name) for trial in self.trials for victim in trial.victims if trial.used(victim)}
        told += [f"{victim} is a surrogate of {method}: no measure of protection" for victim, method in sorted(marked)]
        return told

    def _environment(self) -> dict[str, Any]:
        used = sorted({name for trial in self.trials for name in trial.method.surrogates})
        return {
            "commit": _commit(),
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": machine(),
            "detector": {"name": self.finder.name, "key": self.finder.key},
            "victims": {victim.name: victim.weights for trial in self.trials for victim in trial.victims},
            "methods": {trial.name: trial.method.key for trial in self.trials if not trial.left_out},
            "surrogates": {name: artifacts()[name].sha256 for name in used},
        }


def cost(name: str, made: Sequence[Cloaked]) -> Cost:
    """Sum up protocol G for one method."""
    seconds = np.array([one.seconds for one in made])
    looks = {key: [one.looks[key] for one in made] for key in made[0].looks}
    looks["size_ratio"] = [one.size_ratio for one in made]
    return Cost(
        method=name,
        looks={key: (float(np.mean(values)), float(np.max(values))) for key, values in looks.items()},
        seconds=float(np.median(seconds)),
        spread=(float(np.quantile(seconds, 0.25)), float(np.quantile(seconds, 0.75))),
        photos=len(made),
        processor=float(np.median([one.processor for one in made])),
        machines=tuple(sorted({one.machine for one in made})),
        earlier=sum(not one.fresh for one in made),
    )


def _commit() -> str | None:
    """Return the commit of the code, if it lies in a repository and there is git."""
    try:
        told = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 -- whichever git there is
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parent,
        )
    except OSError:
        return None
    return told.stdout.strip() or None


def _plain(value: Any) -> Any:  # noqa: ANN401 -- settings become JSON
    """Keep the last part of paths: where something lay on a disk is nobody's business."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, list | tuple):
        return [Path(each).name if str(each).endswith(".onnx") else _plain(each) for each in value]
    return str(value) if value is not None and not isinstance(value, str | int | float | bool | dict) else value
