"""Protect one photo of each of N people, and ask recognisers that were never used whether they still match.

    python tests/benchmarks/protect.py PHOTOS JUDGES [--identities 40] [--effort quick] [-o FILE.json]

PHOTOS holds one folder an identity. JUDGES holds recognisers as ONNX files, each with a JSON file of `name`, `size` and
`template` (RGB in [0, 1] in, L2-normalised embeddings out). SCRFD detects and aligns: not the detector the cloaks were
made with. Everything is measured on the files that were written, read again.

Each person's first photo is protected and compared with up to five other, clean photos of that person. Thresholds come
from impostor pairs of people who are not protected. PSR is the share of pairs under the threshold, rank-1 the share of
protected photos whose nearest clean photo, among all the protected people's, is of the same person.
"""

import io
import json
import math
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import onnxruntime
import torch
from PIL import Image

from cloak.attack import measure
from cloak.cloaker import Cloaker
from cloak.config import AttackConfig, Effort, ProtectConfig, Strength
from cloak.evaluation.finders import Finder, open_finder
from cloak.evaluation.looks import square
from cloak.evaluation.statistics import estimate
from cloak.faces.central import central
from cloak.faces.frame import frame
from cloak.faces.geometry import similarity, warp
from cloak.image.codec import decode
from cloak.models import Profile
from cloak.outcome import Status
from cloak.photo import Face, Photo
from cloak.pipeline import protect
from cloak.targets import Job

FALSE_ACCEPT_RATES = (1e-2, 1e-3, 1e-4)
REFERENCES = 5
TIMED = 8
"""Photos that are protected once more, with nothing beside: for the seconds."""


class Judge:
    """A recogniser that only answers. Reads the pair of files `path` (ONNX) and its JSON."""

    def __init__(self, path: Path) -> None:
        told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        self.name, self.size, self.template = told["name"], told["size"], torch.tensor(told["template"])
        self.session = onnxruntime.InferenceSession(str(path))
        self.input = self.session.get_inputs()[0].name

    def embed(self, faces: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        """Embed pairs of uint8 (3, H, W) and landmarks (5, 2) as float32 (N, D)."""
        crops = [warp(p[None].float() / 255, similarity(m[None], self.template), self.size) for p, m in faces]
        chunks = torch.cat(crops).split(32)
        return torch.cat([torch.from_numpy(self.session.run(None, {self.input: c.numpy()})[0]) for c in chunks])


@dataclass
class People:
    """Who is protected, who the thresholds come from, and where the faces are.

    Attributes:
        protected: the photo to protect and the clean references, for each person.
        others: one photo each of people who are not protected.
    """

    protected: list[tuple[Path, list[Path]]]
    others: list[Path]


def choose(folder: Path, *, identities: int, first: str, last: str, least: int, others: int) -> People:
    """Take people spread evenly over the alphabet between two letters; everybody else may be an impostor."""
    folders = {path.name: sorted(path.iterdir()) for path in sorted(folder.iterdir()) if path.is_dir()}
    able = [name for name, photos in folders.items() if len(photos) >= least and first <= name[0].upper() <= last]
    stride = max(1.0, len(able) / identities)
    names = [able[int(i * stride)] for i in range(min(identities, len(able)))]
    strangers = [photos[0] for name, photos in folders.items() if name not in names]
    step = max(1.0, len(strangers) / others)
    return People(
        [(folders[name][0], folders[name][1 : REFERENCES + 1]) for name in names],
        [strangers[int(i * step)] for i in range(min(others, len(strangers)))],
    )


class Aligner:
    """Reads a photo and finds the face nearest its middle with the second detector."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self.missed = 0

    def __call__(self, data: bytes) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return pixels and landmarks, or None where no face is found."""
        pixels = decode(data).pixels
        face = central(self.finder.find(pixels), pixels)
        if face is None:
            self.missed += 1
            return None
        return pixels, face.landmarks

    def all(self, paths: Sequence[Path]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Align photos, leaving out those without a face."""
        return [found for path in paths if (found := self(path.read_bytes()))]


def jpeg75(data: bytes) -> bytes:
    """Re-encode as a site would."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


def interval(values: np.ndarray) -> list[float]:
    """Return mean and 95% interval over people, values (people,)."""
    found = estimate(values)
    return [round(one, 4) for one in (found.mean, found.low, found.high)]


def score(probes: torch.Tensor, references: list[torch.Tensor], taus: dict[float, float]) -> dict:
    """Score probe embeddings (N, D) against each person's reference embeddings."""
    own = [references[i] @ probe for i, probe in enumerate(probes)]
    nearest = np.array([[float((r @ probe).max()) for r in references] for probe in probes])
    return {
        "psr": {
            f"{far:g}": interval(np.array([float((o < tau).float().mean()) for o in own])) for far, tau in taus.items()
        },
        "rank1": interval((nearest.argmax(1) == np.arange(len(probes))).astype(float)),
        "mean_cosine": round(float(torch.cat(own).mean()), 4),
    }


def thresholds(embeddings: torch.Tensor) -> dict[float, float]:
    """Return the cosine over which a share FAR of the pairs of different people lies."""
    rows, columns = torch.triu_indices(len(embeddings), len(embeddings), 1)
    scores = (embeddings @ embeddings.T)[rows, columns].numpy()
    return {far: float(np.quantile(scores, 1 - far)) for far in FALSE_ACCEPT_RATES}


def looks(before: Photo, after: Photo, faces: Sequence[Face]) -> dict[str, float]:
    """Measure the visibility of the largest face's change, and what changed outside the box enlarged by a quarter.

    At the photo's own resolution; `dssim_small` is what it is with the face box scaled down to the attack's frame.
    """
    left, top, right, bottom = faces[0].box
    margin = 8 + round(faces[0].size / 10)  # what SSIM's window and the low pass see around the box
    corner, side = [math.floor(left) - margin, math.floor(top) - margin], math.ceil(faces[0].size) + 2 * margin
    box = torch.tensor([[left - corner[0], top - corner[1], right - corner[0], bottom - corner[1]]])
    seen = measure(*(square(photo.pixels, corner, side) for photo in (before, after)), box)
    (one,), (other,) = frame([before], [faces[:1]]), frame([after], [faces[:1]])
    x, y = (right - left) / 8, (bottom - top) / 8
    difference = (before.pixels.float() - after.pixels.float()).abs().amax(0)
    difference[
        max(0, math.floor(top - y)) : math.ceil(bottom + y), max(0, math.floor(left - x)) : math.ceil(right + x)
    ] = 0
    return {
        **{name: float(getattr(seen, name)) for name in ("dssim", "colour", "luma")},
        "eps": float(seen.eps) * 255,
        "dssim_small": float(measure(one.crops, other.crops, one.boxes).dssim),
        "outside_mean_abs": float(difference.mean()),
    }


def to_do(people: People, folder: Path) -> list[Job]:
    """Return what to protect, and where to."""
    return [Job(source=p, target=folder / f"{i}{p.suffix}") for i, (p, _) in enumerate(people.protected)]


def pace(people: People, config: ProtectConfig) -> float:
    """Return the seconds a face, detection and verdict included, of a few photos with nothing beside."""
    cloaker = Cloaker(config)
    with tempfile.TemporaryDirectory() as folder:
        jobs = to_do(people, Path(folder))[:TIMED]
        list(protect(jobs[:1], config, cloaker=cloaker))  # load everything before the clock runs
        start = time.perf_counter()
        faces = [face for outcome in protect(jobs, config, cloaker=cloaker) for face in outcome.faces]
        return round((time.perf_counter() - start) / len(faces), 2)


def protect_all(people: People, config: ProtectConfig, folder: Path) -> tuple[list[bytes], dict]:
    """Protect each person's photo; return the written files, and what it cost and looks like."""
    cloaker, jobs, written, costs = Cloaker(config), to_do(people, folder), [], []
    for job, outcome in zip(jobs, protect(jobs, config, cloaker=cloaker), strict=True):
        if outcome.status is not Status.PROTECTED:
            raise click.ClickException(f"{job.source}: {outcome.status}, {outcome.reason}")
        written.append(job.target.read_bytes())
        before, after = decode(job.source.read_bytes()), decode(written[-1])
        faces = cloaker.choose([before])
        (chosen,) = list(faces)
        costs.append(looks(before, after, chosen.faces) | {"faces": len(chosen.faces)})
        costs[-1]["size_ratio"] = len(written[-1]) / job.source.stat().st_size
    count = sum(cost.pop("faces") for cost in costs)
    summary = {
        name: {"mean": round(float(np.mean(v)), 4), "max": round(float(np.max(v)), 4)}
        for name in costs[0]
        if (v := [cost[name] for cost in costs])
    }
    return written, {"looks": summary, "seconds_per_face": pace(people, config), "faces": count}


def environment() -> dict[str, object]:
    """Say what this was measured with."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "commit": commit.stdout.strip() or None,
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "python": platform.python_version(),
        "processors": len(os.sched_getaffinity(0)),
    }


@click.command()
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.argument("judges", type=click.Path(exists=True, path_type=Path))
@click.option("--identities", default=40, show_default=True)
@click.option("--first", default="N", show_default=True)
@click.option("--last", default="Z", show_default=True)
@click.option("--least", default=6, show_default=True, help="Photos that a person must have.")
@click.option(
    "--impostors",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of people for the thresholds, if not PHOTOS.",
)
@click.option("--others", default=700, show_default=True, help="People that thresholds come from.")
@click.option(
    "--weights", type=click.Choice([p.value for p in Profile]), multiple=True, default=[p.value for p in Profile]
)
@click.option("--strength", type=click.Choice([s.value for s in Strength]), default=Strength.BALANCED.value)
@click.option("--effort", type=click.Choice([e.value for e in Effort]), default=Effort.NORMAL.value)
@click.option("--seconds", is_flag=True, help="Measure nothing but these anew.")
@click.option("--name", default="lfw", show_default=True, help="Key in the JSON file.")
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(*, photos, judges, output, weights, strength, effort, seconds, name, impostors, others, **chosen) -> None:
    """Run and print; see the top of this file."""
    people = choose(photos, others=others, **chosen)
    attack = AttackConfig.preset(Strength(strength), Effort(effort))
    configs = {p: ProtectConfig(attack=attack, weights=Profile(p), overwrite=True) for p in weights}
    if seconds:
        merged = json.loads(output.read_text(encoding="utf-8"))
        for profile, config in configs.items():
            merged[name][profile]["seconds_per_face"] = pace(people, config)
        output.write_text(json.dumps(merged, indent=1) + "\n", encoding="utf-8")
        return
    if impostors:
        people.others = choose(impostors, identities=1, first="A", last="Z", least=1, others=others).others
    align, panel = Aligner(open_finder("scrfd")), [Judge(path) for path in sorted(judges.glob("*.onnx"))]
    strangers = align.all(people.others)
    taus = {judge.name: thresholds(judge.embed(strangers)) for judge in panel}
    groups = [align.all(paths) for _, paths in people.protected]
    clean = {judge.name: [judge.embed(group) for group in groups] for judge in panel}
    result = {"protected": len(people.protected), "impostors": len(strangers), "strength": strength, "effort": effort}
    result["environment"] = environment()

    def judged(files: Sequence[bytes]) -> dict:
        missed = align.missed
        probes = [align(data) for data in files]
        found = [i for i, probe in enumerate(probes) if probe]
        scores = {
            j.name: score(j.embed([probes[i] for i in found]), [clean[j.name][i] for i in found], taus[j.name])
            for j in panel
        }
        return {"not_detected": align.missed - missed, "judges": scores}

    originals = [path.read_bytes() for path, _ in people.protected]
    result["clean"] = judged(originals)
    for profile, config in configs.items():
        with tempfile.TemporaryDirectory() as folder:
            files, cost = protect_all(people, config, Path(folder))
        result[str(profile)] = cost | {"written": judged(files), "jpeg75": judged([jpeg75(f) for f in files])}
        click.echo(json.dumps({profile: result[str(profile)]}, indent=1))
    if output:
        merged = json.loads(output.read_text(encoding="utf-8")) if output.exists() else {}
        output.write_text(json.dumps(merged | {name: result}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
