"""`cloak bench`: how fast this machine is, and what holds it up."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cloak.bench import Benchmark


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--photos", type=click.IntRange(1), default=8, show_default=True, help="How many to protect.")
@click.option("--strip-only", is_flag=True, help="Look for no faces: everything but the attack.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--batch", type=click.IntRange(1), default=8, show_default=True, help="Faces that are cloaked together.")
@click.option("--jobs", type=click.IntRange(1), help="Processors to keep busy.  [default: all]")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the measurements as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace that file.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def bench(
    paths: tuple[Path, ...],
    *,
    photos: int,
    strip_only: bool,
    device: str,
    batch: int,
    jobs: int | None,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Protect photos of PATHS into a folder that is removed again, and say how fast that was and why not faster.

    Use photos like those that you have: what a face costs is the same everywhere, what a photo costs is not. Without
    PATHS, a made-up photo without a face is used.

    Example: cloak bench holiday --photos 20 -o bench.json
    """
    import tempfile  # noqa: PLC0415 -- help needs none of this

    from cloak.bench import benchmark, paint  # noqa: PLC0415
    from cloak.config import FacePolicy, ProtectConfig  # noqa: PLC0415
    from cloak.files import write  # noqa: PLC0415

    faces = FacePolicy.NONE if strip_only else FacePolicy.ALL
    config = ProtectConfig(faces=faces, device=device, batch=batch, jobs=jobs)
    with tempfile.TemporaryDirectory(prefix="cloak-bench-") as folder:
        measured = benchmark(paths or [paint(Path(folder))], config, photos=photos)
    text = json.dumps(measured.document(), indent=2)
    if output:
        write(output, f"{text}\n".encode(), overwrite=overwrite)
    if as_json:
        click.echo(text)
    else:
        for line in _lines(measured):
            click.echo(line)


def _lines(measured: "Benchmark") -> list[str]:
    crew = measured.crew
    table = [
        f"{name:8} {1000 * stage.each:9.1f} ms a {'face ' if name == 'attack' else 'photo'}  "
        f"{stage.per_second:9.2f} a second at most  {stage.busy:4.0%} of the time"
        for name, stage in measured.stages.items()
    ]
    memory = f"Memory: {measured.peak_memory_mb} MB at most"
    return [
        f"{measured.photos} photos with {measured.faces} faces in {measured.seconds:.1f} s: "
        f"{measured.photos_per_second:.2f} photos and {measured.faces_per_second:.2f} faces a second.",
        *table,
        f"Bottleneck: {measured.bottleneck}. {crew.lanes} batches side by side of {crew.lane_threads} threads, "
        f"{crew.helpers} photos read and {crew.helpers} written at a time.",
        f"{memory}, {measured.gpu_memory_mb} MB on the GPU." if measured.gpu_memory_mb else f"{memory}.",
    ]
