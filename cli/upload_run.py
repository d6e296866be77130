"""What `cloak upload` does, from its options to its exit code."""

import json
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloak.cli.upload_parcels import protected, stripped, unlinked, would
from cloak.cli.upload_words import RECALL, WHO, sent_document, when
from cloak.errors import CloakError, LedgerError, PhotoError, UploadError, UsageError
from cloak.names import shown
from cloak.sources import Found, find_photos
from cloak.upload import places, runs, settings
from cloak.upload.destination import Audience, Destination, Wish
from cloak.upload.expiry import expiry
from cloak.upload.ledger import Ledger, State
from cloak.upload.purge import purge, recover
from cloak.upload.send import Parcel, Sent, check, check_wish, deliver

if TYPE_CHECKING:
    from cloak.cli.progress import Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What the user asked for, apart from photos."""

    place: settings.Place
    wish: Wish
    alt: str
    note: str
    again: bool
    dry_run: bool
    as_json: bool
    quiet: bool


@dataclass(slots=True)
class _Report:
    """What came of it."""

    sent: list[Sent] = field(default_factory=list)
    stopped: bool = False
    error: str = ""


def run(
    paths: Sequence[Path],
    to: str,
    *,
    expires: str | None,
    audience: str | None,
    album: str,
    strip_only: bool,
    protection: dict[str, Any],
    **options: Any,  # noqa: ANN401
) -> int:
    """Upload photos, print what came of it, and return the exit code.

    Raises:
        CloakError: nothing can be done at all.
    """
    place = settings.find(to)
    who = Audience(audience) if audience else place.audience
    wish = Wish(audience=who, expires=expiry(expires or place.expires), album=album)
    request = _Request(place=place, wish=wish, **options)
    if who is Audience.LINK and request.quiet and not (request.as_json or request.dry_run):
        raise UsageError("--quiet would keep the link and its password from you, and they are shown once: leave it out")
    found = find_photos(paths)
    if request.alt and len(found.sources) != 1:
        raise UsageError(f"--alt describes one photo, and these are {len(found.sources)}: upload them one by one")
    with closing(place.open()) as destination:
        if request.dry_run:
            check_wish(destination, wish, place.name)
            # no run of its own, since nothing is written: this folder stays a mere name
            with closing(_made(found, places.spool() / "dry-run", request, strip_only, protection)) as made:
                return _preview(made, found, request)
        check(destination, wish, place.name)
        with (
            places.private_files(),  # for what is in the spool while it is written, too
            runs.running() as current,
            closing(_made(found, current.folder, request, strip_only, protection)) as made,
            Ledger.open() as ledger,
        ):
            return _send(made, found, destination, ledger, request=request, current=current.name)


def _made(
    found: Found,
    folder: Path,
    request: _Request,
    strip_only: bool,
    protection: dict[str, Any],
) -> Generator[Parcel, None, None]:
    """Protect or strip photos into a folder, as they are asked for."""
    if strip_only:
        return stripped(found.sources, folder, dry_run=request.dry_run)
    return protected(found.sources, folder, quiet=request.quiet, dry_run=request.dry_run, **protection)


def _preview(made: Iterator[Parcel], found: Found, request: _Request) -> int:
    """Say what would be uploaded."""
    parcels = list(made)
    failures = [(shown(one.source), one.problem) for one in parcels if one.problem] + _unreadable(found)
    for path, reason in failures:
        click.echo(f"failed: {path}: {reason}", err=True)
    fit = [one for one in parcels if not one.problem]
    if request.as_json:
        photos = [{"source": str(one.source), "status": "would upload", "done": one.done} for one in fit]
        click.echo(json.dumps({**_head(request), "dry_run": True, "photos": photos}, indent=2))
    elif not request.quiet:
        for one in fit:
            click.echo(would(one, request.place.name))
        who, until = WHO[request.wish.audience], when(request.wish.expires)
        click.echo(f"Nothing was uploaded. {_photos(len(fit))} would be; {who}, at most; deleted: {until}.")
    return 3 if failures else 0


def _send(
    made: Generator[Parcel, None, None],
    found: Found,
    destination: Destination,
    ledger: Ledger,
    *,
    request: _Request,
    current: str,
) -> int:
    _recover(ledger, destination, request, current)
    report = _Report()
    deliveries = deliver(
        unlinked(made),
        destination,
        ledger,
        place=request.place.name,
        wish=request.wish,
        alt=request.alt,
        note=request.note,
        again=request.again,
        run=current,
        told=lambda parcel, done, size: bar.sent(shown(parcel.source.name), done, size),
        sources=[one.path for one in found.sources],
    )
    with ExitStack() as stack:
        bar = stack.enter_context(_progress(len(found.sources), quiet=request.quiet))
        try:
            for sent in stack.enter_context(closing(deliveries)):
                report.sent.append(sent)
                if not (request.quiet or request.as_json):
                    _tell(sent)
                bar()
        except KeyboardInterrupt:
            report.stopped = True
        except CloakError as error:
            report.error = str(error)
    if report.stopped:
        _tidy(ledger, destination, current)
    _print(report, found, request)
    failed = any(one.reason for one in report.sent) or bool(_unreadable(found))
    return 1 if report.stopped or report.error else 3 if failed else 0


def _recover(ledger: Ledger, destination: Destination, request: _Request, current: str) -> None:
    """Delete what an interrupted upload to this destination left; if that fails, `purge` will be told."""
    for one in recover(destination, ledger, place=request.place.name, run=current):
        if not request.quiet and one.state is not State.PENDING:  # that is looked for again, and was said to be
            outcome = f"may still be there: {one.problem}" if one.problem else "left nothing, or it is deleted now"
            click.echo(f"An upload that was interrupted ({one.entry.id}) {outcome}", err=True)


def _tidy(ledger: Ledger, destination: Destination, current: str) -> None:
    """After Ctrl-C: delete what was on its way; a second Ctrl-C leaves it to the next run."""
    own = [one for one in ledger.entries(State.PENDING) if one.claim == current]
    try:
        problems = [one.problem for one in purge(own, ledger, lambda _: destination, run=current, close=False)]
    except (KeyboardInterrupt, LedgerError, PhotoError, UploadError) as error:
        problems = [str(error) or "interrupted again"]
    if any(problems):
        click.echo("What was on its way may be there in part: `cloak uploads purge` deletes it.", err=True)


def _tell(sent: Sent) -> None:
    """Say what became of one photo."""
    source, placed = shown(sent.parcel.source), sent.placed
    if sent.already:
        click.echo(f"already there: {source}: as {sent.id}; pass --again for a second copy")
    if placed:
        click.echo(
            f"uploaded: {source}: {sent.parcel.done}; {WHO[placed.audience]}; delete: cloak uploads delete {sent.id}"
        )
    if placed and placed.link:
        click.echo(f"  link: {placed.link}" + (f" until {when(placed.expires)}" if placed.expires else ""))
    if placed and placed.password:
        click.echo(f"  password of the link, shown this once: {placed.password}")
    for note in sent.notes:
        click.echo(f"note: {source}: {note}", err=True)


def _print(report: _Report, found: Found, request: _Request) -> None:
    failures = [(shown(one.parcel.source), one.reason) for one in report.sent if one.reason] + _unreadable(found)
    for path, reason in failures:
        click.echo(f"failed: {path}: {reason}", err=True)
    if request.as_json:
        photos = [sent_document(one, request.wish.expires) for one in report.sent]
        told = {"stopped": report.stopped, "error": report.error, "photos": photos, "limits": RECALL}
        click.echo(json.dumps({**_head(request), "dry_run": False, **told}, indent=2))
    elif not request.quiet:
        for sentence in _sentences(report, failures, len(found.sources), request):
            click.echo(sentence)
    if report.error:
        click.echo(f"Error: {report.error}", err=True)


def _sentences(report: _Report, failures: Sequence[object], total: int, request: _Request) -> Iterator[str]:
    up = [one.placed for one in report.sent if one.placed]
    if report.stopped or report.error:
        yield f"Stopped after {len(report.sent)} of {_photos(total)}."
    already = sum(one.already for one in report.sent)
    there = f", {already} there already" if already else ""
    yield f"{_photos(len(up))} uploaded to {shown(request.place.name)}{there}, {len(failures)} failed."
    if not up:
        return
    widest = max((one.audience for one in up), key=list(Audience).index)
    yield f"As the destination says: {WHO[widest]}."
    if request.wish.expires:
        until = when(request.wish.expires)
        yield f"They are due on {until}: `cloak uploads purge` deletes them then; let it run daily (docs/upload.md)."
    else:
        yield "They stay until you delete them."
    yield RECALL


def _head(request: _Request) -> dict[str, Any]:
    return {"destination": request.place.name, "kind": request.place.kind}


def _unreadable(found: Found) -> list[tuple[str, str]]:
    return [(shown(one.path), one.reason) for one in found.ignored if one.failed]


def _photos(number: int) -> str:
    return f"{number} photo{'' if number == 1 else 's'}"


class _NoBar:
    """Stands for a bar where nobody looks at it."""

    def __call__(self) -> None:
        pass

    def sent(self, name: str, done: int, size: int) -> None:
        pass


@contextmanager
def _progress(total: int, *, quiet: bool) -> "Iterator[Bar | _NoBar]":
    """A bar, if there is somebody to look at it."""
    if quiet or not sys.stderr.isatty():
        yield _NoBar()
        return
    from cloak.cli.progress import progress  # noqa: PLC0415 -- takes long to load

    with progress(total, label="Uploading") as bar:
        yield bar
