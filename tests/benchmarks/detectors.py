"""How far apart detectors put the same landmarks, and what that does to the crop that a recogniser gets.

    python tests/benchmarks/detectors.py PHOTOS [-o tests/benchmarks/detectors.json]

An engine aligns faces with its own detector, not with the one the cloak was made with: the random views of an attack
(`cloak.config.Views`) have to cover the difference. PHOTOS is that of detection.py; LFW identities are A to M, as for
everything that is chosen.

Recall is of the face at the centre: in LFW the one that is listed, hit as in detection.py; in portraits the one that
YuNet finds nearest the middle, so that YuNet's own recall there is the share of photos with any face.

Differences are those of two detectors on faces that both have found, the second less the first; x is along the line of
the first one's eyes, y down from it, in its eye distances. `spread` is half of what the middle 68% span: the standard
deviation, were there no outliers. `crop` is the similarity that takes the first one's ArcFace crop to the second's,
about the middle of the crop: natural logarithm of the scale, radians, shifts in units of the crop.
"""

import json
import platform
import subprocess
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import torch
from detection import LANDMARKS, Sample, match, recalls, samples

from cloak.evaluation.finders import Finder, open_finder
from cloak.evaluation.victims import ARCFACE
from cloak.faces.central import central
from cloak.faces.geometry import apply, compose, invert, similarity
from cloak.image.codec import decode
from cloak.photo import Face

FINDERS = ("yunet", "scrfd", "mtcnn")
LISTED = "listed"
CROP = 112

Found = dict[str, torch.Tensor]
"""Landmarks (5, 2) of one face by who put them there."""


def listed_faces(finders: Sequence[Finder], chosen: list[Sample]) -> tuple[list[Found], dict[str, Any]]:
    """Look for faces that are listed."""
    matches = {finder.name: [] for finder in finders}
    others, found = dict.fromkeys(matches, 0), []
    for sample in chosen:
        pixels = decode(sample.path.read_bytes()).pixels
        found.append({LISTED: sample.landmarks})
        for finder in finders:
            faces = finder.find(pixels)
            one = match(faces, sample.landmarks)
            matches[finder.name].append(one)
            others[finder.name] += len(faces) - one.hit
            if one.face is not None and one.hit:
                found[-1][finder.name] = one.face.landmarks
    return found, {
        name: recalls(rows) | {"other_faces_per_photo": others[name] / len(chosen)} for name, rows in matches.items()
    }


def central_faces(finders: Sequence[Finder], paths: list[Path]) -> tuple[list[Found], dict[str, Any]]:
    """Look for the faces in the middle of portraits; the first finder says which those are."""
    found, others = [], {finder.name: 0 for finder in finders}
    for path in paths:
        pixels = decode(path.read_bytes()).pixels
        faces = {finder.name: finder.find(pixels) for finder in finders}
        reference = central(faces[finders[0].name], pixels)
        hits: dict[str, Face] = {}
        if reference is not None:
            matches = {name: match(each, reference.landmarks) for name, each in faces.items()}
            hits = {name: one.face for name, one in matches.items() if one.face is not None and one.hit}
        found.append({name: face.landmarks for name, face in hits.items()})
        for name, each in faces.items():
            others[name] += len(each) - (name in hits)
    return found, {
        name: {
            "faces": len(paths),
            "recall": sum(name in one for one in found) / len(paths),
            "other_faces_per_photo": count / len(paths),
        }
        for name, count in others.items()
    }


def summary(values: torch.Tensor) -> dict[str, float]:
    """Summarise (N,)."""
    low, high = torch.quantile(values, torch.tensor([0.1587, 0.8413])).tolist()
    numbers = {
        "bias": values.mean(),
        "std": values.std(),
        "median": values.median(),
        "spread": (high - low) / 2,
        "abs_95": values.abs().quantile(0.95),
    }
    return {name: round(float(value), 4) for name, value in numbers.items()}


def difference(first: torch.Tensor, second: torch.Tensor) -> dict[str, Any]:
    """Compare two detectors' landmarks (N, 5, 2) of the same faces."""
    across = first[:, 1] - first[:, 0]
    down = torch.stack([-across[:, 1], across[:, 0]], 1)
    axes = torch.stack([across, down], 1) / across.square().sum(1)[:, None, None]
    moved = (second - first) @ axes.mT
    middle = torch.full((1, 1, 2), (CROP - 1) / 2)
    one, other = (similarity(landmarks, torch.tensor(ARCFACE)) for landmarks in (first, second))
    change = compose(other, invert(one))
    shift = (apply(change, middle.expand(len(first), 1, 2)) - middle)[:, 0] / CROP
    scaled = torch.complex(change[:, 0, 0], change[:, 1, 0])
    return {
        "faces": len(first),
        "landmarks": {
            name: {axis: summary(moved[:, i, k]) for k, axis in enumerate("xy")} for i, name in enumerate(LANDMARKS)
        },
        "mean_distance": summary(moved.norm(dim=2).mean(1)),
        "crop": {
            "log_scale": summary(scaled.abs().log()),
            "rotation": summary(scaled.angle()),
            "shift_x": summary(shift[:, 0]),
            "shift_y": summary(shift[:, 1]),
        },
    }


def differences(found: list[Found], names: Sequence[str]) -> dict[str, Any]:
    """Compare all pairs."""
    results = {}
    for first, second in combinations(names, 2):
        both = [one for one in found if first in one and second in one]
        pair = (torch.stack([one[name] for one in both]) for name in (first, second))
        results[f"{second} - {first}"] = difference(*pair)
    return results


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--count", default=200, show_default=True, help="LFW photos.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the results.")
def main(photos: Path, count: int, output: Path | None) -> None:
    """Measure, print and record; see the top of this file."""
    finders = [open_finder(name) for name in FINDERS]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    results: dict[str, Any] = {
        "commit": commit.stdout.strip() or None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": "cpu",
    }
    found, recall = listed_faces(finders, samples(photos, count, seed=0, first="A", last="M"))
    results["lfw"] = {"recall": recall, "differences": differences(found, (LISTED, *FINDERS))}
    found, recall = central_faces(finders, sorted((photos / "portraits").glob("*/*.jpg")))
    results["portraits"] = {"recall": recall, "differences": differences(found, FINDERS)}
    text = json.dumps(results, indent=1)
    click.echo(text)
    if output:
        output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
