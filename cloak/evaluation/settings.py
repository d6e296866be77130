"""What an evaluation is asked to do."""

from dataclasses import dataclass, field
from pathlib import Path

from cloak.errors import UsageError
from cloak.evaluation import conditions as suffered
from cloak.evaluation.dataset import Split
from cloak.evaluation.methods import METHODS
from cloak.models import Profile

PROTOCOLS = "ABCDEFG"
LEAVE_ONE_OUT = "leave-one-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationConfig:
    """One run of `cloak evaluate`.

    Attributes:
        photos: folder of folders, one a person.
        output: folder for results and for what need not be computed twice.
        protocols: letters out of `PROTOCOLS`.
        methods: see `cloak.evaluation.methods.open_method`.
        victims: names, ONNX files, or `LEAVE_ONE_OUT`.
        conditions: see `cloak.evaluation.conditions`; protocol E asks A and B under each, so that it implies them.
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
        suffered.parse(self.conditions)
        for what in ("protocols", "methods", "victims"):
            if not getattr(self, what):
                raise UsageError(f"no {what} to evaluate: name one at least")

    def wants(self, letter: str) -> bool:
        """Say whether a protocol is to be run."""
        return letter in self.protocols or (letter in "AB" and "E" in self.protocols)

    @property
    def suffered(self) -> tuple[str, ...]:
        """The conditions to look under; `NONE` comes first."""
        return suffered.parse(self.conditions if self.wants("E") else ())
