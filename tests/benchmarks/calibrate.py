"""Set the recognisers' thresholds from impostor pairs, and see that they recognise people at all.

    python tests/benchmarks/calibrate.py PHOTOS LANDMARKS [--write models/weights.toml] [NAMES...]

PHOTOS holds one folder an identity; LANDMARKS is a text file of lines ``identity/photo.jpg`` and ten numbers,
separated by tabs: x and y of left eye, right eye, nose, left and right mouth corner in image order, in pixels.
Identities A to M are used: N to Z are left for the numbers that are published. Prints a Markdown table; --write puts
the thresholds where they belong.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import click
import torch
from torchvision.io import ImageReadMode, decode_image

from cloak.faces.geometry import similarity, warp
from cloak.models import Profile, Recogniser, artifacts, load_recogniser
from cloak.models.registry import Task

FALSE_ACCEPT_RATES = (1e-2, 1e-3, 1e-4)
BATCH = 32


class Photos(NamedTuple):
    """Photos that can be aligned: paths, float32 landmarks (N, 5, 2), int64 identities (N,)."""

    paths: list[Path]
    landmarks: torch.Tensor
    identities: torch.Tensor


class Scores(NamedTuple):
    """Cosine similarities of pairs of different people and of pairs of one, each float32, sorted upwards."""

    impostor: torch.Tensor
    genuine: torch.Tensor


def choose(folder: Path, landmarks: Path, *, identities: int, photos: int) -> Photos:
    """Take the first photos of identities spread evenly over A to M."""
    found: dict[str, list[tuple[str, list[float]]]] = defaultdict(list)
    for line in landmarks.read_text(encoding="utf-8").splitlines():
        path, *numbers = line.split("\t")
        if "A" <= path[0].upper() <= "M":
            found[path.split("/")[0]].append((path, [float(number) for number in numbers]))
    names = sorted(found)
    stride = max(1, len(names) / identities)
    kept = [names[int(i * stride)] for i in range(min(identities, len(names)))]
    rows = [(i, *row) for i, name in enumerate(kept) for row in sorted(found[name])[:photos]]
    return Photos(
        [folder / path for _, path, _ in rows],
        torch.tensor([numbers for *_, numbers in rows]).reshape(-1, 5, 2),
        torch.tensor([identity for identity, *_ in rows]),
    )


@torch.inference_mode()
def embed(recogniser: Recogniser, photos: Photos) -> torch.Tensor:
    """Align and embed every photo: (N, dim)."""
    embeddings = []
    matrices = similarity(photos.landmarks, recogniser.template)
    for start in range(0, len(photos.paths), BATCH):
        part = slice(start, start + BATCH)
        faces = [
            warp(_read(path)[None], matrix[None], recogniser.input_size, antialias=True)
            for path, matrix in zip(photos.paths[part], matrices[part], strict=True)
        ]
        embeddings.append(recogniser(torch.cat(faces)))
    return torch.cat(embeddings)


def compare(embeddings: torch.Tensor, identities: torch.Tensor) -> Scores:
    """Score all pairs."""
    first, second = torch.triu_indices(len(embeddings), len(embeddings), offset=1)
    cosines = (embeddings @ embeddings.T)[first, second]
    same = identities[first] == identities[second]
    return Scores(cosines[~same].sort().values, cosines[same].sort().values)


def threshold(scores: Scores, far: float) -> float:
    """Return the cosine that a share `far` of the impostor pairs is above."""
    above = max(1, round(far * len(scores.impostor)))
    return float(scores.impostor[-above])


def accepted(scores: Scores, cosine: float) -> float:
    """Return the share of genuine pairs above a cosine."""
    return float((scores.genuine > cosine).float().mean())


def area(scores: Scores) -> float:
    """Return the area under the ROC curve: how often a genuine pair is above an impostor pair."""
    below = torch.searchsorted(scores.impostor, scores.genuine, right=False)
    up_to = torch.searchsorted(scores.impostor, scores.genuine, right=True)
    return float((below + up_to).double().mean() / 2 / len(scores.impostor))


def write(path: Path, name: str, thresholds: dict[float, float]) -> None:
    """Put thresholds on the line below the template of an artifact in `weights.toml`."""
    pairs = ", ".join(f'"{far:.0e}" = {cosine:.4f}' for far, cosine in thresholds.items()).replace("e-0", "e-")
    head, found, tail = path.read_text(encoding="utf-8").partition(f"\n[{name}]\n")
    section, bracket, rest = tail.partition("\n[")
    section = re.sub(r"\nthresholds = [^\n]*", "", section)
    section, count = re.subn(r"(\ntemplate = [^\n]*)", rf"\1\nthresholds = {{ {pairs} }}", section)
    if not found or count != 1:
        sys.exit(f"{path} has no recogniser [{name}] with a template")
    path.write_text(head + found + section + bracket + rest, encoding="utf-8")


def _read(path: Path) -> torch.Tensor:
    return decode_image(str(path), ImageReadMode.RGB).float() / 255


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("landmarks", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("names", nargs=-1)
@click.option("--identities", default=800, show_default=True)
@click.option("--photos", default=2, show_default=True, help="Of each identity.")
@click.option("--write", "target", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(
    folder: Path, landmarks: Path, names: tuple[str, ...], *, identities: int, photos: int, target: Path | None
) -> None:
    """Calibrate the recognisers NAMES, or all of them."""
    chosen = choose(folder, landmarks, identities=identities, photos=photos)
    recognisers = [each.name for each in artifacts().values() if each.task is Task.RECOGNISER]
    rates = " | ".join(f"cosine at FAR {far:g}" for far in FALSE_ACCEPT_RATES)
    click.echo(f"| recogniser | impostor pairs | genuine pairs | AUC | TAR at FAR 0.001 | {rates} |")
    click.echo("|---" * (5 + len(FALSE_ACCEPT_RATES)) + "|")
    for name in names or recognisers:
        scores = compare(embed(load_recogniser(name, profile=Profile.RESEARCH), chosen), chosen.identities)
        thresholds = {far: threshold(scores, far) for far in FALSE_ACCEPT_RATES}
        cells = [name, f"{len(scores.impostor):,}", f"{len(scores.genuine):,}", f"{area(scores):.4f}"]
        cells += [f"{accepted(scores, thresholds[1e-3]):.4f}", *(f"{cosine:.4f}" for cosine in thresholds.values())]
        click.echo(f"| {' | '.join(cells)} |")
        if target is not None:
            write(target, name, thresholds)


if __name__ == "__main__":
    main()
