"""Measure which faces the detector finds, how exact its landmarks are, how long it takes and how much memory.

    python tests/benchmarks/detection.py PHOTOS [--out tests/benchmarks/detection.json]

PHOTOS holds `lfw/<identity>/*.jpg` with `lfw_landmarks.txt` beside it (path and ten numbers: x and y of left eye, right
eye, nose, left and right mouth corner, image order), `portraits/<identity>/` and `snapshots/<identity>/`.

The threshold was chosen on identities A to M; recall is of identities N to Z. A face is hit by a detection whose
landmarks lie within 0.2 eye distances of the listed ones on average, or whose box holds all of these; the first alone
is given as `recall_by_landmarks`. Landmark errors are of all hits. Sizes of faces are heights of boxes: 3.1 eye
distances.
"""

import ctypes
import json
import math
import os
import platform
import random
import statistics
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import torch
from PIL import Image

from cloak.faces import Detector
from cloak.photo import Face

LANDMARKS = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")
HIT = 0.2
HEIGHT = 3.1  # of a face's box, in eye distances


class Sample(NamedTuple):
    """A photo and the landmarks (5, 2) of the face at its centre."""

    path: Path
    landmarks: torch.Tensor


def samples(photos: Path, count: int, seed: int, *, first: str = "N", last: str = "Z") -> list[Sample]:
    """Draw LFW photos of identities between two letters."""
    rows = [line.split("\t") for line in (photos / "lfw_landmarks.txt").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if first <= row[0][0].upper() <= last]
    chosen = random.Random(seed).sample(rows, min(count, len(rows)))  # noqa: S311  # no secret
    return [
        Sample(photos / "lfw" / path, torch.tensor([float(v) for v in numbers]).reshape(5, 2))
        for path, *numbers in chosen
    ]


def tensor(image: Image.Image) -> torch.Tensor:
    """Return uint8 (3, H, W)."""
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()


def turned(sample: Sample, degrees: float) -> tuple[Image.Image, torch.Tensor]:
    """Turn a photo anticlockwise around its face."""
    middle = sample.landmarks.mean(0)
    angle = math.radians(degrees)
    rotation = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    with Image.open(sample.path) as photo:
        image = photo.convert("RGB").rotate(
            degrees, Image.Resampling.BICUBIC, center=(float(middle[0]) + 0.5, float(middle[1]) + 0.5)
        )
    return image, (sample.landmarks - middle) @ rotation.T + middle


def shrunk(sample: Sample, height: float) -> tuple[Image.Image, torch.Tensor]:
    """Shrink a photo until its face has a height in pixels."""
    eyes = float((sample.landmarks[0] - sample.landmarks[1]).norm())
    with Image.open(sample.path) as photo:
        side = max(8, round(photo.width * height / (HEIGHT * eyes)))
        image = photo.convert("RGB").resize((side, side), Image.Resampling.BOX, reducing_gap=None)
        return image, (sample.landmarks + 0.5) * side / photo.width - 0.5


class Match(NamedTuple):
    """The detection nearest to a known face, its landmarks' mean distance in eye distances, and whether it counts."""

    face: Face | None
    error: float
    hit: bool


def match(faces: Iterable[Face], landmarks: torch.Tensor) -> Match:
    """Find the detection of a known face."""
    eyes = (landmarks[0] - landmarks[1]).norm()
    errors = [(float((face.landmarks - landmarks).norm(dim=1).mean() / eyes), face) for face in faces]
    error, face = min(errors, key=lambda one: one[0], default=(math.inf, None))
    if face is None:
        return Match(None, error, hit=False)
    left, top, right, bottom = face.box
    inside = all(left <= x <= right and top <= y <= bottom for x, y in landmarks.tolist())
    return Match(face, error, hit=error < HIT or inside)


def recalls(matches: list[Match]) -> dict[str, Any]:
    """Summarise matches."""
    return {
        "faces": len(matches),
        "recall": sum(one.hit for one in matches) / len(matches),
        "recall_by_landmarks": sum(one.error < HIT for one in matches) / len(matches),
        "mean_error": statistics.fmean(one.error for one in matches if one.hit),
    }


def upright(detector: Detector, chosen: list[Sample]) -> dict[str, Any]:
    """Recall on whole LFW photos, and the difference of the landmarks along the face's own axes."""
    matches, differences, others = [], [], 0
    for sample in chosen:
        with Image.open(sample.path) as photo:
            faces = detector.detect([tensor(photo)])[0]
        one = match(faces, sample.landmarks)
        matches.append(one)
        others += len(faces) - one.hit
        if one.face is not None and one.hit:
            across = sample.landmarks[1] - sample.landmarks[0]
            axes = torch.stack([across, torch.stack([-across[1], across[0]])]) / across.square().sum()
            differences.append((one.face.landmarks - sample.landmarks) @ axes.T)
    moved = torch.stack(differences)
    far = [[sample.path.name, round(one.error, 3), one.hit] for sample, one in zip(chosen, matches, strict=True)]
    return {
        **recalls(matches),
        "errors_over_0.2": [row for row in far if row[1] >= HIT],
        "other_faces_per_photo": others / len(chosen),
        "landmarks": {
            name: {
                "mean_error": float(moved[:, i].norm(dim=1).mean()),
                "mean": moved[:, i].mean(0).tolist(),
                "std": moved[:, i].std(0).tolist(),
            }
            for i, name in enumerate(LANDMARKS)
        },
    }


def recall(detector: Detector, views: Iterable[tuple[Image.Image, torch.Tensor]]) -> dict[str, Any]:
    """Recall on changed photos."""
    return recalls([match(detector.detect([tensor(image)])[0], landmarks) for image, landmarks in views])


def canvas(detector: Detector, chosen: list[Sample], background: Path) -> dict[str, Any]:
    """Recall on faces of 24 to 40 pixels pasted into a 24-megapixel photo."""
    with Image.open(background) as photo:
        large = photo.convert("RGB").resize((6000, 4000), Image.Resampling.BICUBIC)
    wanted = []
    for i, sample in enumerate(chosen):
        image, landmarks = shrunk(sample, 24 + 16 * i / len(chosen))
        left, top = 37 + i % 20 * 293, 41 + i // 20 * 331
        large.paste(image, (left, top))
        wanted.append(landmarks + torch.tensor([left, top]))
    faces = detector.detect([tensor(large)])[0]
    matches = [match(faces, landmarks) for landmarks in wanted]
    half = len(matches) // 2
    return {
        **recalls(matches),
        "24_to_32_px": recalls(matches[:half]),
        "32_to_40_px": recalls(matches[half:]),
        "detections": len(faces),
    }


def everyday(detector: Detector, folder: Path) -> dict[str, Any]:
    """How many faces are found in each photo of one person or more."""
    paths = sorted(folder.glob("*/*.jpg"))
    counts = []
    for path in paths:
        with Image.open(path) as photo:
            counts.append(len(detector.detect([tensor(photo)])[0]))
    found = sum(count > 0 for count in counts)
    return {"photos": len(paths), "with_a_face": found / len(paths), "faces_per_photo": sum(counts) / len(paths)}


def speed(detector: Detector, path: Path) -> dict[str, Any]:
    """Time and memory for one photo at several sizes; memory is beyond what the process holds with the photo."""
    results = {}
    with Image.open(path) as photo:
        source = photo.convert("RGB")
    for name, size, times in (
        ("250 px, the first", (250, 250), 1),
        ("250 px", (250, 250), 9),
        ("1 MP", (1155, 866), 5),
        ("12 MP", (4000, 3000), 3),
        ("24 MP", (6000, 4000), 3),
        ("100 MP", (11550, 8660), 1),
    ):
        image = tensor(source.resize(size, Image.Resampling.BICUBIC))
        wall, cpu = [], []
        held = _settled_memory()
        for _ in range(times):
            start, busy = time.perf_counter(), time.process_time()
            detector.detect([image])
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - busy)
        results[name] = {
            "wall_ms": round(statistics.median(wall) * 1000),
            "cpu_ms": round(statistics.median(cpu) * 1000),
            "peak_mb_beyond_photo": round(_memory("VmHWM") - held),
        }
    return results


def _memory(field: str) -> float:
    """Megabytes, from Linux's own account of this process; 0 elsewhere."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if line.startswith(field))


def _settled_memory() -> float:
    """Give back what earlier work left, start a new peak, and return what is held."""
    file = Path("/proc/self/clear_refs")
    if file.exists():
        ctypes.CDLL(None).malloc_trim(0)
        file.write_text("5")
    return _memory("VmRSS")


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the results.")
@click.option("--count", default=2500, show_default=True, help="LFW photos for the recall.")
@click.option("--changed", default=300, show_default=True, help="LFW photos for each of the changed views.")
def main(photos: Path, out: Path | None, count: int, changed: int) -> None:
    """Measure, print and record."""
    detector = Detector.from_pretrained()
    chosen = samples(photos, count, seed=0)
    few = chosen[:changed]
    background = sorted((photos / "snapshots").glob("*/*.jpg"))[-1]
    results: dict[str, Any] = {
        "versions": {name: version(name) for name in ("photo-cloak", "torch", "torchvision", "pillow")},
        "python": platform.python_version(),
        "device": f"cpu, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "threshold": detector.threshold,
    }
    steps = {
        "speed": lambda: speed(detector, background),
        "portraits": lambda: everyday(detector, photos / "portraits"),
        "snapshots": lambda: everyday(detector, photos / "snapshots"),
        "lfw_24_px": lambda: recall(detector, (shrunk(sample, 24) for sample in few)),
        **{
            f"lfw_turned_{degrees}": lambda degrees=degrees: recall(
                detector, (turned(sample, degrees * (-1) ** i) for i, sample in enumerate(few))
            )
            for degrees in (15, 22, 30, 45)
        },
        "lfw_in_24_megapixels": lambda: canvas(detector, few[:240], background),
        "lfw": lambda: upright(detector, chosen),
    }
    for name, step in steps.items():
        results[name] = step()
        click.echo(json.dumps({name: results[name]}, indent=1))
        if out is not None:
            out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
