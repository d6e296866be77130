"""What `cloak serve` does under load: seconds by route, memory, and whether each client gets its own photo back.

    python tests/benchmarks/serve.py serve.json --seconds 600

Clients on the same machine send photos without end, each as soon as the last was answered. Every photo has a pattern of
its own (32 bits that survive compression, drawn into it) and a name of its own in its metadata, and every answer is
checked to be about that photo. One client sends a face, which takes seconds; the others' photos have none. What is told
to come again (429) comes again when it was told to.
"""

import argparse
import asyncio
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))
from served import Served, served

EXAMPLES = Path(__file__).parents[2] / "examples"
BITS, CELL = 32, 24
ROUTES = ("inspect", "strip", "protect")
TRIES = 200


@dataclass
class Tally:
    """What happened."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[str] = field(default_factory=Counter)
    again: int = 0
    lost: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--queue", type=int, default=4)
    parser.add_argument("--no-faces", action="store_true", help="send no photo that takes seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "log", "--queue", str(options.queue)) as server:
        tally, ran = asyncio.run(load(server, options.seconds, options.clients, faces=not options.no_faces))
    result = {
        "machine": machine(),
        "load": {**vars(options), "output": None, "faces": not options.no_faces, "ran": round(ran, 1)},
    }
    for gone in ("output", "no_faces"):
        del result["load"][gone]
    options.output.write_text(json.dumps({**result, **summary(tally, ran)}, indent=2) + "\n", encoding="utf-8")


async def load(server: Served, seconds: float, clients: int, *, faces: bool) -> tuple[Tally, float]:
    """Send photos for some time."""
    tally, start = Tally(), time.monotonic()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=server.url, headers=server.bearer, timeout=300, limits=limits, trust_env=False
    ) as http:
        end = start + seconds
        work = [client(http, number, end, tally) for number in range(clients)]
        work += [pulse(http, end, tally), watch(server, start, end, tally)]
        work += [face(http, end, tally)] if faces else []
        await asyncio.gather(*work)
    return tally, time.monotonic() - start


async def client(http: httpx.AsyncClient, number: int, end: float, tally: Tally) -> None:
    """Send photos, each unlike any other."""
    count = 0
    while time.monotonic() < end:
        serial, route = number << 20 | count, ROUTES[number % len(ROUTES)]
        count += 1
        width, height = 8 * CELL + 16 * number, 240 + 8 * (count % 10)
        data = await asyncio.to_thread(drawn, serial, width, height)
        answer = await ask(http, route, data, tally)
        if answer is None:
            continue
        wrong = await asyncio.to_thread(differs, route, answer, serial, (width, height))
        if wrong:
            tally.mixed.append(f"{route} of {serial}: {wrong}")


async def face(http: httpx.AsyncClient, end: float, tally: Tally) -> None:
    """Have a face cloaked, again and again."""
    data = (EXAMPLES / "phone.jpg").read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        size = image.size
    while time.monotonic() < end:
        answer = await ask(http, "protect", data, tally, name="protect, with a face", query="?strength=subtle")
        if answer is None:
            continue
        told = json.loads(answer.headers["cloak-outcome"])
        if told["status"] != "protected" or Image.open(io.BytesIO(answer.content)).size not in {size, size[::-1]}:
            tally.mixed.append(f"protect of a face: {told}")


async def ask(
    http: httpx.AsyncClient, route: str, data: bytes, tally: Tally, *, name: str = "", query: str = ""
) -> httpx.Response | None:
    """Send a photo until it is taken; None, and a line in `lost`, if it never is."""
    name = name or route
    for _ in range(TRIES):
        start = time.monotonic()
        try:
            answer = await http.post(f"/v1/{route}{query}", content=data)
        except httpx.HTTPError as error:
            tally.lost.append(f"{name}: {type(error).__name__}")
            return None
        tally.statuses[f"{name} {answer.status_code}"] += 1
        if answer.status_code == 200:
            tally.seconds[name].append(time.monotonic() - start)
            return answer
        if answer.status_code != 429:
            break
        tally.again += 1
        await asyncio.sleep(float(answer.headers["retry-after"]))
    tally.lost.append(f"{name}: {answer.status_code} {answer.text[:200]}")
    return None


async def pulse(http: httpx.AsyncClient, end: float, tally: Tally) -> None:
    """Ask twice a second whether the server is well."""
    while time.monotonic() < end:
        start = time.monotonic()
        answer = await http.get("/healthz")
        tally.seconds["healthz"].append(time.monotonic() - start)
        if answer.status_code != 200:
            tally.lost.append(f"healthz: {answer.status_code}")
        await asyncio.sleep(0.5)


async def watch(server: Served, start: float, end: float, tally: Tally) -> None:
    """Note once a second how much memory the server and its processes have."""
    while time.monotonic() < end:
        tally.memory.append((time.monotonic() - start, await asyncio.to_thread(server.memory)))
        await asyncio.sleep(1)


def drawn(serial: int, width: int, height: int) -> bytes:
    """A photo with a number drawn into it, and named in its metadata."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels[..., 0] = np.linspace(60, 190, width).astype(np.uint8)
    for bit in range(BITS):
        y, x = divmod(bit, 8)
        pixels[y * CELL : (y + 1) * CELL, x * CELL : (x + 1) * CELL] = 220 if serial >> bit & 1 else 30
    exif = Image.Exif()
    exif[0x010F] = f"load-{serial:08x}"
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=88, exif=exif)
    return file.getvalue()


def differs(route: str, answer: httpx.Response, serial: int, size: tuple[int, int]) -> str:
    """Say in what an answer is not about the photo with this number; empty if it is."""
    mark = f"load-{serial:08x}"
    if route == "inspect":
        told = answer.json()
        if (told["width"], told["height"]) != size:
            return f"size {told['width']} x {told['height']}"
        return "" if mark in answer.text else "the name in its metadata is another"
    if mark.encode() in answer.content:
        return "its metadata is still there"
    with Image.open(io.BytesIO(answer.content)) as image:
        if image.size != size:
            return f"size {image.size}"
        grey = np.asarray(image.convert("L"))
    half = CELL // 2
    read = sum(int(grey[bit // 8 * CELL + half, bit % 8 * CELL + half] > 125) << bit for bit in range(BITS))
    return "" if read == serial else f"it is the photo with the number {read}"


def summary(tally: Tally, ran: float) -> dict[str, Any]:
    """What is written of a run."""
    sizes = [size / 2**20 for _, size in tally.memory]
    tenth = max(1, len(sizes) // 10)
    return {
        "requests": sum(map(len, tally.seconds.values())),
        "per_second": round(sum(map(len, tally.seconds.values())) / ran, 1),
        "lost": len(tally.lost),
        "mixed_up": len(tally.mixed),
        "first_problems": (tally.lost + tally.mixed)[:10],
        "told_to_come_again": tally.again,
        "statuses": dict(sorted(tally.statuses.items())),
        "ms": {
            name: {
                "count": len(values),
                "p50": round(1000 * median(values), 1),
                "p99": round(1000 * float(np.quantile(values, 0.99)), 1),
                "most": round(1000 * max(values), 1),
            }
            for name, values in sorted(tally.seconds.items())
        },
        "memory_mb": {
            "second_tenth": round(median(sizes[tenth : 2 * tenth] or sizes)),
            "last_tenth": round(median(sizes[-tenth:])),
            "most": round(max(sizes)),
            "each_tenth": [round(median(sizes[at : at + tenth])) for at in range(0, len(sizes) - tenth + 1, tenth)],
        },
    }


def machine() -> dict[str, Any]:
    """Where this was measured."""
    # It says nothing outside a repository.
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    packages = ("photo-cloak", "fastapi", "starlette", "uvicorn", "torch", "pillow")
    cores = Path("/proc/cpuinfo").read_text().count("processor\t") if sys.platform == "linux" else None
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cores": cores,
        "versions": {name: version(name) for name in packages},
        "commit": commit.strip() or None,
        "load_after": [round(value, 2) for value in os.getloadavg()],
    }


if __name__ == "__main__":
    main()
