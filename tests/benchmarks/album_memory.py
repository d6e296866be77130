"""Peak memory of `cloak strip` and `cloak protect --faces none` by the number of photos, which are small, to be quick.

    python tests/benchmarks/album_memory.py tests/benchmarks/album_memory.json

Each command runs in a process of its own, which says itself what it had at most: what the system says of a child begins
with the peak of its parent. Linux only.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image

SIZES = (100, 1000, 5000, 20000)
COMMANDS = {
    "strip": ["strip", "-q"],
    "strip --json": ["strip", "--json"],
    "protect --faces none": ["protect", "-q", "--faces", "none"],
}
TELLS = """
import atexit, sys
from pathlib import Path

def tell():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    Path(sys.argv.pop(0)).write_text(line.split()[1])

place = sys.argv.pop(1)
atexit.register(lambda: (sys.argv.insert(0, place), tell()))
from cloak.cli.main import main
main()
"""


def measured(command: list[str], photos: Path, work: Path) -> dict[str, Any]:
    """Run a command on an album; its seconds and its peak memory in MB."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=work) as out:
        told = work / "told"
        subprocess.run(
            [sys.executable, "-c", TELLS, told, *command, photos, "-o", out], check=True, stdout=subprocess.DEVNULL
        )
    return {"seconds": round(time.perf_counter() - start, 1), "peak_mb": round(int(told.read_text()) / 1024, 1)}


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    load = [round(one, 2) for one in os.getloadavg()]
    rows: dict[str, dict[str, Any]] = {name: {} for name in COMMANDS}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        work = Path(folder)
        one = work / "one.jpg"
        Image.effect_noise((64, 48), 50).convert("RGB").save(one)
        for count in SIZES:
            album = work / str(count)
            album.mkdir()
            for number in range(count):
                os.link(one, album / f"IMG_{number:05}.jpg")
            for name, command in COMMANDS.items():
                rows[name][str(count)] = measured(command, album, work)
                print(name, count, rows[name][str(count)], flush=True)
    head = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    record = {
        "commit": subprocess.run(head, capture_output=True, text=True, check=False).stdout.strip(),
        "cloak": version("photo-cloak"),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load": load,
        "commands": rows,
    }
    options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
