"""`cloak train`: train the generator that gives a cloak in one pass."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click

from cloak.cli.letters import letter_range
from cloak.cli.progress import progress


@click.command()
@click.argument("photos", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for weights and state.")
@click.option("--names", "letters", help="Only folders whose names start so, such as A-M: test on the others.")
@click.option("--photos", "most", type=click.IntRange(1), default=1600, show_default=True, help="Photos at most.")
@click.option("--steps", type=click.IntRange(1), default=8000, show_default=True, help="Steps of the optimiser.")
@click.option("--batch", type=click.IntRange(1), default=8, show_default=True, help="Faces in a step.")
@click.option("--judges", type=click.IntRange(1), default=1, show_default=True, help="Surrogates in a step.")
@click.option("--widths", default="48,72,96", show_default=True, help="Channels at 1/4, 1/8, ... of the resolution.")
@click.option(
    "--weights", type=click.Choice(["open", "research"]), default="open", show_default=True, help="Surrogates."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--seed", default=0, show_default=True, help="Of every random draw.")
def train(
    photos: Path,
    output: Path,
    *,
    letters: str | None,
    most: int,
    steps: int,
    batch: int,
    judges: int,
    widths: str,
    weights: str,
    device: str,
    seed: int,
) -> None:
    """Train a generator of cloaks on the faces in PHOTOS, a folder of folders.

    Written into the output folder: generator.safetensors, log.jsonl, and the state that the same command goes on
    from. On a GPU take a larger batch and all surrogates in each step.

    Example: cloak train lfw --names A-M -o generator --device cuda --batch 64 --judges 3 --steps 100000
    """
    from cloak.device import pick_device  # noqa: PLC0415 -- needs PyTorch, help must not wait for it
    from cloak.models import Profile  # noqa: PLC0415
    from cloak.training.generator import GeneratorConfig, train_generator  # noqa: PLC0415

    config = GeneratorConfig(
        widths=tuple(int(width) for width in widths.split(",")),
        steps=steps,
        batch=batch,
        surrogates=judges,
        seed=seed,
    )

    def show(label: str, total: int) -> AbstractContextManager[Callable[[], None]]:
        return progress(total, label=label)

    train_generator(
        photos,
        output,
        config,
        letters=letter_range(letters),
        most=most,
        weights=Profile(weights),
        device=pick_device(device),
        progress=show,
    )
    click.echo(f"Written to {output}: generator.safetensors, log.jsonl.", err=True)
