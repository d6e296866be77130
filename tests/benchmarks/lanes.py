"""What two batches side by side bring to an album, against one that all processors work on.

    python tests/benchmarks/lanes.py lanes.json

Two processors and `cloak.bench`, so with all that runs beside the search. Every run is a process of its own, for its
peak memory, and the two ways are run in turn, since the speed of a machine changes within minutes.
"""

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import albums

from cloak import bench, crew, pipeline

ONE, TWO = "one batch, two threads", "two of half the faces, a thread each"

ALBUMS = {"24 photos of one face": (1, 24), "8 photos of four faces": (4, 8)}
"""How many faces a photo, and how many photos."""


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(*options.child)))
        return
    results: dict[str, Any] = {"machine": albums.machine(), "albums": {name: [] for name in ALBUMS}}
    for _ in range(options.rounds):
        for album, rounds in results["albums"].items():
            rounds.append({})
            for way in (ONE, TWO):
                command = [sys.executable, __file__, options.output, "--child", album, way]
                answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                rounds[-1][way] = json.loads(answer.stdout)
    results["two_to_one"] = {album: ratio(rounds) for album, rounds in results["albums"].items()}
    options.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def ratio(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how fast two batches are as a multiple of one."""
    each = [one[TWO]["faces_per_second"] / one[ONE]["faces_per_second"] for one in rounds]
    return {"median": round(statistics.median(each), 3), "each_round": [round(value, 3) for value in each]}


def child(album: str, way: str) -> dict[str, Any]:
    """Protect an album one way."""
    if way == ONE:
        pipeline.crew = bench.crew = alone
    faces, photos = ALBUMS[album]
    with tempfile.TemporaryDirectory() as folder:
        sheet = albums.sheet(Path(folder) / "photos", faces)
        return albums.measured([sheet], photos, jobs=2, steps=albums.MANY_STEPS)


def alone(*args: Any, batch: int, **more: Any) -> crew.Crew:
    """Return what `cloak.crew.crew` does, with one batch for all processors."""
    shared = crew.crew(*args, batch=batch, **more)
    return dataclasses.replace(shared, lanes=1, lane_threads=shared.lanes * shared.lane_threads, batch=batch)


if __name__ == "__main__":
    main()
