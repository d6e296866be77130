"""What this machine makes of photos: how many a second, where the time goes, and what would have to be faster."""

import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cloak.cloaker import Cloaker
from cloak.config import FacePolicy, ProtectConfig
from cloak.crew import Crew, crew
from cloak.device import pick_devices
from cloak.meter import Meter
from cloak.outcome import Outcome, Status
from cloak.pipeline import protect
from cloak.sources import find_photos
from cloak.targets import plan

LANE, READER, WRITER = "attack", ("read", "decode", "detect"), ("encode", "verify", "write")
"""Stages by the threads that they run in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRate:
    """One stage.

    Attributes:
        seconds: spent in it, of all its threads together.
        each: seconds for a photo; for a face, in the attack.
        per_second: photos, or faces, that its threads could do if nothing else were slower.
        busy: share of the run in which its threads worked on it, in [0, 1].
    """

    seconds: float
    each: float
    per_second: float
    busy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A run, measured.

    Attributes:
        photos: that were written.
        failed: that were not.
        faces: that were cloaked.
        seconds: from the first photo to the last, without loading the networks.
        photos_per_second: over all stages.
        faces_per_second: over all stages.
        stages: each by name.
        bottleneck: the stage whose threads had the least time left.
        peak_memory_mb: of this process; those that decode are not counted.
        gpu_memory_mb: most that was in use on one GPU, 0 without any.
        crew: how many threads did what.
        machine: what it ran on.
    """

    photos: int
    failed: int
    faces: int
    seconds: float
    photos_per_second: float
    faces_per_second: float
    stages: dict[str, StageRate]
    bottleneck: str
    peak_memory_mb: int
    gpu_memory_mb: int
    crew: Crew
    machine: dict[str, str]

    def document(self) -> dict[str, object]:
        """Return it as JSON can hold it."""
        return asdict(self)


def benchmark(paths: Sequence[Path], config: ProtectConfig, *, photos: int) -> Benchmark:
    """Protect photos into a temporary folder and measure it.

    Args:
        paths: files and folders; their photos are used again and again until there are enough.
        config: all settings.
        photos: how many to protect.

    Raises:
        UsageError: there are no photos.
    """
    cloaker = Cloaker(config)
    networks = cloaker.networks
    if config.faces is not FacePolicy.NONE:
        _ = networks.detector, networks.witness, networks.surrogates
    meter = Meter()
    with tempfile.TemporaryDirectory(prefix="cloak-bench-") as out:
        found = find_photos(paths).sources
        sources = [found[number % len(found)] for number in range(photos)]
        start = time.perf_counter()
        outcomes = list(protect(plan(sources, Path(out)), config, cloaker=cloaker, meter=meter))
        seconds = time.perf_counter() - start
    devices = [networks.device] if config.faces is FacePolicy.NONE else pick_devices(config.device)
    threads = crew(networks.device, photos, config.jobs, batch=config.batch, devices=len(devices))
    return _told(outcomes, seconds, meter, threads, devices)


def paint(folder: Path, *, width: int = 1600, height: int = 1200) -> Path:
    """Write a made-up photo without a face, for machines without photos."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [128 + 100 * np.sin(rows / (37 + 9 * c) + columns / (53 + 7 * c)) for c in range(3)]
    path = folder / "painted.jpg"
    Image.fromarray(np.stack(waves, -1).astype(np.uint8)).save(path, quality=90)
    return path


def _told(
    outcomes: Sequence[Outcome], seconds: float, meter: Meter, threads: Crew, devices: Sequence[torch.device]
) -> Benchmark:
    written = [one for one in outcomes if one.status is not Status.FAILED]
    faces = sum(one.found for one in written)
    stages = {}
    for name, stage in meter.stages.items():
        workers = threads.lanes if name == LANE else threads.helpers
        each = stage.seconds / max(stage.count, 1)
        rate = workers / each if each else float("inf")
        stages[name] = StageRate(
            seconds=stage.seconds, each=each, per_second=rate, busy=min(1.0, stage.seconds / (seconds * workers))
        )
    loads = {
        LANE: sum(stages[name].busy for name in (LANE,) if name in stages),
        "reading": sum(stages[name].busy for name in READER if name in stages),
        "writing": sum(stages[name].busy for name in WRITER if name in stages),
    }
    return Benchmark(
        photos=len(written),
        failed=len(outcomes) - len(written),
        faces=faces,
        seconds=seconds,
        photos_per_second=len(written) / seconds,
        faces_per_second=faces / seconds,
        stages=stages,
        bottleneck=max(loads, key=lambda name: loads[name]),
        peak_memory_mb=peak_memory(),
        gpu_memory_mb=max(
            torch.cuda.max_memory_allocated(each) >> 20 if each.type == "cuda" else 0 for each in devices
        ),
        crew=threads,
        machine=_machine(devices),
    )


def peak_memory() -> int:
    """Return the peak resident memory of this process in MiB, 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, what getrusage says begins with the peak of the process that started this one
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) >> 10
    try:
        import resource  # noqa: PLC0415 -- not on Windows
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == "darwin" else 10)


def _machine(devices: Sequence[torch.device]) -> dict[str, str]:
    names = [torch.cuda.get_device_name(each) if each.type == "cuda" else str(each) for each in devices]
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cloak": version("photo-cloak"),
        "device": ", ".join(names),
    }
