"""Search for people among up to a million made-up strangers, in profiles as they are and protected ones.

    python tests/benchmarks/engine.py PHOTOS --work DIR [--identities 60] [--public 1] [-o FILE.json]

PHOTOS holds one folder an identity. People whose names start with N to Z are searched for, as `cloak engine simulate`
does it; strangers are modelled on one photo each of people from A to M, and checked against other people from N to Z.
Protected photos are kept in DIR: a run that was stopped goes on.
Strangers are made up, and marked so (`synthetic`). Figures beyond a million are extrapolated, and marked so.
"""

import json
import math
import platform
import re
import statistics
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np
import torch
from engine_scale import Clock, scale

from cloak.evaluation.dataset import Person, PhotoFile
from cloak.evaluation.engine.eyes import Eyes
from cloak.evaluation.engine.people import Wanted, choose
from cloak.evaluation.engine.simulate import SimulationConfig
from cloak.evaluation.engine.strangers import RATES, Strangers
from cloak.evaluation.engine.threshold import registered
from cloak.evaluation.engine.wardrobe import Wardrobe
from cloak.evaluation.statistics import Impostors, Tail, estimate
from cloak.image.codec import decode

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
BEYOND = (10**8, 10**10)
SIZES = (10_000, 50_000, 100_000, 1_000_000)


@dataclass
class Case:
    """Probes, and what the engine has of the same people: (P, D) and P times (n, D)."""

    probes: torch.Tensor
    gallery: list[torch.Tensor]

    def best(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the score of the right person, and of the most similar other one, (P,) each."""
        own = torch.stack([(rows @ probe).max() for probe, rows in zip(self.probes, self.gallery, strict=True)])
        others = []
        for place, probe in enumerate(self.probes):
            rest = torch.cat([rows for other, rows in enumerate(self.gallery) if other != place])
            others.append((rest @ probe).max())
        return own, torch.stack(others)


def folders(photos: Path, first: str, last: str, least: int) -> list[Person]:
    """People by the first letter of their names who have so many photos."""
    found = []
    for folder in sorted(photos.iterdir()):
        files = sorted(folder.iterdir()) if folder.is_dir() and first <= folder.name[0].upper() <= last else []
        if len(files) >= max(1, least):
            found.append(Person(folder.name, tuple(map(PhotoFile.of, files))))
    return found


def seen(eyes: Eyes, path: Path) -> torch.Tensor | None:
    """Embed the person's face in a file, (D,)."""
    probe = eyes.central(decode(path.read_bytes()))
    return None if probe is None else probe.embedding


def embedded(eyes: Eyes, paths: Sequence[Path]) -> torch.Tensor:
    """Embed one face of each file in which there is one, (n, D)."""
    rows = [row for path in paths if (row := seen(eyes, path)) is not None]
    return torch.stack(rows) if rows else torch.zeros(0, 1)


def cases(eyes: Eyes, people: list[Wanted], protected: list[list[Path]]) -> dict[str, Case]:
    """The searches: who searches with what, among what."""
    clean = [embedded(eyes, [photo.path for photo in one.public]) for one in people]
    cloaked = [embedded(eyes, paths) for paths in protected]
    kept = [place for place in range(len(people)) if len(clean[place]) and len(cloaked[place])]
    snapshots = torch.stack([people[place].probe.embedding for place in kept])
    posted = torch.stack([cloaked[place][0] for place in kept])
    others = [torch.cat([people[place].probe.embedding[None], clean[place][1:]]) for place in kept]
    return {
        "clean probe, clean profile": Case(snapshots, [clean[place] for place in kept]),
        "clean probe, protected profile": Case(snapshots, [cloaked[place] for place in kept]),
        "clean probe of a posted photo, clean profile": Case(torch.stack([clean[place][0] for place in kept]), others),
        "protected probe, clean profile": Case(posted, others),
    }


def normal_tail(cosines: dict[float, float]) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return how likely a stranger is more similar than a score: a normal tail through the two rarest thresholds.

    It is how the made-up strangers go on beyond them.
    """
    quantile = statistics.NormalDist().inv_cdf
    (low, left), (high, right) = ((quantile(1 - rate), cosines[rate]) for rate in RATES[1:])
    slope = (right - left) / (high - low)

    def exceeds(scores: torch.Tensor) -> torch.Tensor:
        return 0.5 * torch.erfc((low + (scores.double() - left) / slope) / math.sqrt(2))

    return exceeds


def ranked(case: Case, best: torch.Tensor, threshold: float, exceeds: dict[str, Callable]) -> dict[str, object]:
    """Rank-1 among made-up strangers as they were drawn, and as tails have it; shares of people with intervals."""
    own, others = case.best()
    first = own > others
    result: dict[str, object] = {
        "people": len(own),
        "mean_cosine": round(float(own.mean()), 4),
        "over_threshold": interval(own >= threshold),
        "rank1_without_strangers": interval(first),
        "rank1_synthetic": {f"{n:g}": interval(first & (own > best[:, i])) for i, n in enumerate(COUNTS)},
    }
    for name, tail in exceeds.items():
        chance = tail(own).clamp(0, 1 - 1e-15)
        shares = {f"{n:g}": (first * (n * torch.log1p(-chance)).exp()).numpy() for n in (*COUNTS, *BEYOND)}
        result[f"rank1_extrapolated_{name}"] = {n: interval(torch.from_numpy(share)) for n, share in shares.items()}
    return result


def exponential_tail(tail: Tail, impostors: Impostors) -> Callable[[torch.Tensor], torch.Tensor]:
    """The same by an exponential tail fitted to pairs of real strangers."""

    def exceeds(scores: torch.Tensor) -> torch.Tensor:
        values = scores.double().numpy()
        counted = 1 - np.searchsorted(impostors.scores, values) / len(impostors.scores)
        fitted = tail.exceeds(values, normal=False)
        return torch.from_numpy(np.where(np.isnan(fitted), counted, fitted))

    return exceeds


def interval(values: torch.Tensor) -> list[float]:
    """Mean and 95% interval over people."""
    told = estimate(values.double().tolist())
    return [round(value, 4) for value in (told.mean, told.low, told.high)]


def misfit(model: Strangers, strangers: torch.Tensor) -> dict[str, dict[str, float]]:
    """Quantiles of the probes' similarities to made-up and to real strangers, and the registry's."""
    probes = model.probes @ model.axes.T
    drawn = torch.cat([(chunk @ probes.T).flatten() for chunk in model.draw(100_000, seed=99)]).sort().values
    real = (strangers @ probes.T).flatten().sort().values
    told = {}
    for rate in RATES:
        quantiles = {
            "wanted": model.wanted[rate],
            "made_up": float(drawn[-round(len(drawn) * rate)]),
            "real": float(real[-max(1, round(len(real) * rate))]),
        }
        told[f"{rate:g}"] = {name: round(value, 4) for name, value in quantiles.items()}
    return {"pairs_of_real_strangers": real.numel(), "cosine_at_far": told}  # type: ignore[dict-item]


def environment() -> dict[str, object]:
    """Say what this was measured with."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    packages = ("torch", "faiss-cpu", "numpy", "photo-cloak")
    return {
        "commit": commit.stdout.strip() or None,
        "packages": {name: version(name) for name in packages},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
    }


def protect(config: SimulationConfig, eyes: Eyes, work: Path) -> tuple[list[Wanted], list[list[Path]]]:
    """Choose people from N to Z, and return them and their written, protected files."""
    people = list(
        choose(
            folders(config.profiles, "N", "Z", config.photos + 1),
            lambda photo: eyes.central(decode(photo.bytes())),
            identities=config.identities,
            photos=config.photos,
            seed=config.seed,
            excluded=Counter(),
        )
    )
    wardrobe = Wardrobe(work / "cloaks", config.protect)
    files = [photo for one in people for photo in one.public]
    click.echo(f"{len(people)} people, {len(wardrobe.waiting(files))} photos to protect", err=True)
    worn = wardrobe.protect(files, lambda: click.echo(".", nl=False, err=True))
    return people, [[worn[photo.digest].file for photo in one.public] for one in people]


def as_text(result: dict[str, object]) -> str:
    """Return JSON with the numbers of one list on one line."""
    return re.sub(r"\[[^][{}]*\]", lambda one: " ".join(one[0].split()), json.dumps(result, indent=1))


@click.command()
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option("--work", required=True, type=click.Path(path_type=Path), help="Keeps protected photos.")
@click.option("--identities", default=60, show_default=True)
@click.option("--public", default=1, show_default=True, help="Photos of each profile.")
@click.option("--outside", default=600, show_default=True, help="People from A to M, for strangers and tails.")
@click.option("--recogniser", default="mobilefacenet_fxz", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--sizes", default=",".join(map(str, SIZES)), show_default=True, help="Of indexes; empty for none.")
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(
    *,
    photos: Path,
    work: Path,
    identities: int,
    public: int,
    outside: int,
    recogniser: str,
    seed: int,
    sizes: str,
    output: Path | None,
) -> None:
    """Run and print; see the top of this file."""
    eyes = Eyes(recogniser)
    thresholds = registered(eyes.victim)
    if thresholds is None:
        raise click.UsageError(f"{recogniser} has no thresholds in the registry")
    config = SimulationConfig(profiles=photos, identities=identities, photos=public, seed=seed, device="cpu")
    people, protected = protect(config, eyes, work)
    searches = cases(eyes, people, protected)
    strangers = embedded(eyes, [one.photos[0].path for one in folders(photos, "A", "M", 1)[:outside]])
    names = {one.name for one in people}
    checked = [one.photos[0].path for one in folders(photos, "N", "Z", 1) if one.name not in names]
    probes = torch.cat([case.probes for case in searches.values()])
    model = Strangers.fit(strangers, probes, thresholds.cosines)
    clock = Clock()
    best = model.best(COUNTS, seed=seed)
    drawn = clock.lap()
    impostors = Impostors(strangers)
    tails = {
        "normal": normal_tail(dict(thresholds.cosines)),
        "exponential": exponential_tail(Tail.fit(impostors.scores), impostors),
    }
    parts = best.split([len(case.probes) for case in searches.values()])
    result = {
        "environment": environment(),
        "settings": {"identities": len(people), "public": public, "seed": seed, "strength": str(config.strength)},
        "engine": {"recogniser": recogniser, "finder": eyes.finder.name, "threshold_at_far_1e-3": thresholds.cosine},
        "note": "strangers are made up; rank1_extrapolated_* are extrapolations by the tail of that name",
        "strangers": {
            "modelled_on_people": model.people,
            "drawn_and_compared_s": round(drawn, 1),
            "misfit": misfit(model, embedded(eyes, checked)),
        },
        "searches": {
            name: ranked(case, part, thresholds.cosine, tails)
            for (name, case), part in zip(searches.items(), parts, strict=True)
        },
    }
    case = searches["clean probe, clean profile"]
    real = torch.cat(case.gallery)
    result["index"] = [scale(model, case.probes, real, int(size)) for size in sizes.split(",") if size]
    text = as_text(result)
    click.echo(text)
    if output:
        output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
