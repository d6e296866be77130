"""The verdict: what a recogniser makes of the bytes that were written."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from cloak.attack.budget import measure
from cloak.faces.embed import embed
from cloak.faces.frame import frame
from cloak.image.codec import decode
from cloak.models import Recogniser
from cloak.networks import Networks
from cloak.photo import Face, Photo

FAR = 1e-3
"""False accept rate that the verdict's thresholds are set for: one stranger in 1,000 is taken for you."""

HALF, WIDTH = 0.43, 0.06
"""The witness's similarity to the very photo at which it matches half of a person's other photos, and how it falls off.

A logistic curve through what was measured on people A to M. How far off it is on people N to Z says
tests/benchmarks/elsewhere.json.
"""

SAME_FACE = 0.3
"""Two detections with at least this intersection over union are one face."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How similar one recogniser finds the written face and the original one.

    Attributes:
        recogniser: its name.
        witness: whether it took no part in making the cloak.
        similarity: cosine in [-1, 1].
        threshold: the cosine from which on it takes two faces for one person, at `FAR`.
    """

    recogniser: str
    witness: bool
    similarity: float
    threshold: float

    @property
    def matched(self) -> bool:
        """Whether the recogniser still takes the two for one person."""
        return self.similarity >= self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceVerdict:
    """One face, as it was written.

    Attributes:
        box: left, top, right, bottom in the original, pixels.
        detected: whether the detector still finds it; if not, it is scored at the original landmarks.
        scores: one of each recogniser, the witness last.
        dssim: structural dissimilarity inside the box; see `cloak.attack.budget`.
        colour: visible tint inside the box, grey levels.
        luma: visible blotches inside the box, grey levels.
    """

    box: tuple[float, float, float, float]
    detected: bool
    scores: tuple[Score, ...]
    dssim: float
    colour: float
    luma: float

    @property
    def witness(self) -> Score:
        """The score of the recogniser that took no part."""
        return self.scores[-1]

    @property
    def unmatched_elsewhere(self) -> float:
        """The share of the person's other photos that the witness probably does not match with this one, in [0, 1].

        Estimated from its similarity to the original, the one photo that is at hand; see `HALF`.
        """
        return 1 / (1 + math.exp((self.witness.similarity - HALF) / WIDTH))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlurVerdict:
    """One face that was blurred, as it was written.

    Attributes:
        box: left, top, right, bottom in the original, pixels.
        detected: whether the detector still finds a face there.
        witness: what the witness makes of it, at the original landmarks where it is not found.
    """

    box: tuple[float, float, float, float]
    detected: bool
    witness: Score


@dataclass(frozen=True, slots=True)
class Verdict:
    """All faces of one photo that were cloaked, and those that were blurred, in the order given."""

    faces: tuple[FaceVerdict, ...] = ()
    blurs: tuple[BlurVerdict, ...] = ()


@torch.inference_mode()
def verify(
    written: bytes, photo: Photo, faces: Sequence[Face], networks: Networks, *, blurred: Sequence[Face] = ()
) -> Verdict:
    """Open a written file as an engine would, find the faces anew, and compare them with the original ones.

    The comparison is with the very photo that was protected, which is the hardest case: other photos of the same
    person are less similar to begin with.

    Args:
        written: the bytes of the file.
        photo: the original.
        faces: the faces of the original that were cloaked.
        networks: the detector, the surrogates, and the witness.
        blurred: the faces of the original that were blurred.

    Raises:
        PhotoError: the bytes cannot be read.
    """
    if not faces and not blurred:
        return Verdict()
    result = decode(written, max_pixels=photo.width * photo.height)
    found = networks.detector.detect([result.pixels])[0]
    return Verdict(
        tuple(_cloaked(photo, result, faces, found, networks)) if faces else (),
        tuple(_blurred(photo, result, blurred, found, networks.witness)) if blurred else (),
    )


def _cloaked(
    photo: Photo, result: Photo, faces: Sequence[Face], found: Sequence[Face], networks: Networks
) -> Iterator[FaceVerdict]:
    anew = _find_again(faces, found)
    columns = []
    for recogniser in (*networks.surrogates, networks.witness):
        columns.append(_scores(photo, result, faces, anew, recogniser, witness=recogniser is networks.witness))
    for face, new, scores in zip(faces, anew, zip(*columns, strict=True), strict=True):
        yield _verdict(photo, result, face, scores, detected=new is not None)


def _blurred(
    photo: Photo, result: Photo, faces: Sequence[Face], found: Sequence[Face], witness: Recogniser
) -> Iterator[BlurVerdict]:
    anew = _find_again(faces, found)
    scores = _scores(photo, result, faces, anew, witness, witness=True)
    for face, new, each in zip(faces, anew, scores, strict=True):
        yield BlurVerdict(box=face.box, detected=new is not None, witness=each)


def _scores(
    photo: Photo,
    result: Photo,
    faces: Sequence[Face],
    anew: Sequence[Face | None],
    recogniser: Recogniser,
    *,
    witness: bool,
) -> list[Score]:
    """Compare the original faces with the written ones, at the original landmarks where they are not found."""
    before = embed(photo.pixels, faces, recogniser)
    after = embed(result.pixels, [new or old for new, old in zip(anew, faces, strict=True)], recogniser)
    return [_score(recogniser, value, witness=witness) for value in (before * after).sum(1).tolist()]


def _find_again(faces: Sequence[Face], found: Sequence[Face]) -> list[Face | None]:
    """Return, for each face, the new detection that overlaps it most, or None."""
    best = [max(found, key=partial(_overlap, face), default=None) for face in faces]
    return [new if new and _overlap(new, old) >= SAME_FACE else None for new, old in zip(best, faces, strict=True)]


def _overlap(one: Face, other: Face) -> float:
    """Return the intersection over union of two boxes."""
    pairs = list(zip(one.box, other.box, strict=True))
    width = min(pairs[2]) - max(pairs[0])
    height = min(pairs[3]) - max(pairs[1])
    both = max(width, 0.0) * max(height, 0.0)
    areas = [(face.box[2] - face.box[0]) * (face.box[3] - face.box[1]) for face in (one, other)]
    return both / max(sum(areas) - both, 1e-9)


def _score(recogniser: Recogniser, value: float, *, witness: bool) -> Score:
    return Score(recogniser=recogniser.name, witness=witness, similarity=value, threshold=recogniser.thresholds[FAR])


def _verdict(photo: Photo, result: Photo, face: Face, scores: tuple[Score, ...], *, detected: bool) -> FaceVerdict:
    clean, changed = (frame([each], [[face]])[0] for each in (photo, result))
    seen = measure(clean.crops, changed.crops, clean.boxes)
    return FaceVerdict(
        box=face.box,
        detected=detected,
        scores=scores,
        dssim=float(seen.dssim),
        colour=float(seen.colour),
        luma=float(seen.luma),
    )
