"""Compare how fast `strip`, exiftool and mat2 rid a folder of photos of metadata: the same files, in rounds, in turns.

    python tests/benchmarks/strip_speed.py PHOTOS --skip malformed --out tests/benchmarks/strip_speed.json

Each tool runs as two processes that stay open and are given one file at a time; starting them is part of the time. None
waits for the disk. The copies go to a folder in memory: on a disk, creating files costs many times more where others
were deleted shortly before, which would punish whoever comes second. A first round, in which caches fill, does not
count. Needs exiftool, and an interpreter that has mat2.
"""

import json
import os
import platform
import queue
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

HERE = Path(__file__).parent
MEMORY = "/dev/shm"  # noqa: S108 -- the folder that is made in there is ours alone
MAT2 = """
import sys
from libmat2 import parser_factory
print("ready", flush=True)
for line in sys.stdin:
    source, _, target = line.rstrip("\\n").partition("\\t")
    try:
        parser, _ = parser_factory.get_parser(source)
        if parser is not None:
            parser.output_filename = target
        done = parser is not None and parser.remove_all()
    except Exception:
        done = False
    print("ok" if done else "err", flush=True)
"""
"""mat2 has no way of its own to stay open."""


@dataclass
class Tool:
    """A program that stays open: how it is started, told a file, where its answer ends, and what ends it."""

    command: list[str]
    order: str = "{source}\t{target}\n"
    end: str = "\n"
    greets: bool = True
    last: str = ""
    rounds: list[dict[str, float]] = field(default_factory=list)

    def work(self, jobs: "queue.Queue[tuple[Path, Path]]", environment: dict[str, str]) -> None:
        """Do jobs until there are no more."""
        with subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        ) as process:
            assert process.stdin
            assert process.stdout
            if self.greets:
                process.stdout.readline()
            while True:
                try:
                    source, target = jobs.get_nowait()
                except queue.Empty:
                    break
                process.stdin.write(self.order.format(source=source, target=target))
                process.stdin.flush()
                while not (line := process.stdout.readline()).endswith(self.end) and line:
                    pass
            process.stdin.write(self.last)
            process.stdin.close()


def files(folder: Path, skip: frozenset[str]) -> Iterator[Path]:
    """Photos, each content once, without those in folders of these names."""
    seen = set()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not {*path.parts, "_lic"} & {*skip} and "_lic" not in path.parts:
            content = sha256(path.read_bytes()).digest()
            if content not in seen:
                seen.add(content)
                yield path


def once(tool: Tool, paths: list[Path], work: Path, workers: int) -> dict[str, float]:
    """One round of one tool: seconds that passed, seconds of processors, and files that it wrote."""
    folder = Path(tempfile.mkdtemp(dir=work))
    jobs: queue.Queue[tuple[Path, Path]] = queue.Queue()
    for number, path in enumerate(paths):
        jobs.put((path, folder / f"{number}{path.suffix}"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(work / "cache"), "OMP_NUM_THREADS": "1"}
    threads = [threading.Thread(target=tool.work, args=(jobs, environment)) for _ in range(workers)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    written = sum(1 for _ in folder.iterdir())
    shutil.rmtree(folder)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "processor_seconds": used, "written": written}


def figures(tool: Tool, ours: Tool, count: int) -> dict[str, Any]:
    """Files a second, and how many times faster `strip` is: the median of rounds, and each."""
    found: dict[str, Any] = {"written": tool.rounds[-1]["written"]}
    for name, key in (("files_per_s", "seconds"), ("files_per_processor_s", "processor_seconds")):
        rates = [count / one[key] for one in tool.rounds]
        ratios = [other[key] / one[key] for one, other in zip(ours.rounds, tool.rounds, strict=True)]
        found[name] = {"median": round(statistics.median(rates)), "rounds": [round(rate) for rate in rates]}
        found[name]["strip_is_faster_by"] = round(statistics.median(ratios), 2)
        found[name]["strip_is_faster_by_rounds"] = [round(ratio, 2) for ratio in ratios]
    return found


def said(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--skip", default="", help="Names of folders to leave out, with commas between them.")
@click.option("--rounds", default=7, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--work", default=MEMORY, show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--mat2", default="/usr/bin/python3", show_default=True, help="An interpreter that has libmat2.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the figures.")
def main(photos: Path, *, skip: str, rounds: int, workers: int, work: Path, mat2: str, out: Path | None) -> None:
    """Measure, print and record."""
    paths = [path.resolve() for path in files(photos, frozenset(filter(None, skip.split(","))))]
    tools = {
        "cloak strip": Tool([sys.executable, str(HERE / "strip_worker.py")]),
        "exiftool -stay_open": Tool(
            ["exiftool", "-stay_open", "True", "-@", "-"],
            "-all=\n-o\n{target}\n{source}\n-execute\n",
            "{ready}\n",
            greets=False,
            last="-stay_open\nFalse\n",
        ),
        "mat2": Tool([mat2, "-c", MAT2]),
    }
    load = os.getloadavg()
    with tempfile.TemporaryDirectory(dir=work) as folder:
        for number in range(rounds + 1):
            names = list(tools)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                result = once(tools[name], paths, Path(folder), workers)
                if number:
                    tools[name].rounds.append(result)
                click.echo(
                    f"round {number}, {name}: {result['seconds']:.2f} s, {result['processor_seconds']:.2f} s used"
                )
    results = {name: figures(tool, tools["cloak strip"], len(paths)) for name, tool in tools.items()}
    for name, found in results.items():
        passed, used = found["files_per_s"], found["files_per_processor_s"]
        click.echo(f"{name:20} {passed['median']:5} files/s (strip x {passed['strip_is_faster_by']})", nl=False)
        click.echo(f", {used['median']:5} a processor second (strip x {used['strip_is_faster_by']})")
    record = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": said("git", "rev-parse", "HEAD"),
        "device": {"cpus": os.cpu_count(), "machine": platform.machine(), "load": [round(one, 2) for one in load]},
        "versions": {
            "python": platform.python_version(),
            "exiftool": said("exiftool", "-ver"),
            "mat2": said("mat2", "-v"),
        },
        "files": len(paths),
        "workers": workers,
        "tools": results,
    }
    if out is not None:
        out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
