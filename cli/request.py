"""`cloak request`: draft the letter by which people use their rights against a face-search company."""

import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from cloak.errors import UsageError
from cloak.files import read, refuse_existing, write
from cloak.image.strip import strip_bytes
from cloak.letters.catalogue import Company, companies, company, languages
from cloak.letters.letter import RIGHTS, Letter, Publication, Request, Right, Sender, draft
from cloak.letters.text import as_text
from cloak.names import shown

NO_PHOTO = (
    "No photo goes with a letter: companies of this kind ask for one, and then have a current, certain picture of you "
    "with your name; Article 12(6) GDPR lets them ask for more only in case of reasonable doubt. Name pages with "
    "--page instead. If you want to send one nevertheless, add --photo-may-be-kept"
)

PHOTO_BYTES = 1 << 28


@click.command()
@click.argument("name", metavar="COMPANY")
@click.option("--language", type=click.Choice(languages()), default="en", show_default=True, help="Of the letter.")
@click.option("--from", "sender", metavar="NAME", help="Your name.")
@click.option("--email", help="Where the answer is to go.")
@click.option("--country", metavar="XX", help="Two letters of where you live: decides where to complain.")
@click.option("--address", multiple=True, metavar="LINE", help="A line of your postal address; none is needed.")
@click.option(
    "--right",
    "rights",
    multiple=True,
    type=click.Choice([right.value for right in Right]),
    default=[right.value for right in RIGHTS],
    show_default=True,
    help="What to ask for; withdrawal if you once agreed to something, such as by using the service.",
)
@click.option("--page", "pages", multiple=True, metavar="URL", help="A page with a photo of you.")
@click.option("--uploads", is_flag=True, help="List what you uploaded for others to see, from the ledger.")
@click.option("--to", "recipient", multiple=True, metavar="LINE", help="A line of the company's postal address.")
@click.option("--to-email", metavar="ADDRESS", help="The company's e-mail address.")
@click.option("--date", "day", type=click.DateTime(("%Y-%m-%d",)), help="Of the letter.  [default: today]")
@click.option("--photo", type=click.Path(path_type=Path), help="Refused, unless you add --photo-may-be-kept.")
@click.option("--photo-may-be-kept", is_flag=True, help="Strip --photo and put it beside the letter.")
@click.option("--font", type=click.Path(path_type=Path), help="Font of the PDF, where yours has rare letters.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a .txt or .pdf; on screen if left out.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is already there.")
def request(name: str, **options: Any) -> None:  # noqa: ANN401 -- checked by click
    """Draft a letter to COMPANY, which searches faces: access, erasure, objection under the GDPR.

    Your name, e-mail address and country are asked for if you leave them out, and kept nowhere but in the letter.
    Nothing is sent. The letter is a template, not legal advice; the notes below it say what to check.

    Example: cloak request "Clearview AI" --country DE --language de -o letter.pdf
    """
    _run(name, **options)


def _run(
    name: str,
    *,
    sender: str | None,
    email: str | None,
    country: str | None,
    address: Sequence[str],
    recipient: Sequence[str],
    to_email: str | None,
    day: datetime | None,
    photo: Path | None,
    photo_may_be_kept: bool,
    output: Path | None,
    overwrite: bool,
    uploads: bool,
    font: Path | None,
    **options: Any,  # noqa: ANN401
) -> None:
    _check_output(output, overwrite=overwrite, font=font)
    _check_photo(photo, output, may_be_kept=photo_may_be_kept)
    letter_from = Sender(
        name=_asked(sender, "--from", "Your name"),
        email=_asked(email, "--email", "E-mail address for the answer"),
        country=_asked(country, "--country", "Country where you live, two letters"),
        address=tuple(address),
    )
    asked = Request(
        company=_company(name, tuple(recipient), to_email),
        sender=letter_from,
        day=day.date() if day else date.today(),
        publications=_publications() if uploads else (),
        photo=photo is not None,
        **options,
    )
    letter = draft(asked)
    if output is None:
        click.echo(as_text(letter), nl=False)
        return
    files = {output: _bytes(letter, output, asked.day, font)}
    if photo:
        beside = output.with_name(f"{output.stem}-photo{photo.suffix.lower()}")
        refuse_existing(beside, overwrite=overwrite)
        files[beside] = strip_bytes(read(photo, max_bytes=PHOTO_BYTES))
    for path, data in files.items():
        write(path, data, overwrite=overwrite, private=True)
    click.echo(f"written: {' and '.join(map(shown, files))}", err=True)
    click.echo("A template, not legal advice: read the notes below the letter before you send it.", err=True)


def _check_output(output: Path | None, *, overwrite: bool, font: Path | None) -> None:
    if output is None:
        if font:
            raise UsageError("--font is for a PDF: add -o letter.pdf")
        return
    if output.suffix.lower() not in (".txt", ".pdf"):
        raise UsageError(f"{shown(output)} must end in .txt or .pdf")
    refuse_existing(output, overwrite=overwrite)


def _check_photo(photo: Path | None, output: Path | None, *, may_be_kept: bool) -> None:
    if photo and not may_be_kept:
        raise UsageError(NO_PHOTO)
    if may_be_kept and not photo:
        raise UsageError("--photo-may-be-kept goes with --photo: add it, or leave both out")
    if photo and output is None:
        raise UsageError("--photo puts a stripped copy beside the letter: add -o letter.pdf")


def _asked(given: str | None, option: str, question: str) -> str:
    if given is not None:
        return given.strip()
    if not sys.stdin.isatty():
        raise UsageError(f"the letter needs it: add {option}")
    answer: str = click.prompt(question, err=True)
    return answer.strip()


def _company(name: str, address: tuple[str, ...], email: str | None) -> Company:
    known = company(name)
    if known is None:
        click.echo(
            f"{shown(name)} is not known here (known are {', '.join(companies())}): "
            "look up its address, and see the notes below the letter",
            err=True,
        )
        return Company(name=name.strip(), address=address, email=email or "")
    if not address and not email:
        return known
    return Company(
        name=known.name,
        address=address or known.address,
        email=email or known.email,
        checked=known.checked,
        sources=known.sources,
        decisions=known.decisions,
    )


def _publications() -> tuple[Publication, ...]:
    """Return what others can see of the uploads in the ledger; what was private, a company could not collect there."""
    from cloak.upload.destination import Audience  # noqa: PLC0415 -- rarely needed
    from cloak.upload.ledger import Ledger, State  # noqa: PLC0415
    from cloak.upload.settings import read as destinations  # noqa: PLC0415

    kinds = {name: place.kind for name, place in destinations().items()}
    with Ledger.open() as ledger:
        found = ledger.entries(State.PLACED)
    seen = [one for one in found if one.audience and one.audience.wider_than(Audience.OWNER)]
    if not seen:
        raise UsageError("the ledger has no upload that others can see now: leave --uploads out")
    return tuple(
        Publication(day=one.placed.date(), where=kinds.get(one.destination, one.destination), sha256=one.sha256)
        for one in seen
        if one.placed and one.sha256
    )


def _bytes(letter: Letter, output: Path, day: date, font: Path | None) -> bytes:
    if output.suffix.lower() == ".txt":
        return as_text(letter).encode()
    from cloak.letters.pdf import as_pdf  # noqa: PLC0415 -- takes long to load

    return as_pdf(letter, day, font=font)
