"""What Ray costs on one machine, and what a second worker brings.

    python tests/benchmarks/cluster.py cluster.json

Every run is a process of its own, against a cluster that is up; each is done with few photos and with more, and the
rate is that of those in between: so what a start costs is told apart. What is compared is run in turn, since the speed
of a machine changes within minutes. The attack is short, which makes all that is not the attack look larger than it is
to users. Photos have one face, or none. The system keeps the cluster of one processor to that one: its decoding and
detection would use the other.
"""

import argparse
import json
import os
import platform
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image

from cloak.album import Album
from cloak.config import AttackConfig, FacePolicy, ProtectConfig
from cloak.distributed.planning import prepare
from cloak.outcome import Status
from cloak.pipeline import protect
from cloak.sources import find_photos
from cloak.targets import plan

EXAMPLES = Path(__file__).parents[2] / "examples"
STEPS, BATCH = 60, 4
FACES, BARE = (8, 32), (50, 350)
"""How many photos, with faces and without."""


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(options.output, **json.loads(options.child))))
        return
    # Whoever has the token may use the clusters: nobody else has it.
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    results: dict[str, Any] = {"machine": machine(), "attack_steps": STEPS, "batch": BATCH, "rounds": []}
    with tempfile.TemporaryDirectory() as name, cluster(2) as two, cluster(1) as one:
        small = album(Path(name), 0, BARE[0])
        own, plain = (run(small, faces=False, jobs=2, address=address) for address in ("", None))
        results["cluster of its own"] = {"photos": BARE[0], "seconds": round(own, 1), "plain_seconds": round(plain, 1)}
        for _ in range(options.rounds):
            results["rounds"].append(
                {
                    PLAIN: measured(Path(name), 1, jobs=2),
                    WHOLE: measured(Path(name), 1, jobs=2, address=two),
                    TWO: measured(Path(name), 1, jobs=1, address=two),
                    ONE: measured(Path(name), 1, jobs=1, address=one),
                    BARE_PLAIN: measured(Path(name), 0, jobs=2),
                    BARE_RAY: measured(Path(name), 0, jobs=2, address=two),
                }
            )
            results |= {ratio: compared(results["rounds"], *pair) for ratio, pair in RATIOS.items()}
            options.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


PLAIN, WHOLE = "faces: plain, two processors", "faces: ray, one worker of two processors"
TWO, ONE = "faces: ray, two workers of one processor", "faces: ray, one worker of one processor"
BARE_PLAIN, BARE_RAY = "no faces: plain, two processors", "no faces: ray, one worker of two processors"
RATIOS = {
    "ray_to_plain": (WHOLE, PLAIN),
    "ray_to_plain_without_faces": (BARE_RAY, BARE_PLAIN),
    "two_workers_to_one": (TWO, ONE),
}


def compared(rounds: list[dict[str, Any]], one: str, base: str) -> dict[str, Any]:
    """Return how fast one is as a multiple of another, while it runs and with its start, in each round."""
    rates = [each[one]["photos_per_second"] / each[base]["photos_per_second"] for each in rounds]
    wholes = [each[base]["seconds"][-1] / each[one]["seconds"][-1] for each in rounds]
    return {
        "rate": round(statistics.median(rates), 3),
        "rate_each_round": [round(each, 3) for each in rates],
        "with_start": round(statistics.median(wholes), 3),
    }


def measured(folder: Path, faces: int, **how: Any) -> dict[str, Any]:
    """Do few photos, then more, and tell the rate between."""
    counts = FACES if faces else BARE
    runs = [run(album(folder, faces, count), faces=bool(faces), **how) for count in counts]
    more = counts[1] - counts[0]
    rate = more / (runs[1] - runs[0])
    return {
        "photos": counts,
        "seconds": [round(each, 1) for each in runs],
        "photos_per_second": round(rate, 3),
    }


def album(folder: Path, faces: int, count: int) -> Path:
    """Make so many photos, of one face each or of none."""
    made = folder / f"{faces}-{count}"
    if made.exists():
        return made
    made.mkdir()
    with Image.open(EXAMPLES / "phone.jpg") as image:
        picture = image.convert("RGB") if faces else Image.new("RGB", (640, 480), (90, 120, 60))
    picture.thumbnail((400, 400))
    picture.save(made / "0000.jpg", quality=90)
    for number in range(1, count):
        os.link(made / "0000.jpg", made / f"{number:04}.jpg")
    return made


def run(photos: Path, **how: Any) -> float:
    """Protect a folder in a process of its own; the seconds from its imports to the last photo."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-P", __file__, out, "--child", json.dumps({"photos": str(photos), **how})]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
        return float(json.loads(answer.stdout)["seconds"])


def child(out: Path, *, photos: str, faces: bool, jobs: int, address: str | None = None) -> dict[str, Any]:
    """Protect a folder by the plain engine, on a cluster, or (with an empty address) on one of its own."""
    start = time.perf_counter()
    config = ProtectConfig(
        attack=AttackConfig(steps=STEPS),
        faces=FacePolicy.ALL if faces else FacePolicy.NONE,
        device="cpu",
        batch=BATCH,
        jobs=jobs,
    )
    if address is None:
        jobs_to_do = plan(find_photos([Path(photos)], output=out).sources, out)
        with Album(out, config) as sink:
            statuses = [one.status for one in protect(jobs_to_do, config, sink=sink)]
    else:
        from cloak.distributed import engine  # noqa: PLC0415 -- Ray

        work = prepare([photos], str(out), config)
        stop = threading.Event()
        done = engine.protect(work, references=None, manifest=True, address=address or None, stop=stop)
        statuses = [one.status for _, one in done]
    assert set(statuses) == {Status.PROTECTED if faces else Status.STRIPPED}
    return {"seconds": time.perf_counter() - start}


@contextmanager
def cluster(processors: int) -> Iterator[str]:
    """Start a cluster of this machine alone."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    home = Path(f"/tmp/cloak-bench-{port}")  # noqa: S108 -- sockets need short names
    command = f"""{Path(sys.executable).with_name("ray")} start --head --block --port={port} --num-cpus={processors}
        --include-dashboard=false --object-store-memory=200000000 --temp-dir={home}"""
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(command.split(), stdout=log, stderr=log, start_new_session=True)
        if sys.platform == "linux":
            os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(0))[:processors])
        try:
            end = time.monotonic() + 60
            while b"Ray runtime started" not in Path(log.name).read_bytes():
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(Path(log.name).read_text(errors="replace"))
                time.sleep(0.1)
            yield f"127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            with suppress(ProcessLookupError):  # some of Ray's processes do not heed the first
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            shutil.rmtree(home, ignore_errors=True)


def machine() -> dict[str, Any]:
    """Return what it ran on, and how busy that was with other things."""
    command = ["git", "-C", str(EXAMPLES), "rev-parse", "HEAD"]
    return {
        "commit": subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip(),
        **{name: version(name) for name in ("photo-cloak", "torch", "ray")},
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "load_before": [round(value, 2) for value in os.getloadavg()],
    }


if __name__ == "__main__":
    main()
