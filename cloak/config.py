"""Everything that can be set, as frozen dataclasses, and the presets behind `--strength` and `--effort`."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cloak.container import Container
from cloak.errors import ConfigError, UsageError
from cloak.models import Profile
from cloak.names import NamePolicy


class Strength(StrEnum):
    """How much may be seen. Protection is what can be had for it."""

    SUBTLE = "subtle"
    BALANCED = "balanced"
    STRONG = "strong"


class Effort(StrEnum):
    """How long a cloak is searched for. Each protects a little better than the one before, for twice the time."""

    QUICK = "quick"
    NORMAL = "normal"
    THOROUGH = "thorough"


class FacePolicy(StrEnum):
    """Which faces of a photo are cloaked."""

    ALL = "all"
    LARGEST = "largest"
    NONE = "none"


class ProtectPolicy(StrEnum):
    """Whose faces are cloaked: those of all, of the person that reference photos show, or of all but that person."""

    ALL = "all"
    ME = "me"
    EXCEPT = "except"


class BystanderPolicy(StrEnum):
    """What happens to faces that are not selected, by `ProtectPolicy` or `FacePolicy`."""

    LEAVE = "leave"
    BLUR = "blur"
    CLOAK = "cloak"


class NoFacePolicy(StrEnum):
    """What happens to a photo in which no face was found."""

    STRIP = "strip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much a cloak may be seen, over the whole region that it changes.

    Attributes:
        eps: largest change of any channel of any pixel, in [0, 1] units.
        dssim: (1 - SSIM) / 2, Gaussian window of sigma 1.5, mean over RGB, of the written file: `Scene.room` of it is
            the cloak's, the rest is what compression adds.
        colour: RMS of the low-passed change of Cb and Cr, in grey levels: a tint.
        luma: RMS of the low-passed change of Y, in grey levels: a blotch or a shadow.
    """

    eps: float = 36 / 255
    dssim: float = 0.0125
    colour: float = 0.75
    luma: float = 1.6

    def __post_init__(self) -> None:
        if not 0 < self.eps <= 1:
            raise ConfigError(f"eps must be in (0, 1], got {self.eps:g}: write 8/255")
        for name, limit in (("dssim", 0.5), ("colour", 255), ("luma", 255)):
            if not 0 < getattr(self, name) <= limit:
                raise ConfigError(f"{name} must be in (0, {limit:g}], got {getattr(self, name):g}")


BUDGETS = {
    Strength.SUBTLE: Budget(eps=32 / 255, dssim=0.0065, colour=0.5, luma=1.05),
    Strength.BALANCED: Budget(),
    Strength.STRONG: Budget(eps=64 / 255, dssim=0.024, colour=1.1, luma=2.4),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """How far views are from the ideal one.

    Attributes:
        landmarks: standard deviation of each landmark coordinate, in eye distances; detectors differ by that much.
        scale: standard deviation of the log scale of the crop.
        rotation: standard deviation in radians.
        shift: standard deviation in units of the crop.
        degrade: probability that a view is blurred, resized or noisy.
        flip: probability that a view is mirrored.
    """

    landmarks: float = 0.06
    scale: float = 0.1
    rotation: float = 0.06
    shift: float = 0.02
    degrade: float = 0.75
    flip: float = 0.5

    def __post_init__(self) -> None:
        for name in ("landmarks", "scale", "rotation", "shift"):
            if not 0 <= getattr(self, name) <= 0.5:
                raise ConfigError(f"{name} must be in [0, 0.5], got {getattr(self, name):g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackConfig:
    """How a cloak is searched for.

    Attributes:
        budget: what may be seen.
        views: how far from the ideal one the views are that surrogates get.
        steps: gradient steps; each uses one surrogate.
        looks: random views of the clean face, beside the ideal one, that say what it is to be made unlike.
        rate: size of the first step as a share of the whole budget; it falls along a cosine.
        momentum: share of the old direction in the new one.
        margin: how unlike itself a face shall become: a cosine of -margin.
        seed: of every random draw.
    """

    budget: Budget = field(default_factory=Budget)
    views: Views = field(default_factory=Views)
    steps: int = 120
    looks: int = 8
    rate: float = 0.8
    momentum: float = 0.8
    margin: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError(f"steps must be at least 1, got {self.steps}")
        if self.looks < 0:
            raise ConfigError(f"looks must not be negative, got {self.looks}")
        if not 0 < self.rate <= 10 or not 0 <= self.momentum < 1:
            raise ConfigError(f"rate must be in (0, 10], momentum in [0, 1): got {self.rate:g}, {self.momentum:g}")
        if not hasattr(self.seed, "__index__") or not -(2**63) <= self.seed < 2**64:
            raise ConfigError(f"seed must be a whole number of 64 bits, got {self.seed!r}: write 1")

    @classmethod
    def preset(
        cls, strength: Strength = Strength.BALANCED, effort: Effort = Effort.NORMAL, *, seed: int = 0
    ) -> "AttackConfig":
        """Return the configuration behind `--strength` and `--effort`."""
        steps, looks, momentum, rate = SEARCHES[effort]
        return cls(budget=BUDGETS[strength], steps=steps, looks=looks, momentum=momentum, rate=rate, seed=seed)


SEARCHES = {
    Effort.QUICK: (60, 4, 0.7, 0.8),
    Effort.NORMAL: (120, 8, 0.8, 0.8),
    Effort.THOROUGH: (240, 8, 0.9, 0.5),
}
"""Steps, looks, momentum and rate of each effort: docs/research.md has what each is worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectConfig:
    """One run of `cloak protect`.

    Attributes:
        attack: how cloaks are searched for.
        weights: which surrogates, by licence.
        faces: which faces are cloaked.
        protect: whose faces are cloaked.
        bystanders: what happens to the other faces.
        no_face: what happens to photos without one.
        names: what written files are called.
        container: the format to write, or None to keep each photo's own.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        overwrite: replace files that are already in the output folder.
        dry_run: do everything except write.
        max_pixels: photos larger than this are refused.
        batch: faces that are cloaked together at most.
        jobs: processors to keep busy; None for all that there are.
        report: where to write the HTML report, if anywhere.
    """

    attack: AttackConfig = field(default_factory=AttackConfig)
    weights: Profile = Profile.OPEN
    faces: FacePolicy = FacePolicy.ALL
    protect: ProtectPolicy = ProtectPolicy.ALL
    bystanders: BystanderPolicy = BystanderPolicy.LEAVE
    no_face: NoFacePolicy = NoFacePolicy.STRIP
    names: NamePolicy = NamePolicy.KEEP
    container: Container | None = None
    device: str = "auto"
    overwrite: bool = False
    dry_run: bool = False
    max_pixels: int = 200_000_000
    batch: int = 8
    jobs: int | None = None
    report: Path | None = None

    def __post_init__(self) -> None:
        if self.batch < 1 or (self.jobs is not None and self.jobs < 1):
            raise ConfigError(f"batch and jobs must be at least 1, got {self.batch} and {self.jobs}")
        if problem := _contradiction(self.faces, self.protect, self.bystanders):
            raise UsageError(problem)

    @property
    def selective(self) -> bool:
        """Whether some faces may be treated unlike others because of whose they are, or be blurred."""
        return self.protect is not ProtectPolicy.ALL or self.bystanders is not BystanderPolicy.LEAVE


def _contradiction(faces: FacePolicy, protect: ProtectPolicy, bystanders: BystanderPolicy) -> str | None:
    """Say what is wrong with a combination, and what to do, if anything is."""
    if protect is not ProtectPolicy.ALL and faces is not FacePolicy.ALL:
        return f"--protect {protect} says which faces to cloak, and so does --faces {faces}: leave one of them out"
    if bystanders is BystanderPolicy.LEAVE:
        return None
    if faces is FacePolicy.NONE:
        return f"--faces none looks for no faces, and --bystanders {bystanders} needs them: leave one of them out"
    if protect is ProtectPolicy.ALL and faces is FacePolicy.ALL:
        return (
            f"--bystanders {bystanders} is about faces that are not selected, and all are: "
            "add --protect me, --protect except or --faces largest"
        )
    if bystanders is BystanderPolicy.CLOAK and protect is not ProtectPolicy.ME:
        return f"--bystanders cloak cloaks the faces that {_spares(protect)} leaves out: leave one of them out"
    return None


def _spares(protect: ProtectPolicy) -> str:
    return "--protect except" if protect is ProtectPolicy.EXCEPT else "--faces largest"
