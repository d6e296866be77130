"""What albums cost: memory by size, how busy the attack is, what isolated decoding costs.

    python tests/benchmarks/albums.py albums.json [--only PART ...]

Uses the photos that ship and made-up ones. But for one album, the attack is searched for in fewer steps than users
get, so that a run takes minutes. Each album runs in a process of its own, for its peak memory.
"""

import argparse
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

from cloak.album import Album
from cloak.bench import benchmark, peak_memory
from cloak.config import AttackConfig, FacePolicy, ProtectConfig
from cloak.decoding import Decoder
from cloak.image.codec import decode
from cloak.pipeline import protect
from cloak.sources import find_photos
from cloak.targets import plan

EXAMPLES = Path(__file__).parents[2] / "examples"
SIZES = (100, 1000, 5000)
STEPS, MANY_STEPS, ALL_STEPS = 24, 96, 240
FACES = (1, 4, 16)


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--only", action="append", help="A key of the file to measure again; the rest stays.")
    parser.add_argument("--album", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.album:
        print(json.dumps(album(options.album, options.output)))
        return
    results: dict[str, Any] = json.loads(options.output.read_text(encoding="utf-8")) if options.only else {}
    results.setdefault("machines", {})
    with tempfile.TemporaryDirectory() as folder:
        parts: dict[str, Callable[[], object]] = {
            "memory": lambda: [memory(Path(folder) / str(count), count) for count in SIZES],
            "isolation": isolation,
            "mixed_album": lambda: mixed(Path(folder), MANY_STEPS),
            "mixed_album_all_steps": lambda: mixed(Path(folder), ALL_STEPS),
            "by_faces": lambda: {str(count): by_faces(Path(folder), count) for count in FACES},
        }
        for name in options.only or parts:
            results["machines"][name] = machine()
            results[name] = parts[name]()
            options.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def memory(folder: Path, count: int) -> dict[str, Any]:
    """Strip an album of so many photos of 640 x 480 in a process of its own, then run the same command again."""
    folder.mkdir()
    rows, columns = np.mgrid[0:480, 0:640]
    waves = [128 + 100 * np.sin(rows / (37 + 9 * c) + columns / (53 + 7 * c)) for c in range(3)]
    Image.fromarray(np.stack(waves, -1).astype(np.uint8)).save(folder / "00000.jpg", quality=90)
    for number in range(1, count):
        os.link(folder / "00000.jpg", folder / f"{number:05}.jpg")
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, __file__, out, "--album", folder]
        first, again = (
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(2)
        )
    return {"photos": count, "first": first, "again": again}


def album(folder: Path, out: Path) -> dict[str, Any]:
    """Protect a folder without looking for faces; seconds and peak memory of this process."""
    config = ProtectConfig(faces=FacePolicy.NONE, device="cpu")
    jobs = plan(find_photos([folder], output=out).sources, out)
    start = time.perf_counter()
    with Album(out, config) as sink:
        for _ in protect(jobs, config, sink=sink):
            pass
    seconds = time.perf_counter() - start
    rate = round(len(jobs) / seconds, 1)
    return {"seconds": round(seconds, 1), "photos_per_second": rate, "peak_mb": peak_memory()}


def isolation() -> list[dict[str, Any]]:
    """Decode in this process and in another one, by turns."""
    chance = np.random.default_rng(0)
    rows = []
    with Decoder() as decoder:
        start = time.perf_counter()
        decoder.decode((EXAMPLES / "workers.jpg").read_bytes())
        first = time.perf_counter() - start
        for width, height in ((540, 360), (4000, 3000), (6000, 4000)):
            file = io.BytesIO()
            blocks = chance.integers(0, 255, (height // 8, width // 8, 3), np.uint8)
            Image.fromarray(np.kron(blocks, np.ones((8, 8, 1), np.uint8))).save(file, "jpeg", quality=90)
            data = file.getvalue()
            apart, here = [], []
            for _ in range(9):
                apart.append(timed(lambda data=data: decoder.decode(data)))
                here.append(timed(lambda data=data: decode(data)))
            rows.append(
                {
                    "pixels": f"{width} x {height}",
                    "apart_ms": round(1000 * median(apart), 1),
                    "here_ms": round(1000 * median(here), 1),
                }
            )
    return [{"start_and_first_photo_ms": round(1000 * first)}, *rows]


def mixed(folder: Path, steps: int) -> dict[str, Any]:
    """A dozen photos of 1 to 3 faces, among as many without: how busy the attack is."""
    photos = folder / "mixed"
    photos.mkdir(exist_ok=True)
    for number in range(4):
        for path in EXAMPLES.glob("*.[jp][pn]g"):
            (photos / f"{number}-{path.name}").write_bytes(path.read_bytes())
            Image.new("RGB", (640, 480), (number, 80, 90)).save(photos / f"{number}-{path.stem}-nobody.png")
    return measured([photos], 24, steps=steps)


def by_faces(folder: Path, count: int) -> dict[str, Any]:
    """Photos of so many faces each, all of one size."""
    return measured([sheet(folder / f"faces{count}", count)], max(1, 16 // count))


def sheet(folder: Path, count: int) -> Path:
    """Make a folder with a photo of so many faces, a square of them."""
    folder.mkdir()
    side = int(count**0.5)
    with Image.open(EXAMPLES / "phone.jpg") as image:
        tile = image.convert("RGB")
        tile.thumbnail((400, 400))
    whole = Image.new("RGB", (tile.width * side, tile.height * side))
    for number in range(count):
        whole.paste(tile, (tile.width * (number % side), tile.height * (number // side)))
    whole.save(folder / "sheet.jpg", quality=92)
    return folder


def measured(paths: list[Path], photos: int, *, jobs: int | None = None, steps: int = STEPS) -> dict[str, Any]:
    """Run `cloak.bench.benchmark` and keep what matters here."""
    config = ProtectConfig(attack=AttackConfig(steps=steps), device="cpu", jobs=jobs)
    found = benchmark(paths, config, photos=photos)
    return {
        "attack_steps": steps,
        "photos": found.photos,
        "faces": found.faces,
        "seconds": round(found.seconds, 1),
        "photos_per_second": round(found.photos_per_second, 3),
        "faces_per_second": round(found.faces_per_second, 3),
        "attack_busy": round(found.stages["attack"].busy, 3),
        "seconds_by_stage": {name: round(stage.seconds, 2) for name, stage in found.stages.items()},
        "peak_mb_of_process": found.peak_memory_mb,
    }


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def machine() -> dict[str, Any]:
    """Return what it ran on, and how busy that was with other things."""
    command = ["git", "-C", str(EXAMPLES), "rev-parse", "HEAD"]
    return {
        "commit": subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip(),
        "cloak": version("photo-cloak"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "load_before": [round(value, 2) for value in os.getloadavg()],
    }


if __name__ == "__main__":
    main()
