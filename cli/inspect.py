"""`cloak inspect`: what photos would give away."""

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cloak.cli.inspect_table import show
from cloak.cli.progress import progress
from cloak.errors import UsageError
from cloak.files import check_folder
from cloak.inspect import Inspection, document, people
from cloak.inspect import inspect as look_through
from cloak.names import shown
from cloak.sources import Found, find_photos

if TYPE_CHECKING:
    from cloak.inspect.page import Page


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")
@click.option("--report", type=click.Path(path_type=Path), help="Write an HTML page with pictures side by side.")
@click.option("--overwrite", is_flag=True, help="Replace the page if it is already there.")
@click.option("--strict", is_flag=True, help="Also tell what a clean file does not have, whatever it is.")
@click.option(
    "--faces/--no-faces",
    default=None,
    help="Look for faces, too; without either, where PyTorch is installed. It takes seconds to load.",
)
@click.option("-q", "--quiet", is_flag=True, help="One line for each photo.")
def inspect(
    paths: tuple[Path, ...],
    *,
    as_json: bool,
    report: Path | None,
    overwrite: bool,
    strict: bool,
    faces: bool | None,
    quiet: bool,
) -> None:
    """Say what PATHS would give away: where, when, with what, who, and what else travels with them.

    PATHS are photos, folders with photos, or patterns. Nothing is changed.

    Exit codes: 0 nothing found by this scan, 4 something found, 3 a photo could not be read to its end (whatever was
    found in others), 2 wrong usage, 1 error.

    Example: cloak inspect holiday --report holiday.html
    """
    found = find_photos(paths)
    if report:
        _check(report, found, overwrite=overwrite)
    wanted = people.available() if faces is None else faces
    watch = people.watcher(required=bool(faces)) if wanted else None
    inspections: list[Inspection] = []
    with ExitStack() as stack:
        page = stack.enter_context(_page()) if report else None
        telling = sys.stdout.isatty() and not as_json  # a bar would be drawn into what is told
        advance = stack.enter_context(progress(len(found.sources), quiet=telling, label="Inspecting"))
        for source in found.sources:
            one = look_through(source.path, strict=strict)
            if watch:
                watch(one)
            if page:
                page.add(one)
            one.pictures = tuple(picture.forgotten() for picture in one.pictures)
            inspections.append(one)
            if not as_json:
                show(one, quiet=quiet)
            advance()
        if page and report:
            page.write(report, inspections, overwrite=overwrite)
    _finish(inspections, found, as_json=as_json)
    failed = any(item.failed for item in found.ignored)
    sys.exit(3 if failed else document.code(inspections))


def _page() -> "Page":
    from cloak.inspect.page import Page  # noqa: PLC0415 -- needs Pillow and NumPy, which take a while to load

    return Page()


def _check(report: Path, found: Found, *, overwrite: bool) -> None:
    """Refuse before the work what would fail after it."""
    if any(report.absolute() == source.path.absolute() for source in found.sources):
        raise UsageError(f"{shown(report)} is one of the photos: give the report another name")
    if report.exists() and (report.is_dir() or not overwrite):
        raise UsageError(f"{shown(report)} already exists: name another file, or pass --overwrite to replace a file")
    check_folder(report.parent)


def _finish(inspections: Sequence[Inspection], found: Found, *, as_json: bool) -> None:
    for item in found.ignored:
        if item.failed:
            click.echo(f"could not be read: {shown(item.path)}: {item.reason}", err=True)
    if as_json:
        whole = {
            "schema": document.SCHEMA,
            "version": document.VERSION,
            "photos": [document.photo(one) for one in inspections],
            "summary": document.summary(inspections),
            "ignored": [{"path": shown(item.path), "reason": item.reason} for item in found.ignored],
        }
        click.echo(json.dumps(whole, indent=2))
        return
    for line in document.sentences(inspections):
        click.echo(line)
    if any(one.found for one in inspections):
        click.echo(document.REMEDY)
    click.echo(document.LIMIT)
