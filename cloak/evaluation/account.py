"""What a reader has to know beside the numbers: settings, machine, counts, warnings."""

import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cloak.evaluation.dataset import Cohort, Dataset
from cloak.evaluation.finders import Finder
from cloak.evaluation.methods import Method
from cloak.evaluation.results import Results
from cloak.evaluation.statistics import FALSE_ACCEPT_RATES, FEWEST_IMPOSTORS, FEWEST_PEOPLE
from cloak.evaluation.victims import Victim
from cloak.models import artifact, artifacts
from cloak.models.registry import DETECTOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A method, and who judges it.

    Attributes:
        method: of making cloaks.
        name: for tables.
        victims: judges.
        left_out: whether they are surrogates that this method does without.
    """

    method: Method
    name: str
    victims: tuple[Victim, ...]
    left_out: bool = False

    def used(self, victim: Victim) -> bool:
        """Say whether a victim has the weights of one of the method's surrogates, whatever either is called."""
        return victim.weights in {artifact(name).sha256 for name in self.method.surrogates}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Gives an account of one run.

    Attributes:
        dataset: all people.
        people: who plays which part.
        trials: methods and their judges.
        finder: the engines' detector.
        faceless: photos without a face to cloak.
    """

    dataset: Dataset
    people: Cohort
    trials: Sequence[Trial]
    finder: Finder
    faceless: int

    def results(self, settings: Mapping[str, Any], *, names: bool) -> Results:
        """Return results without rows; people are numbered unless they are to be named."""
        subjects = self.people.subjects
        told = [subject.name if names else f"person {number}" for number, subject in enumerate(subjects, 1)]
        return Results(
            settings={name: _plain(value) for name, value in settings.items()},
            environment=self._environment(),
            people=told,
            counts={
                "people": len(self.dataset.people),
                "subjects": len(subjects),
                "protected_photos": sum(len(subject.protected) for subject in subjects),
                "clean_photos": sum(len(subject.clean) for subject in subjects),
                "trainees": len(self.people.trainees),
                "strangers": len(self.people.strangers),
                "excluded": self._excluded(),
                "copies_under_several_names": len(self.dataset.copies),
            },
            warnings=self._warnings(),
        )

    def _excluded(self) -> dict[str, int]:
        return dict(self.dataset.excluded) | ({"no face found": self.faceless} if self.faceless else {})

    def _warnings(self) -> list[str]:
        subjects, count = len(self.people.subjects), len(self.people.strangers)
        pairs = count * (count - 1) // 2
        told = [f"{number} photos left out: {reason}" for reason, number in self._excluded().items()]
        if subjects < FEWEST_PEOPLE:
            told.append(f"{subjects} people are few: intervals are wide, {FEWEST_PEOPLE} are the least to rely on")
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
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
            "threads": torch.get_num_threads(),
            "detector": {"name": self.finder.name, "key": self.finder.key},
            "victims": {victim.name: victim.weights for trial in self.trials for victim in trial.victims},
            "methods": {trial.name: trial.method.key for trial in self.trials if not trial.left_out},
            "surrogates": {name: artifacts()[name].sha256 for name in used},
        }


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
