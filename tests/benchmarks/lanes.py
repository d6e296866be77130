"""What two batches side by side bring, against one that all processors work on.

    python tests/benchmarks/lanes.py PHOTOS lanes.json

PHOTOS holds at least so many photos as `cloak.crew.FEW`, a folder each person or all in one. Every run is a process of
its own, and the two ways are run in turn, since the speed of a machine changes within minutes.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cloak import crew
from cloak.cloaker import Cloaker
from cloak.config import AttackConfig, ProtectConfig
from cloak.pipeline import protect
from cloak.targets import Job

ONE, TWO = "one lane of two threads", "two lanes of one thread"


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        print(json.dumps(child(options.photos, options.count, options.steps, few=options.child)))
        return
    results: dict[str, Any] = {
        "photos": options.count,
        "steps": options.steps,
        "processors": os.cpu_count(),
        "torch": version("torch"),
        "load_before": [round(value, 2) for value in os.getloadavg()],
        "rounds": [],
    }
    command = [sys.executable, "-P", *sys.argv, "--child"]
    for _ in range(options.rounds):
        each = {}
        for name, few in ((ONE, sys.maxsize), (TWO, 0)):
            answer = subprocess.run([*command, str(few)], check=True, stdout=subprocess.PIPE, text=True)
            each[name] = json.loads(answer.stdout)
        results["rounds"].append(each)
        ratios = [one[ONE]["seconds_per_face"] / one[TWO]["seconds_per_face"] for one in results["rounds"]]
        results["two_lanes_to_one"] = {
            "rate": round(statistics.median(ratios), 3),
            "rate_each_round": [round(ratio, 3) for ratio in ratios],
        }
        options.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def child(photos: Path, count: int, steps: int, *, few: int) -> dict[str, float]:
    """Protect photos on two processors; everything is loaded before the clock runs."""
    crew.FEW = few
    found = sorted(path for path in photos.rglob("*") if path.is_file())
    stride = len(found) / count
    config = ProtectConfig(attack=AttackConfig(steps=steps), device="cpu", jobs=2, overwrite=True)
    cloaker = Cloaker(config)
    with tempfile.TemporaryDirectory() as folder:
        jobs = [Job(found[int(i * stride)], Path(folder) / f"{i}.jpg") for i in range(count)]
        list(protect(jobs[:1], config, cloaker=cloaker))
        start = time.perf_counter()
        faces = sum(outcome.found for outcome in protect(jobs, config, cloaker=cloaker))
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"faces": faces, "seconds_per_face": round(seconds / faces, 3), "peak_mb": peak}


if __name__ == "__main__":
    main()
