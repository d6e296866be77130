"""`cloak models`: the trained networks, their licences and where they are kept."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cloak.errors import UsageError, WeightsCorruptError, WeightsMissingError
from cloak.models import cache
from cloak.models.fetch import fetch
from cloak.models.registry import DETECTOR, WITNESS, Artifact, Profile, artifact, artifacts, surrogates

_PATH = click.Path(path_type=Path, dir_okay=False, exists=True)
_PIPE_WIDTH = 160  # no line of the table is folded


@click.group()
def models() -> None:
    """Show, fetch and check the trained networks.

    Example: cloak models fetch
    """


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known, for machines.")
def list_(*, as_json: bool) -> None:
    """Show every network with its licence and source.

    Example: cloak models list --json
    """
    found = artifacts().values()
    if as_json:
        click.echo(json.dumps([_described(each) for each in found], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for heading in ("task", "profile", "licence", "source", "download", "here"):
        table.add_column(heading, overflow="fold")
    for each in found:
        source, size = _source(each)
        here = "yes" if cache.path(each).exists() else "no"
        table.add_row(each.name, each.task, each.profile, each.licence, source, f"{size / 1e6:.0f} MB", here)
    console = Console()
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    console.print(table)


@models.command("fetch")
@click.argument("names", nargs=-1)
@click.option(
    "--weights",
    type=click.Choice([str(profile) for profile in Profile]),
    default=str(Profile.OPEN),
    show_default=True,
    help="research adds networks whose licences allow non-commercial research only: asking for them accepts that.",
)
@click.option("--file", type=_PATH, help="The original file, or the package it is in, if you have it already.")
def fetch_(names: tuple[str, ...], weights: str, file: Path | None) -> None:
    """Fetch networks by NAMES, or all that a profile needs.

    What only judges cloaks (profile "victim" in the list) is fetched by name, or by the evaluation that uses it.

    Example: cloak models fetch sface --file face_recognition_sface_2021dec.onnx
    """
    profile = Profile(weights)
    if file is not None and len(names) != 1:
        raise UsageError(f"--file goes with one name, got {len(names)}: say which model the file is")
    for name in names or (*surrogates(profile), WITNESS, DETECTOR):
        click.echo(fetch(name, profile=profile, file=file))


@models.command("path")
@click.argument("name", required=False)
def path_(name: str | None) -> None:
    """Print where the networks are kept, or where one of them is.

    Example: cloak models path yunet
    """
    if name is None:
        click.echo(cache.folder())
        return
    where = cache.path(artifact(name))
    if not where.exists():
        raise WeightsMissingError(f"{name} is not in {cache.folder()}: run `cloak models fetch {name}`")
    click.echo(where)


@models.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print name and state, for machines.")
def verify_(*, as_json: bool) -> None:
    """Read every network that was fetched and compare its hashes.

    Example: cloak models verify
    """
    states = {name: cache.state(each) for name, each in artifacts().items()}
    if as_json:
        click.echo(json.dumps(states, indent=2))
    else:
        for name, state in states.items():
            click.echo(f"{state:8} {name}")
    altered = [name for name, state in states.items() if state is cache.State.ALTERED]
    if altered:
        raise WeightsCorruptError(f"altered or incomplete: {', '.join(altered)}; run `cloak models fetch {altered[0]}`")


def _source(each: Artifact) -> tuple[str, int]:
    """Return where an artifact comes from first, and how many bytes that takes."""
    if each.package is not None:
        return each.package.requirement, each.package.size
    return (each.url.address if each.url else ""), each.size


def _described(each: Artifact) -> dict[str, Any]:
    """Return an artifact as JSON can hold it."""
    package, url = each.package, each.url
    return {
        "name": each.name,
        "task": each.task,
        "profile": each.profile,
        "licence": each.licence,
        "origin": each.origin,
        "training_data": each.training_data,
        "paper": each.paper,
        "package": package and {"requirement": package.requirement, "member": package.member, "size": package.size},
        "url": url and {"address": url.address, "member": url.member},
        "sha256": each.sha256,
        "size": each.size,
        "input_size": each.input_size,
        "value_range": each.value_range,
        "channels": each.channels,
        "dim": each.dim,
        "template": each.template,
        "thresholds": dict(each.thresholds),
        "path": str(cache.path(each)),
        "fetched": cache.path(each).exists(),
    }
