"""How much of a person's other photos the witness misses, given how similar it finds the very photo that was protected.

    python tests/benchmarks/elsewhere.py PHOTOS [--identities 24] [-o FILE.json]

The verdict of a run has only the photo that was protected to compare with, which says little to its owner: an engine
has other photos. This fits `HALF` and `WIDTH` of `cloak.verify` on people A to M, protected at two strengths, and says
how far off the estimate is on people N to Z. PHOTOS is that of protect.py.
"""

import json
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from protect import Aligner, choose, environment

from cloak.cloaker import Cloaker
from cloak.config import AttackConfig, ProtectConfig, Strength
from cloak.evaluation.finders import open_finder
from cloak.models import Recogniser
from cloak.photo import Face
from cloak.pipeline import protect
from cloak.targets import Job
from cloak.verify import FAR, HALF, WIDTH, FaceVerdict, embed

BINS = (-1.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0)


class Pair(NamedTuple):
    """One protected face: similarity to the original, and the share of other photos that are not matched."""

    similarity: float
    missed: float


def main_face(faces: tuple[FaceVerdict, ...], width: int, height: int) -> FaceVerdict:
    """The face nearest the middle of the photo, which is the person that the folder is named after."""
    middle = torch.tensor([width, height]) / 2
    return min(faces, key=lambda one: float((torch.tensor(one.box).reshape(2, 2).mean(0) - middle).norm()))


def embedded(found: list[tuple[torch.Tensor, torch.Tensor]], witness: Recogniser) -> torch.Tensor:
    """Embed photos (3, H, W) with landmarks (5, 2) as the verdict does: float32 (N, D)."""
    return torch.cat(
        [embed(pixels, [Face(box=(0, 0, 1, 1), landmarks=marks, score=1.0)], witness) for pixels, marks in found]
    )


def pairs(photos: Path, align: Aligner, strength: Strength, **chosen: object) -> list[Pair]:
    """Protect one photo each of some people and compare it with up to five others."""
    people = choose(photos, least=6, others=1, **chosen)
    config = ProtectConfig(attack=AttackConfig.preset(strength))
    cloaker, found = Cloaker(config), []
    with tempfile.TemporaryDirectory() as folder:
        jobs = [Job(source=p, target=Path(folder) / f"{i}.jpg") for i, (p, _) in enumerate(people.protected)]
        outcomes = protect(jobs, config, cloaker=cloaker)
        for outcome, (_, references) in zip(outcomes, people.protected, strict=True):
            written = align(outcome.target.read_bytes())
            if written is None:
                continue
            _, height, width = written[0].shape
            witness = cloaker.networks.witness
            others = embedded(align.all(references), witness) @ embedded([written], witness)[0]
            similarity = main_face(outcome.faces, width, height).witness.similarity
            found.append(Pair(similarity, float((others < witness.thresholds[FAR]).float().mean())))
    return found


def fitted(found: list[Pair]) -> tuple[float, float]:
    """Fit a logistic curve: the similarity where half is missed, and its width; by maximum likelihood on a grid."""
    similarity, missed = np.array(found).T
    grid = [(half, width) for half in np.arange(0.2, 0.9, 0.01) for width in np.arange(0.03, 0.25, 0.01)]

    def loss(half: float, width: float) -> float:
        share = 1 / (1 + np.exp((similarity - half) / width))
        return -float((missed * np.log(share) + (1 - missed) * np.log(1 - share)).sum())

    half, width = min(grid, key=lambda pair: loss(*pair))
    return round(float(half), 2), round(float(width), 2)


def table(found: list[Pair]) -> list[dict[str, float]]:
    """Measured and estimated shares by similarity."""
    rows = []
    for low, high in pairwise(BINS):
        inside = [pair for pair in found if low <= pair.similarity < high]
        if inside:
            estimate = [1 / (1 + np.exp((pair.similarity - HALF) / WIDTH)) for pair in inside]
            measured = np.mean([pair.missed for pair in inside])
            rows.append(
                {
                    "from": low,
                    "to": high,
                    "faces": len(inside),
                    "measured": round(float(measured), 3),
                    "estimated": round(float(np.mean(estimate)), 3),
                }
            )
    return rows


@click.command()
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option("--identities", default=24, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(*, photos: Path, identities: int, output: Path | None) -> None:
    """Run and print; see the top of this file."""
    align = Aligner(open_finder("scrfd"))
    result: dict[str, object] = {"environment": environment(), "used": {"half": HALF, "width": WIDTH}}
    for first, last in (("A", "M"), ("N", "Z")):
        found = [
            pair
            for strength in (Strength.SUBTLE, Strength.BALANCED)
            for pair in pairs(photos, align, strength, identities=identities, first=first, last=last)
        ]
        result[f"{first}-{last}"] = {"fitted": fitted(found), "faces": len(found), "table": table(found)}
        click.echo(json.dumps(result, indent=1))
    if output:
        output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
