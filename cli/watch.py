"""`cloak watch`: protect what appears in a folder, until told to stop."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloak.cli.cloaking import SHARED, options, refuse_without_cloaks, wanted
from cloak.cli.pausing import stopping
from cloak.errors import UsageError
from cloak.names import shown

if TYPE_CHECKING:
    from cloak.upload.destination import Wish
    from cloak.upload.settings import Place
    from cloak.watch.work import Done, Maker, Work


@click.command(params=options())
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--to", metavar="DEST", help="Upload instead: a destination that was set up, or the path of a folder.")
@click.option("--expires", metavar="TIME", help="When uploads are to be gone.  [default: that of the destination]")
@click.option("--strip-only", is_flag=True, help="Strip what the files say about you, and cloak nothing.")
@click.option(
    "--settle",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    help="Seconds for which a file must not change before it is taken.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
@click.pass_context
def watch(context: click.Context, /, **chosen: Any) -> None:  # noqa: ANN401 -- checked by click
    """Protect the photos in FOLDER and those that appear there; write them to a folder, or upload them.

    It runs until Ctrl-C or SIGTERM; what is being written is finished, the rest left for the next start. A photo is
    taken when it is complete, and again when it changes; the originals stay as they are.

    Example: cloak watch ~/Camera -o ~/Safe
    """
    refuse_without_cloaks(context)
    if (chosen["output"] is None) == (chosen["to"] is None):
        raise UsageError("say where photos go: to a folder with -o, or to a destination with --to")
    if chosen["expires"] and chosen["to"] is None:
        raise UsageError("--expires is for uploads: add --to, or leave it out")
    _run(protection={name: chosen.pop(name) for name in SHARED}, **chosen)


def _run(
    folder: Path,
    output: Path | None,
    *,
    to: str | None,
    expires: str | None,
    strip_only: bool,
    settle: float,
    quiet: bool,
    protection: dict[str, Any],
) -> None:
    from cloak.watch.loop import check, watch  # noqa: PLC0415 -- needs PyTorch

    place, wish = _destination(to, expires) if to else (None, None)
    if place and place.kind == "folder":
        output = Path(place.settings["path"])
    check(folder, output)
    with ExitStack() as stack:
        stop = threading.Event()
        stack.enter_context(stopping(stop))
        make = stack.enter_context(_maker(strip_only=strip_only, quiet=quiet, **protection))
        work = stack.enter_context(_work(folder, output, make, place, wish))
        if not quiet:
            click.echo(f"Watching {shown(folder)}: Ctrl-C ends it.", err=True)
        for done in watch(folder, work, stop=stop, output=output, settle=settle):
            _tell(done, quiet=quiet)
    if not quiet:
        click.echo("Stopped; no file is half written.", err=True)


def _destination(name: str, expires: str | None) -> "tuple[Place, Callable[[], Wish]]":
    """Find a destination, and what to ask of it for each photo; nobody is there to be given a link."""
    from cloak.upload.destination import Audience, Wish  # noqa: PLC0415
    from cloak.upload.expiry import expiry  # noqa: PLC0415
    from cloak.upload.settings import find  # noqa: PLC0415

    place = find(name)
    if place.audience is Audience.LINK:
        raise UsageError(
            f"{shown(name)} makes links by default, and links in a log give access to who reads it: set up another "
            "destination for this, private by default"
        )
    lasts = expires or place.expires
    expiry(lasts)
    return place, lambda: Wish(audience=place.audience, expires=expiry(lasts))


def _work(
    folder: Path, output: Path | None, make: "Maker", place: "Place | None", wish: "Callable[[], Wish] | None"
) -> "Work":
    from cloak.watch.uploading import Uploading  # noqa: PLC0415
    from cloak.watch.work import Filing  # noqa: PLC0415

    if place and wish:
        return Uploading(folder, place, wish, make)
    if output is None:
        raise UsageError("say where photos go: to a folder with -o, or to a destination with --to")
    return Filing(folder, output, make)


def _maker(*, strip_only: bool, quiet: bool, **chosen: Any) -> "Maker":  # noqa: ANN401
    from cloak.watch.work import Protector, Stripper  # noqa: PLC0415 -- needs PyTorch

    return Stripper() if strip_only else Protector(*wanted(quiet=quiet, **chosen))


def _tell(done: "Done", *, quiet: bool) -> None:
    """Say what became of a photo."""
    outcome, source = done.outcome, shown(done.outcome.source)
    if outcome.status == "failed":
        click.echo(f"failed: {source}: {outcome.reason}", err=True)
    elif outcome.status != "already done" and not quiet:
        faces = f": {outcome.found} face{'' if outcome.found == 1 else 's'}" if outcome.found else ""
        where = f"uploaded; delete: cloak uploads delete {done.upload}" if done.upload else shown(outcome.target or "")
        click.echo(f"{outcome.status}: {source} -> {where}{faces}")
    for note in done.notes:
        click.echo(f"note: {source}: {note}", err=True)
