"""`cloak uploads`: what is where, and to be rid of it."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cloak.upload.ledger import Entry
    from cloak.upload.purge import Purged


@click.group()
def uploads() -> None:
    """Show and delete what you uploaded.

    The record of it is on this computer alone. It knows neither your originals nor links nor passwords. If it is
    damaged, `cloak uploads export --salvage` prints what can still be read.

    Example: cloak uploads list
    """


@uploads.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what is gone.")
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def list_(*, everything: bool, as_json: bool) -> None:
    """List what is up, and until when.

    Example: cloak uploads list --all
    """
    from cloak.cli.upload_words import told  # noqa: PLC0415 -- help needs none of this
    from cloak.upload.ledger import Ledger, State  # noqa: PLC0415

    states = () if everything else (State.PENDING, State.PLACED)
    with Ledger.open() as ledger:
        entries = ledger.entries(*states)
    if as_json:
        click.echo(json.dumps([told(entry) for entry in entries], indent=2))
    elif not entries:
        click.echo("Nothing is up." if not everything else "Nothing was ever uploaded.")
    for entry in [] if as_json else entries:
        click.echo(_line(entry))


@uploads.command()
@click.argument("identity", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def show(identity: str, *, as_json: bool) -> None:
    """Show one upload, and ask its destination who can see it now.

    Example: cloak uploads show 3f2a91c0
    """
    from contextlib import closing  # noqa: PLC0415 -- see above

    from cloak.cli.upload_words import WHO, stamp, told  # noqa: PLC0415
    from cloak.names import shown  # noqa: PLC0415
    from cloak.upload.errors import understood  # noqa: PLC0415
    from cloak.upload.ledger import Ledger, State  # noqa: PLC0415
    from cloak.upload.settings import open_destination  # noqa: PLC0415

    with Ledger.open() as ledger:
        entry = ledger.get(identity)
    document = told(entry)
    there = None
    if entry.state is State.PLACED and entry.handle:
        with closing(open_destination(entry.destination)) as destination, understood(shown(entry.destination)):
            there = destination.look(entry.handle)
        document["now"] = there and {"audience": str(there.audience), "server_expires": stamp(there.expires)}
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for key, value in document.items():
        if value not in (None, "") and key != "now":
            click.echo(f"{key.replace('_', ' ')}: {shown(str(value))}")
    if entry.state is State.PLACED:
        click.echo(f"The destination says: {WHO[there.audience] if there else 'it is gone'}.")


@uploads.command()
@click.argument("identities", metavar="ID...", nargs=-1, required=True)
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
def delete(identities: tuple[str, ...], *, quiet: bool) -> None:
    """Delete uploads now.

    What others copied stays copied.

    Example: cloak uploads delete 3f2a91c0
    """
    from cloak.cli.upload_words import RECALL  # noqa: PLC0415 -- see above
    from cloak.upload.ledger import Ledger, State  # noqa: PLC0415

    with Ledger.open() as ledger:
        entries = {one.id: one for one in map(ledger.get, identities)}
        gone = [one for one in entries.values() if one.state in (State.DELETED, State.EXPIRED)]
        results = _purge([one for one in entries.values() if one not in gone])
    for one in gone:
        click.echo(f"{one.id} was gone before.", err=True)
    _print(results, quiet=quiet)
    busy = len(entries) - len(gone) - len(results)
    if busy:
        click.echo(f"failed: another `cloak` is at work on {busy} of them: try again later", err=True)
    if results and not quiet:
        click.echo(RECALL)
    sys.exit(3 if busy or any(one.problem for one in results) else 0)


@uploads.command()
@click.argument("identity", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(identity: str, *, yes: bool) -> None:
    """Take an upload off the record without deleting it: for a place that will never be back.

    Whatever is there stays there, and nothing here knows of it any more.

    Example: cloak uploads forget 3f2a91c0
    """
    from cloak.names import shown  # noqa: PLC0415 -- see above
    from cloak.upload import runs  # noqa: PLC0415
    from cloak.upload.ledger import Ledger  # noqa: PLC0415

    with runs.running() as run, Ledger.open() as ledger:
        entry = ledger.get(identity)
        if not yes:
            click.confirm(f"Forget {entry.id}, and leave what is at {shown(entry.destination)}?", abort=True, err=True)
        if not ledger.claim(entry, run.name):
            click.echo(f"failed: another `cloak` is at work on {entry.id}: try again later", err=True)
            sys.exit(3)
        ledger.forget(entry.id)
    click.echo(f"forgotten, not deleted: {entry.id} ({shown(entry.destination)})")


@uploads.command()
@click.option("--dry-run", is_flag=True, help="Say what is due, delete nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print failures only: for cron, which mails what is printed.")
def purge(*, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Delete what is due, and what interrupted uploads left.

    Made to run by cron or a timer, daily or more often, also while another one runs. What cannot be deleted stays due
    and is said, with exit code 3.

    Example: cloak uploads purge -q
    """
    from cloak.cli.upload_words import stamp, told  # noqa: PLC0415 -- see above
    from cloak.upload import places, runs  # noqa: PLC0415
    from cloak.upload.ledger import Ledger  # noqa: PLC0415

    if not dry_run:
        runs.sweep()
    if not places.ledger().exists():
        entries: list[Entry] = []
    else:
        with Ledger.open() as ledger:
            entries = ledger.due()
    if dry_run:
        if as_json:
            click.echo(json.dumps([told(entry) for entry in entries], indent=2))
        for entry in [] if as_json else entries:
            click.echo(_line(entry))
        return
    results = _purge(entries)
    if as_json:
        states = [(one.entry, str(one.state) if one.state else "nothing there", one.problem) for one in results]
        told_ = [{**told(e), "state": "due" if p else s, "problem": p, "placed": stamp(e.placed)} for e, s, p in states]
        click.echo(json.dumps(told_, indent=2))
    _print(results, quiet=quiet or as_json)
    sys.exit(3 if any(one.problem for one in results) else 0)


@uploads.command()
@click.option("--salvage", is_flag=True, help="Print what can be read of a damaged ledger, and change nothing.")
def export(*, salvage: bool) -> None:
    """Print the whole record as JSON.

    Example: cloak uploads export > uploads.json
    """
    from cloak.cli.upload_words import told  # noqa: PLC0415 -- see above
    from cloak.upload import ledger, places  # noqa: PLC0415

    skipped: list[str] = []
    if salvage:
        entries = list(ledger.salvage(places.ledger(), skipped.append))
    else:
        with ledger.Ledger.open() as opened:
            entries = opened.entries()
    click.echo(json.dumps([told(entry) for entry in entries], indent=2))
    for reason in skipped:
        click.echo(f"failed: {reason}", err=True)
    sys.exit(3 if skipped else 0)


_BECAME = {None: "nothing was there", "pending": "nothing is there so far, and it is looked for again"}
"""What is said of an upload that was neither deleted nor ended by its server."""


def _purge(entries: "Sequence[Entry]") -> "list[Purged]":
    from cloak.upload import purge as module  # noqa: PLC0415 -- see above
    from cloak.upload import runs  # noqa: PLC0415
    from cloak.upload.ledger import Ledger  # noqa: PLC0415
    from cloak.upload.settings import open_destination  # noqa: PLC0415

    if not entries:
        return []
    with runs.running() as run, Ledger.open() as ledger:
        return list(module.purge(entries, ledger, open_destination, run=run.name))


def _print(results: "Sequence[Purged]", *, quiet: bool) -> None:
    from cloak.names import shown  # noqa: PLC0415 -- see above

    for one in results:
        where = f"{one.entry.id} ({shown(one.entry.destination)})"
        if one.problem:
            click.echo(f"failed: {where} may still be there: {one.problem}", err=True)
        elif not quiet:
            click.echo(f"{_BECAME.get(one.state, one.state)}: {where}")


def _line(entry: "Entry") -> str:
    """Return one line about an upload."""
    from cloak.cli.upload_words import WHO, when  # noqa: PLC0415 -- see above
    from cloak.names import shown  # noqa: PLC0415

    start = f"{entry.id}  {shown(entry.destination)}  "
    if entry.deleted:
        return f"{start}{entry.state} on {when(entry.deleted)}, there since {when(entry.placed)}"
    if entry.placed is None:
        return f"{start}begun on {when(entry.started)}, and not finished (yet): `cloak uploads purge` cleans up"
    who = f"; {WHO[entry.audience]}" if entry.audience else ""
    note = f"; {shown(entry.note)}" if entry.note else ""
    problem = f"; COULD NOT BE DELETED: {shown(entry.problem)}" if entry.problem else ""
    overdue = "; OVERDUE: run `cloak uploads purge`" if entry.expires and entry.expires <= datetime.now(UTC) else ""
    return f"{start}since {when(entry.placed)}, until {when(entry.expires)}{who}{note}{overdue}{problem}"
