"""`cloak album`: how an output folder stands."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cloak.album import Standing

SENTENCES = {
    "failed": "could not be done",
    "missing": "written once, or begun, and not there",
    "changed": "there, and not as they were written",
    "foreign": "other files, which no run wrote",
}


@click.group()
def album() -> None:
    """Say how the output folder of `cloak protect` stands.

    Example: cloak album status safe
    """


@album.command()
@click.argument("folder", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def status(folder: str, *, as_json: bool) -> None:
    """Say how many photos in FOLDER are done, failed, missing or changed, and which files are not the album's.

    FOLDER is what cloak protect wrote to: a folder, or a URL such as s3://bucket/out. It reads every photo in a folder,
    and changes nothing. The command that made the album, given again, does what is missing. Exit code 3 where there is
    something to do.

    Example: cloak album status safe --json
    """
    found = asdict(_look(folder))
    todo = any(found[name] for name in ("failed", "missing", "changed"))
    if as_json:
        counts = {name: len(paths) for name, paths in found.items()}
        click.echo(json.dumps({"summary": counts, **{name: found[name] for name in SENTENCES}}, indent=2))
    else:
        click.echo(f"{len(found['done'])} done: written, and as they were written.")
        for name, meaning in SENTENCES.items():
            if found[name]:
                click.echo(f"{len(found[name])} {name}: {meaning}.")
                for path in found[name]:
                    click.echo(f"  {path}")
    sys.exit(3 if todo else 0)


def _look(folder: str) -> "Standing":
    """Look at a folder, or at a URL.

    Raises:
        UsageError: there is no album.
        OutputError: its manifest cannot be used.
    """
    from cloak.distributed.places import is_url  # noqa: PLC0415 -- help needs none of this

    if is_url(folder):
        from cloak.distributed.standing import look as look_at  # noqa: PLC0415

        return look_at(folder)
    from cloak.album import look  # noqa: PLC0415
    from cloak.distributed.records import ALBUM  # noqa: PLC0415
    from cloak.errors import UsageError  # noqa: PLC0415
    from cloak.manifest import NAME  # noqa: PLC0415
    from cloak.names import shown  # noqa: PLC0415

    path = Path(folder)
    if not (path / NAME).exists():
        if (path / ALBUM).exists():
            url = path.absolute().as_uri()
            raise UsageError(f"{shown(folder)} was written to by its URL: name it by that, as in {shown(url)}")
        raise UsageError(f"{shown(folder)} is not an album: name a folder that cloak protect wrote to")
    return look(path)
