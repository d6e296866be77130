"""`cloak protect`: files and folders in, photos that are safe to post out."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

# Spelled out, not read from the enumerations that they name: those need PyTorch, and help must not wait for it.
CHOICES = {
    "strength": ("subtle", "balanced", "strong"),
    "effort": ("quick", "normal", "thorough"),
    "weights": ("open", "research"),
    "faces": ("all", "largest", "none"),
    "protect": ("all", "me", "except"),
    "bystanders": ("leave", "blur", "cloak"),
    "names": ("keep", "random"),
    "format": ("keep", "jpeg", "png", "webp", "avif", "heic"),
    "no-face": ("strip", "fail"),
}
DEFAULTS = {"strength": "balanced", "effort": "normal"}
"""Where it is not the first choice."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _choice(name: str, text: str) -> Callable[[_Function], _Function]:
    choices = CHOICES[name]
    default = DEFAULTS.get(name, choices[0])
    return click.option(f"--{name}", type=click.Choice(choices), default=default, show_default=True, help=text)


def _local(context: click.Context, parameter: click.Parameter, value: str | None) -> Path | None:
    """Refuse a URL, of which a path would make the names of two folders."""
    if value and "://" in value:
        raise click.BadParameter("it is written on this machine: name a local file", context, parameter)
    return Path(value) if value else None


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="Folder or URL to write to.")
@_choice("strength", "How much may be seen; more protects better.")
@_choice("effort", "How long to search for a cloak; twice the time protects a little better.")
@_choice(
    "weights", "Networks that cloaks are made against; research accepts licences for non-commercial research only."
)
@_choice("faces", "Which faces to cloak.")
@_choice("protect", "Whose faces to cloak: everybody's, yours, or all but yours; in doubt, a face is cloaked.")
@click.option(
    "--me",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Photos of you alone, to know you by. How you look to a recogniser is kept, encrypted: needed once.",
)
@_choice("bystanders", "What to do with the other faces. A blurred face cannot be brought back.")
@_choice("names", "Keep file names and folders, or give random names in one folder.")
@_choice("format", "Format to write; keep is each photo's own.")
@_choice("no-face", "What to do with photos in which no face is found.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--seed", default=0, show_default=True, help="Of every random draw but names.")
@click.option(
    "--jobs", type=click.IntRange(1), help="Processors to keep busy; decoding takes some more.  [default: all]"
)
@click.option(
    "--engine",
    type=click.Choice(["plain", "ray"]),
    default="plain",
    show_default=True,
    help="This program alone, or Ray: many machines, or all processors of this one.",
)
@click.option("--address", metavar="HOST:PORT", help="Ray cluster to use, which this machine is part of.")
@click.option(
    "--max-pixels", type=click.IntRange(1), default=200_000_000, show_default=True, help="Refuse larger ones."
)
@click.option("--report", type=click.Path(), callback=_local, help="Write an HTML page with pictures before and after.")
@click.option("--overwrite", is_flag=True, help="Replace files that are already there.")
@click.option(
    "--manifest/--no-manifest",
    default=True,
    show_default=True,
    help="Keep a hidden file in the output folder that says what is done; without, every run is the first.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
@click.option("-v", "--verbose", is_flag=True, help="Print a line for each photo.")
def protect(
    paths: tuple[str, ...],
    output: str,
    engine: str,
    address: str | None,
    **options: Any,  # noqa: ANN401 -- checked by click
) -> None:
    """Cloak faces in PATHS and strip what the files say about you.

    PATHS are photos, folders with photos, patterns, or URLs such as s3://bucket/album. What is below a folder keeps its
    place; the originals stay as they are. Each written file is opened again and judged by a recogniser that was not
    used. The same command again does what is missing or has changed, and no more.

    Example: cloak protect holiday portrait.jpg -o safe --report safe/report.html
    """
    # Both need PyTorch, see above.
    if engine != "plain" or address or any("://" in place for place in (*paths, output)):
        from cloak.cli.elsewhere import run as run_elsewhere  # noqa: PLC0415

        sys.exit(run_elsewhere(paths, output, engine=engine, address=address, **options))
    from cloak.cli.run import run  # noqa: PLC0415

    sys.exit(run([Path(path) for path in paths], Path(output), **options))
