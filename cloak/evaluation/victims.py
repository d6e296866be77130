"""Recognisers that are asked and never used: from the registry, or an ONNX file of one's own."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F

from cloak.attack.views import Surrogate, align
from cloak.errors import MissingExtraError, VictimError
from cloak.models import Profile, artifact, load_recogniser

ARCFACE = ((38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20))
"""Where five landmarks belong in 112 px. Source: InsightFace; what nearly all published recognisers are trained on."""

_TOGETHER = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceCrop:
    """A face that a detector found, with what is around it.

    Attributes:
        pixels: uint8 (3, H, W), RGB: enough of the photo for any recogniser's crop.
        landmarks: float32 (5, 2), in those pixels, image order.
    """

    pixels: torch.Tensor
    landmarks: torch.Tensor


class Victim(Protocol):
    """A black box.

    Attributes:
        name: for tables.
        key: tells its answers from those of any other in caches: a hash of its weights and its geometry.
        weights: SHA-256 of its original file: a surrogate by another name is still one.
        dim: length of its embeddings.
    """

    name: str
    key: str
    weights: str
    dim: int

    def embed(self, faces: Sequence[FaceCrop], /) -> torch.Tensor:
        """Embed N faces as float32 (N, D), L2-normalised, on the CPU."""
        ...


class RegistryVictim:
    """A recogniser of `weights.toml`, which may also be a surrogate: whoever makes a table has to say so.

    Args:
        name: see `cloak models list`.
        device: where it computes.
        profile: `Profile.RESEARCH` accepts licences for non-commercial research.

    Raises:
        UsageError: there is no recogniser of that name.
        WeightsError: it cannot be had.
    """

    def __init__(self, name: str, *, device: str | torch.device = "cpu", profile: Profile = Profile.RESEARCH) -> None:
        self.recogniser = load_recogniser(name, device=device, profile=profile)
        self.name = name
        told = artifact(name)
        self.weights, self.dim = told.sha256, self.recogniser.dim
        self.key = _key(told.sha256, told.revision, told.template, told.input_size)

    @torch.inference_mode()
    def embed(self, faces: Sequence[FaceCrop]) -> torch.Tensor:
        """Embed N faces as float32 (N, D), L2-normalised, on the CPU."""
        parts = [self.recogniser(_aligned(chunk, self.recogniser)).float().cpu() for chunk in _chunks(faces)]
        return torch.cat(parts) if parts else torch.zeros(0, self.recogniser.dim)


class OnnxVictim:
    """An ONNX file, run by onnxruntime.

    Beside `victim.onnx` there may be `victim.json` with any of `name`, `size` (pixels), `template` (five points in
    pixels of the input), `mean`, `scale` and `channels` ("RGB" or "BGR"): the file gets (x - mean) * scale of RGB in
    [0, 1]. Without it the file is fed as ArcFace is: 112 px, (x - .5) * 2. One that names its own template and no
    `mean` and `scale` gets [0, 1].

    Args:
        path: one input (N or 1, 3, size, size), whose first output is (N or 1, D).

    Raises:
        MissingExtraError: onnxruntime is not installed.
        VictimError: the file is empty, is no ONNX, or wants something else.
    """

    def __init__(self, path: Path) -> None:
        told = _sidecar(path)
        self.name, self.input_size, self.template = told.name, told.size, told.template
        self._mean, self._scale, self._reverse = told.mean, told.scale, told.channels == "BGR"
        data, beside = _files(path)
        self._session = _session(path, None if beside else data)
        self._path = path
        source = self._session.get_inputs()[0]
        self._input, self._single = source.name, source.shape[0] == 1
        self.dim = self._check(list(source.shape))
        self.weights = _hash(data, beside)
        geometry = [self.input_size, self.template.tolist(), self._mean, self._scale]
        self.key = _key(self.weights, *geometry, *(["BGR"] if self._reverse else []))

    def _check(self, shape: list[Any]) -> int:
        """Return the length of embeddings."""
        wanted = [3, self.input_size, self.input_size]
        fits = len(shape) == 4 and all(
            not isinstance(have, int) or have == want for have, want in zip(shape[1:], wanted, strict=True)
        )
        if len(self._session.get_inputs()) != 1 or not fits:
            raise VictimError(
                f"{self._path} takes {shape}, not (N, {', '.join(map(str, wanted))}): "
                f"say size and template in {self._path.with_suffix('.json').name}"
            )
        out = self._run(torch.full((1, *wanted), 0.5))
        if out.ndim != 2 or out.shape[0] != 1 or out.shape[1] < 2:
            raise VictimError(f"{self._path} gives {tuple(out.shape)} for one face, not (1, D): it is no recogniser")
        return out.shape[1]

    def embed(self, faces: Sequence[FaceCrop]) -> torch.Tensor:
        """Embed N faces as float32 (N, D), L2-normalised, on the CPU."""
        parts = [self(_aligned(chunk, self)) for chunk in _chunks(faces)]
        return torch.cat(parts) if parts else torch.zeros(0, self.dim)

    def __call__(self, faces: torch.Tensor) -> torch.Tensor:
        """Embed aligned faces (N, 3, s, s), RGB in [0, 1].

        Raises:
            VictimError: what comes out is no number: nobody would be found by that, which is no protection.
        """
        ordered = faces.flip(1) if self._reverse else faces
        said = self._run((ordered - self._mean) * self._scale)
        if not said.isfinite().all():
            raise VictimError(f"{self._path} gives embeddings that are no numbers: are mean and scale right?")
        return F.normalize(said)

    def _run(self, inputs: torch.Tensor) -> torch.Tensor:
        batches = torch.split(inputs, 1) if self._single else [inputs]
        try:
            outputs = [self._session.run(None, {self._input: batch.numpy()})[0] for batch in batches]
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise VictimError(f"{self._path} cannot be run on a face: {error}") from error
        return torch.cat([torch.as_tensor(output) for output in outputs]).float()


def open_victim(text: str, *, device: str | torch.device = "cpu", profile: Profile = Profile.RESEARCH) -> Victim:
    """Open what a user names as a victim: a path that ends in .onnx, or a name of the registry.

    Raises:
        UsageError: there is no recogniser of that name.
        VictimError: the file cannot be used.
    """
    return OnnxVictim(Path(text)) if text.endswith(".onnx") else RegistryVictim(text, device=device, profile=profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the file beside an ONNX file says, checked."""

    name: str
    size: int = 112
    template: torch.Tensor
    mean: float = 0.5
    scale: float = 2.0
    channels: str = "RGB"


_OTHERS = {"bgr", "rgb", "std", "order", "color", "colour", "input_mean", "input_std", "normalize", "normalise", "bias"}
"""What others call such things. What else there is describes the file, and is not looked at."""


def _sidecar(path: Path) -> _Told:
    beside = path.with_suffix(".json")
    arcface = torch.tensor(ARCFACE)
    if not beside.exists():
        return _Told(name=path.stem, template=arcface)
    try:
        told = json.loads(beside.read_text(encoding="utf-8"))
        template = torch.tensor(told["template"], dtype=torch.float32) if "template" in told else arcface
        plain = {"mean": 0.0, "scale": 1.0} if "template" in told else {"mean": 0.5, "scale": 2.0}
        numbers = {name: float(told.get(name, usual)) for name, usual in plain.items()}
        found = _Told(
            name=str(told.get("name", path.stem)),
            size=int(told.get("size", 112)),
            template=template,
            channels=str(told.get("channels", "RGB")).upper(),
            **numbers,
        )
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise VictimError(f"{beside} must hold an object with name, size, template, mean and scale: {error}") from error
    if found.template.shape != (5, 2) or found.size < 1:
        raise VictimError(f"{beside}: template must be five points and size positive, got {told}")
    if found.size != 112 and "template" not in told:
        raise VictimError(f"{beside}: where five landmarks belong in {found.size} px is to be said as template")
    unknown = sorted(_OTHERS.intersection(map(str.lower, told)))
    if unknown or found.channels not in ("RGB", "BGR"):
        what = ", ".join(unknown) or f"channels {found.channels}"
        raise VictimError(f"{beside}: {what} is not known: say mean and scale (a number each), and channels RGB or BGR")
    return found


def _files(path: Path) -> tuple[bytes, list[Path]]:
    """Return an ONNX file and those beside it that it names, which hold its weights where it does not itself."""
    if not path.is_file() or not path.stat().st_size:
        raise VictimError(f"{path} is {'empty' if path.is_file() else 'not a file'}: name an ONNX file")
    data = path.read_bytes()
    others = sorted(other for other in path.parent.iterdir() if other != path and other.is_file())
    return data, [other for other in others if b"location" in data and other.name.encode() in data]


def _hash(data: bytes, beside: Sequence[Path]) -> str:
    digest = hashlib.sha256(data)
    for path in beside:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _session(path: Path, data: bytes | None) -> Any:  # noqa: ANN401 -- onnxruntime is untyped and optional
    """Open a file; its bytes alone where they are given: weights elsewhere would not be part of the hash."""
    try:
        import onnxruntime  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise MissingExtraError("victims that are ONNX files", "eval") from error
    try:
        return onnxruntime.InferenceSession(data or str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # see above
        raise VictimError(f"{path} is no ONNX file that onnxruntime can load: {error}") from error


def _aligned(faces: Sequence[FaceCrop], recogniser: Surrogate) -> torch.Tensor:
    device = recogniser.template.device
    return torch.cat(
        [
            align(face.pixels[None].to(device).float() / 255, face.landmarks[None].to(device).float(), recogniser)
            for face in faces
        ]
    )


def _chunks(faces: Sequence[FaceCrop]) -> list[Sequence[FaceCrop]]:
    return [faces[start : start + _TOGETHER] for start in range(0, len(faces), _TOGETHER)]


def _key(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
