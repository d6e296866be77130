"""Cloak faces in photos that are in memory: from detection to the changed pixels."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cached_property
from os import PathLike
from typing import Any, TypeVar, overload

import torch
from PIL.Image import Image

from cloak.attack import attack
from cloak.config import AttackConfig, Effort, FacePolicy, ProtectConfig, ProtectPolicy, Strength
from cloak.conversions import like, to_photo
from cloak.device import pick_device
from cloak.errors import ConfigError, TooLargeError, UsageError
from cloak.faces.blur import blur
from cloak.faces.composite import composite
from cloak.faces.embed import align, embed_crops
from cloak.faces.frame import frame
from cloak.faces.people import Likeness, judge, score
from cloak.models import Profile, Recogniser, load_recogniser
from cloak.networks import Networks
from cloak.photo import Face, FaceBatch, Photo
from cloak.references import RECOGNISER, References
from cloak.selection import MIN_FACE, Chosen, is_large, overrule, select
from cloak.shortage import is_shortage
from cloak.steps import StoppedError
from cloak.targets import Treatment

_Picture = TypeVar("_Picture", Photo, torch.Tensor, Image)
_Kind = TypeVar("_Kind", bound=StrEnum)

_TOGETHER = 64
"""Photos in memory that are cloaked together."""


@dataclass(frozen=True, slots=True)
class Cloaked:
    """A photo with cloaks on the chosen faces, others blurred, and every other pixel as it was."""

    photo: Photo
    chosen: Chosen


class Cloaker:
    """Puts cloaks on the faces of photos.

    It holds the networks, so make one and use it for all photos. Nothing is loaded before the first photo.

    Attributes:
        config: what it was made with; the fields about files do not matter here.
        networks: the networks that it uses.

    Args:
        config: all settings.
        references: the person whom `config.protect` is about, unless it is about all.

    Raises:
        UsageError: there are no references, and it is about a person; or this machine has no such device.
        ReferencesError: another recogniser made them.
    """

    def __init__(self, config: ProtectConfig | None = None, references: References | None = None) -> None:
        self.config = config or ProtectConfig()
        self._references = references
        if references is not None:
            references.check()
        elif self.config.protect is not ProtectPolicy.ALL:
            raise UsageError(
                f"--protect {self.config.protect} needs to know a person, and no reference photos are kept: "
                "name a folder with photos of that person alone: --me FOLDER"
            )
        self.networks = Networks(self.config.weights, pick_device(self.config.device))
        self._most = self.config.batch

    @classmethod
    def from_pretrained(
        cls,
        weights: str = "open",
        *,
        strength: str = "balanced",
        effort: str = "normal",
        faces: str = "all",
        device: str = "auto",
        seed: int = 0,
    ) -> "Cloaker":
        """Make a cloaker from the names that the command line uses.

        Args:
            weights: "open" or "research": which recognisers the cloaks are made against, by licence.
            strength: "subtle", "balanced" or "strong": how much may be seen.
            effort: "quick", "normal" or "thorough": how long a cloak is searched for.
            faces: "all" or "largest".
            device: "auto", "cpu", "cuda", "cuda:1" or "mps".
            seed: of every random draw; the same seed on the same device gives the same cloaks.

        Raises:
            ConfigError: one of the names is not among these, or the seed is not a whole number of 64 bits.
            UsageError: this machine has no such device.
        """
        looks, search = _named("strength", Strength, strength), _named("effort", Effort, effort)
        return cls(
            ProtectConfig(
                attack=AttackConfig.preset(looks, search, seed=seed),
                weights=_named("weights", Profile, weights),
                faces=_named("faces", FacePolicy, faces),
                device=device,
            )
        )

    @overload
    def __call__(self, photos: str | PathLike[str]) -> Photo: ...  # type: ignore[overload-overlap]  # str is a sequence
    @overload
    def __call__(self, photos: _Picture) -> _Picture: ...
    @overload
    def __call__(self, photos: Sequence[_Picture]) -> list[_Picture]: ...
    @overload
    def __call__(self, photos: Sequence[str | PathLike[str]]) -> list[Photo]: ...
    def __call__(self, photos: object) -> object:
        """Cloak one photo or several; what comes out is of the type that went in, and what went in is unchanged.

        Args:
            photos: a photo or a sequence of them. A photo is a PIL image, a uint8 tensor (3, H, W) in RGB, a `Photo`,
                or the path of a file, for which a `Photo` comes back. A tensor (N, 3, H, W) is N photos.

        Returns:
            A tensor for a tensor, a PIL image (RGB or RGBA, upright, without metadata) for a PIL image, a `Photo` for
            a `Photo` or a path; a list for a sequence. A photo without faces comes back with the same pixels.

        Raises:
            ShapeError: something is not a photo.
            PhotoError: a file cannot be read.
            WeightsError: the networks cannot be had.

        >>> from cloak import Cloaker
        >>> cloaker = Cloaker.from_pretrained(strength="subtle")
        >>> cloaker(torch.zeros(3, 64, 64, dtype=torch.uint8)).shape
        torch.Size([3, 64, 64])
        """
        if isinstance(photos, torch.Tensor) and photos.ndim == 4:
            return torch.stack(self._each(list(photos))) if len(photos) else photos
        if isinstance(photos, Sequence) and not isinstance(photos, str | bytes | bytearray):
            return self._each(photos)
        return self._each([photos])[0]

    def _each(self, pictures: Sequence[Any]) -> list[Any]:
        results: list[Any] = [None] * len(pictures)
        for start in range(0, len(pictures), _TOGETHER):
            photos = [to_photo(picture) for picture in pictures[start : start + _TOGETHER]]
            for index, cloaked in self.cloak(photos):
                results[start + index] = like(pictures[start + index], cloaked.photo)
        return results

    def detect(self, photos: Sequence[Photo]) -> list[list[Face]]:
        """Find the faces of each photo, in the order that a job's choices count in."""
        large = [photo.pixels for photo in photos if min(photo.height, photo.width) >= MIN_FACE]
        detected = iter(self.networks.detector.detect(large))
        return [next(detected) if min(photo.height, photo.width) >= MIN_FACE else [] for photo in photos]

    def choose(self, photos: Sequence[Photo], choices: Sequence[Mapping[int, Treatment]] = ()) -> list[Chosen]:
        """Find faces and say which are to be cloaked, for each photo.

        Args:
            photos: any number.
            choices: for each of them, what somebody chose for single faces, by their place in `detect`'s answer.

        Raises:
            FaceChoiceError: what was chosen cannot be done.
        """
        if self.config.faces is FacePolicy.NONE and not any(choices):
            return [Chosen() for _ in photos]
        found = self.detect(photos)
        if self._references is None or self.config.protect is ProtectPolicy.ALL:
            chosen = [select(faces, self.config) for faces in found]
        else:
            known = iter(self._compare(photos, found, self._references))
            chosen = [select(faces, self.config, [next(known) for face in faces if is_large(face)]) for faces in found]
        if not any(choices):
            return chosen
        return [overrule(*each) for each in zip(chosen, found, choices, strict=True)]

    def cloak(self, photos: Sequence[Photo]) -> Iterator[tuple[int, Cloaked]]:
        """Cloak photos together; yield each, with its index, as soon as its last face is done.

        Faces of all photos are batched by size. What becomes of a face depends on those of other photos by rounding
        alone.
        """
        chosen = self.choose(photos)
        # Blurred first, so that no cloak is a function of what the blur is to destroy.
        photos = [blur(photo, one.blurred) for photo, one in zip(photos, chosen, strict=True)]
        pixels = [photo.pixels for photo in photos]
        todo = [len(one.faces) for one in chosen]
        yield from ((index, Cloaked(photos[index], chosen[index])) for index, faces in enumerate(todo) if not faces)
        for batch in frame(photos, [one.faces for one in chosen]):
            for part in _split(batch, self.config.batch):
                deltas = self.search(part)
                for row, index in enumerate(part.photo.tolist()):
                    pixels[index] = composite(pixels[index], part, deltas, row)
                    todo[index] -= 1
                    if not todo[index]:
                        yield index, Cloaked(replace(photos[index], pixels=pixels[index]), chosen[index])

    def search(self, batch: FaceBatch, *, stop: threading.Event | None = None) -> torch.Tensor:
        """Return the deltas of some faces, float32 (N, 3, S, S) on the CPU.

        Where the device has too little memory for all of them, half are done at a time, now and from then on.

        Args:
            batch: any number of faces.
            stop: when it is set, the search ends at its next step.

        Raises:
            StoppedError: `stop` was set.
            TooLargeError: there is not even memory for one face.
        """
        surrogates = [_Stoppable(each, stop) for each in self.networks.surrogates] if stop else self.networks.surrogates
        deltas: list[torch.Tensor] = []
        waiting = deque([batch])
        while waiting:
            part, *rest = _split(waiting.popleft(), self._most)
            waiting.extendleft(reversed(rest))
            try:
                deltas.append(attack(_to(part, self.networks.device), surrogates, self.config.attack).cpu())
                continue
            except (MemoryError, RuntimeError) as error:
                if not is_shortage(error):
                    raise
                if len(part) == 1:
                    raise TooLargeError(
                        f"the memory of {self.networks.device} does not hold a face of {part.crops.shape[-1]} pixels: "
                        "close other programs, or use --device cpu"
                    ) from None
            self._most = min(self._most, len(part) // 2)  # outside of the handler, which holds on to the memory
            if self.networks.device.type == "cuda":
                torch.cuda.empty_cache()
            waiting.appendleft(part)
        return torch.cat(deltas)

    def _compare(
        self, photos: Sequence[Photo], found: Sequence[Sequence[Face]], references: References
    ) -> list[Likeness]:
        """Say of every face that is large enough, photo by photo, whether it is the person's."""
        recogniser = self._recogniser
        crops = [
            align(photo.pixels, [face for face in faces if is_large(face)], recogniser)
            for photo, faces in zip(photos, found, strict=True)
        ]
        embeddings = embed_crops(torch.cat(crops), recogniser) if crops else torch.zeros(0, recogniser.dim)
        return judge(score(embeddings, torch.tensor(references.embeddings)), recogniser.thresholds)

    @cached_property
    def _recogniser(self) -> Recogniser:
        """Who tells people apart: one of the surrogates, but a dry run needs no other."""
        if self.config.dry_run:
            return load_recogniser(RECOGNISER, device=self.networks.device)
        return next(each for each in self.networks.surrogates if each.name == RECOGNISER)


class _Stoppable:
    """A surrogate that ends the search where it is asked to, the next time it is used."""

    def __init__(self, surrogate: Recogniser, stop: threading.Event) -> None:
        self.input_size, self.template = surrogate.input_size, surrogate.template
        self._surrogate, self._stop = surrogate, stop

    def __call__(self, faces: torch.Tensor, /) -> torch.Tensor:
        if self._stop.is_set():
            raise StoppedError
        embeddings: torch.Tensor = self._surrogate(faces)
        return embeddings


def _named(what: str, kind: type[_Kind], name: str) -> _Kind:
    try:
        return kind(name)
    except ValueError:
        raise ConfigError(f"{what} must be one of {', '.join(kind)}, got {name!r}") from None


def _split(batch: FaceBatch, most: int) -> Iterator[FaceBatch]:
    """Yield the rows of a batch, at most so many at a time."""
    for start in range(0, len(batch), most):
        rows = slice(start, start + most)
        yield FaceBatch(**{field.name: getattr(batch, field.name)[rows] for field in fields(batch)})


def _to(batch: FaceBatch, device: torch.device) -> FaceBatch:
    return FaceBatch(**{field.name: getattr(batch, field.name).to(device) for field in fields(batch)})
