"""Strip one album as a whole: `cloak strip` and `cloak protect --faces none` against exiftool and ImageMagick.

    python tests/benchmarks/strip_album.py --out tests/benchmarks/strip_album.json

The album is made from the photos that ship: sizes of telephones, with EXIF, GPS, a thumbnail, IPTC and XMP. Each
tool is one command for the whole album, as people type it; the copies go to a folder in memory. Tools take turns; a
first round, in which caches fill, does not count. Those that encode anew are tens of times slower and get the first 90
photos alone. Needs exiftool and ImageMagick.
"""

import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from PIL import Image

from cloak.image import inspect

EXAMPLES = Path(__file__).parents[2] / "examples"
MEMORY = "/dev/shm"  # noqa: S108 -- the folder that is made in there is ours alone
SIZES = ((4032, 3024), (3024, 4032), (4000, 3000), (3264, 2448), (1600, 1200), (1080, 1350))
"""Cameras of telephones, and what messengers make of them."""

TAGS = (
    "-Make=Example",
    "-Model=Telephone 7",
    "-SerialNumber=1234567",
    "-DateTimeOriginal=2026:07:01 12:00:00",
    "-GPSLatitude=52.52",
    "-GPSLatitudeRef=N",
    "-GPSLongitude=13.4",
    "-GPSLongitudeRef=E",
    "-XMP:Creator=A. Person",
    "-IPTC:By-line=A. Person",
    "-Orientation#=6",
)
ANEW, FEW = ("cloak protect --faces none", "ImageMagick mogrify -strip"), 90
"""Tools that decode and encode each picture, and how many they get."""

CLOAK = str(Path(sys.executable).with_name("cloak"))


def make(folder: Path, count: int) -> int:
    """Write so many photos, by turns one for each example and size, and return how many bytes they have."""
    folder.mkdir()
    pictures = []
    for example in sorted(EXAMPLES.glob("*.[jp][pn]g")):
        with Image.open(example) as image:
            for size in SIZES:
                large, thumbnail = image.convert("RGB").resize(size), io.BytesIO()
                path = folder / f"picture{len(pictures)}.jpg"
                large.save(path, quality=85)
                large.resize((160, 120)).save(thumbnail, "jpeg")
                path.with_suffix(".thumb").write_bytes(thumbnail.getvalue())
                tell = ["exiftool", "-q", "-overwrite_original", *TAGS]
                subprocess.run([*tell, f"-ThumbnailImage<={path.with_suffix('.thumb')}", path], check=True)
                path.with_suffix(".thumb").unlink()
                pictures.append(path.read_bytes())
                path.unlink()
    for number in range(count):
        (folder / f"IMG_{number:04}.jpg").write_bytes(pictures[number % len(pictures)])
    return sum(path.stat().st_size for path in folder.iterdir())


def commands(photos: Path, out: Path) -> dict[str, list[str]]:
    """Return what people type, for each tool; `out` exists and is empty."""
    return {
        "cloak strip": [CLOAK, "strip", "-q", str(photos), "-o", str(out)],
        "cloak protect --faces none": [CLOAK, "protect", "-q", "--faces", "none", str(photos), "-o", str(out)],
        "exiftool -all=": ["exiftool", "-q", "-all=", "-o", f"{out}/", str(photos)],
        "ImageMagick mogrify -strip": ["mogrify", "-path", str(out), "-strip", *map(str, sorted(photos.iterdir()))],
    }


def once(photos: Path, work: Path, name: str) -> tuple[dict[str, Any], Path]:
    """Strip the album once: seconds and processor seconds, and the folder that came of it."""
    out = Path(tempfile.mkdtemp(dir=work))
    start = time.perf_counter()
    with subprocess.Popen(commands(photos, out)[name], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{name} ended with {process.returncode}")
    return {
        "seconds": round(seconds, 2),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 2),
    }, out


def left_in(photos: Path, out: Path) -> dict[str, Any]:
    """Say what a tool's files still tell, how large they are, and whether their pixels are those of the originals."""
    written = sorted(path for path in out.iterdir() if path.suffix == ".jpg")
    told = Counter(name for path in written for name in inspect.find(path.read_bytes()))
    tags = ["exiftool", "-q", "-j", "-G0", "-x", "File:all", "-x", "Composite:all", "-x", "SourceFile"]
    seen = json.loads(subprocess.run([*tags, str(written[0])], capture_output=True, check=True).stdout)
    same = upright = 0
    sample = written[:12]
    for path in sample:
        with Image.open(path) as ours, Image.open(photos / path.name) as theirs:
            same += ours.size == theirs.size and ours.tobytes() == theirs.tobytes()
            upright += ours.size == theirs.size[::-1] or ours.getexif().get(0x0112) == 6
    return {
        "files": len(written),
        "megabytes": round(sum(path.stat().st_size for path in written) / 1e6, 1),
        "metadata_found": dict(told),
        "tags_that_exiftool_reads_in_the_first": sorted(set(seen[0]) - {"SourceFile"}),
        "pixels_as_coded_in_the_original": f"{same} of {len(sample)}",
        "shown_the_right_way_up": f"{upright} of {len(sample)}",
    }


@click.command()
@click.option("--photos", default=504, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--work", default=MEMORY, show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the figures.")
def main(photos: int, rounds: int, work: Path, out: Path | None) -> None:
    """Measure, print and record."""
    load = os.getloadavg()
    with tempfile.TemporaryDirectory(dir=work) as folder:
        whole, few = Path(folder) / "album", Path(folder) / "few"
        size = make(whole, photos)
        few.mkdir()
        for path in sorted(whole.iterdir())[:FEW]:
            shutil.copy(path, few)
        rows: dict[str, list[dict[str, Any]]] = {}
        left: dict[str, dict[str, Any]] = {}
        names = list(commands(whole, Path(folder)))
        for number in range(rounds + 1):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                album = few if name in ANEW else whole
                row, made = once(album, Path(folder), name)
                if number:
                    rows.setdefault(name, []).append(row)
                else:
                    left[name] = left_in(album, made)
                shutil.rmtree(made)
                click.echo(f"round {number}, {name}: {row['seconds']} s, {row['processor_seconds']} s used")
    record = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _said("git", "-C", str(EXAMPLES), "rev-parse", "HEAD"),
        "device": {"cpus": os.cpu_count(), "machine": platform.machine(), "load": [round(one, 2) for one in load]},
        "versions": {
            "python": platform.python_version(),
            "cloak": version("photo-cloak"),
            "exiftool": _said("exiftool", "-ver"),
            "imagemagick": _said("mogrify", "-version").partition("\n")[0],
        },
        "photos": photos,
        "megabytes": round(size / 1e6, 1),
        "tools": {name: _figures(rows[name], left[name]["files"]) | {"left": left[name]} for name in names},
    }
    text = json.dumps(record, indent=1)
    click.echo(text)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")


def _figures(rows: list[dict[str, Any]], photos: int) -> dict[str, Any]:
    rates = sorted(photos / row["seconds"] for row in rows)
    quarters = statistics.quantiles(rates, n=4, method="inclusive") if len(rates) > 1 else [rates[0]] * 3
    return {
        "photos_per_second": {
            "median": round(quarters[1], 1),
            "quartiles": [round(quarters[0], 1), round(quarters[2], 1)],
        },
        "photos_per_processor_second": round(statistics.median(photos / row["processor_seconds"] for row in rows), 1),
        "rounds": rows,
    }


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
