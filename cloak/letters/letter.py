"""Compose a letter: its parts in order, without a look."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from cloak.errors import UsageError
from cloak.letters.catalogue import Authority, Company, authority, words
from cloak.letters.deadline import one_month_after
from cloak.names import shown

LONGEST = 300
JOINERS = "\u200c\u200d"
"""Characters that do not print and belong in names of some scripts."""

LAW = (
    "https://eur-lex.europa.eu/eli/reg/2016/679/oj",
    "https://eur-lex.europa.eu/eli/reg/1971/1182/oj",
    "https://www.edpb.europa.eu/our-work-tools/our-documents/guidelines/guidelines-012022-data-subject-rights-right-access_en",
)


class Right(StrEnum):
    """What a letter can ask for; the last only of those who once agreed to something."""

    ACCESS = "access"
    ERASURE = "erasure"
    OBJECTION = "objection"
    WITHDRAWAL = "withdrawal"


RIGHTS = (Right.ACCESS, Right.ERASURE, Right.OBJECTION)
"""What it asks for unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who writes.

    Attributes:
        name: as it is signed.
        email: where the answer goes.
        address: lines of the postal address; none is needed.
        country: two letters of the country where they live, which decides where to complain.

    Raises:
        UsageError: a line breaks the letter, or the GDPR does not apply in the country.
    """

    name: str
    email: str
    country: str
    address: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what, text in (("name", self.name), ("e-mail address", self.email)):
            one_line(what, text)
        for line in self.address:
            one_line("postal address", line)
        if self.email.count("@") != 1 or " " in self.email:
            raise UsageError(f"{shown(self.email)} is no e-mail address: the answer needs somewhere to go")
        authority(self.country)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A file that the sender made public, as far as it helps to find it."""

    day: date
    where: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """All that goes into a letter.

    Attributes:
        company: who it goes to.
        sender: who it is from.
        day: its date.
        language: one of `cloak.letters.languages()`.
        rights: what it asks for.
        pages: addresses of pages with photos of the sender.
        publications: files of the sender's.
        photo: whether a photo goes with it.
    """

    company: Company
    sender: Sender
    day: date
    language: str = "en"
    rights: Sequence[Right] = RIGHTS
    pages: Sequence[str] = ()
    publications: Sequence[Publication] = ()
    photo: bool = False

    def __post_init__(self) -> None:
        if not self.rights:
            raise UsageError("a letter that asks for nothing needs no answer: name at least one right")
        for line in (self.company.name, *self.company.address, *self.pages):
            one_line("line", line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a letter: a heading, which may be "", paragraphs, and the points of a list after them."""

    title: str = ""
    paragraphs: tuple[str, ...] = ()
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter, ready to be set.

    Attributes:
        sender: lines of the sender's name and address.
        recipient: the same of the recipient.
        date: in words.
        subject: what it is about, in one line.
        sections: its body, from the salutation on.
        closing: the lines above and with the sender's name.
        notes: for the sender alone.
    """

    sender: tuple[str, ...]
    recipient: tuple[str, ...]
    date: str
    subject: str
    sections: tuple[Section, ...]
    closing: tuple[str, str]
    notes: tuple[Section, ...] = field(default=())


def one_line(what: str, text: str) -> None:
    """Refuse text that is empty, longer than a line of an address can be, or has characters that do not print.

    Raises:
        UsageError: it is.
    """
    if not text.strip() or len(text) > LONGEST:
        raise UsageError(f"the {what} has {len(text)} characters: write between 1 and {LONGEST}")
    if not all(letter.isprintable() or letter in JOINERS for letter in text):
        raise UsageError(
            f"the {what} has characters that do not print: {shown(text)}: write it in one line, as on paper"
        )


def draft(request: Request) -> Letter:
    """Write the letter and the notes that go with it."""
    text = words(request.language)
    post = authority(request.sender.country)
    asked = [right for right in Right if right in request.rights]
    return Letter(
        sender=(request.sender.name, *request.sender.address, request.sender.email),
        recipient=tuple(_recipient(request, text)),
        date=_day(request.day, text),
        subject=text["subject"].format(rights=", ".join(text["rights"][right] for right in asked)),
        sections=tuple(_body(request, text, asked, post)),
        closing=(text["closing"], request.sender.name),
        notes=tuple(_notes(request, text, post)),
    )


def _recipient(request: Request, text: dict[str, Any]) -> Iterator[str]:
    yield request.company.name
    yield from request.company.address
    if request.company.email:
        yield text["by_email"].format(email=request.company.email)


def _body(request: Request, text: dict[str, Any], asked: Sequence[Right], post: Authority) -> Iterator[Section]:
    yield Section(paragraphs=(text["salutation"], text["opening"].strip()))
    if request.company.decisions:
        items = tuple(_decisions(request, text))
        yield Section(paragraphs=(text["decisions"].strip(),), items=items)
    for right in asked:
        part = text[right]
        consent = "" if Right.WITHDRAWAL in asked else part.get("consent", "")
        paragraph = part["text"].strip().format(consent=consent)
        yield Section(title=part["title"], paragraphs=(paragraph,), items=tuple(part.get("items", ())))
    if request.pages:
        yield Section(paragraphs=(text["pages"],), items=tuple(request.pages))
    if request.publications:
        items = tuple(f"{_day(one.day, text)}, {one.where}: {one.sha256}" for one in request.publications)
        yield Section(paragraphs=(text["uploads"],), items=items)
    enclosure = (text["enclosure"].strip(),) if request.photo else ()
    identity = text["identity"]["enclosed" if request.photo else "text"].strip()
    yield Section(title=text["identity"]["title"], paragraphs=(*enclosure, identity))
    due = _day(one_month_after(request.day), text)
    deadline = text["deadline"].strip().format(deadline=due, contact=request.sender.email)
    yield Section(paragraphs=(deadline, text["complaint"].strip().format(authority=post.name)))


def _decisions(request: Request, text: dict[str, Any]) -> Iterator[str]:
    for one in request.company.decisions:
        parts = [f"{one.authority} ({one.country})", _day(one.day, text)]
        parts += [one.reference] if one.reference else []
        fine = f"{one.fine:,}".replace(",", "\u00a0")
        yield ", ".join(parts) + (f": EUR\u00a0{fine}" if one.fine else "")


def _notes(request: Request, text: dict[str, Any], post: Authority) -> Iterator[Section]:
    company, said = request.company, text["notes"]
    known = company.checked is not None
    checked = _day(company.checked, text) if company.checked else ""
    yield Section(
        title=said["title"],
        paragraphs=(
            said["template"].strip(),
            said["recipient"].strip().format(checked=checked) if known else said["unknown"].strip(),
            said["enclosed" if request.photo else "photo"].strip(),
            said["deadline"].strip(),
            said["complaint"].format(authority=post.name, site=post.site),
        ),
    )
    decided = dict.fromkeys(one.source for one in company.decisions)
    yield Section(title=said["sources"], items=(*LAW, *dict.fromkeys((*company.sources, *decided))))


def _day(day: date, text: dict[str, Any]) -> str:
    first = "1er" if text["months"][0] == "janvier" and day.day == 1 else str(day.day)
    written: str = text["date"].format(day=first, month=text["months"][day.month - 1], year=day.year)
    return written
