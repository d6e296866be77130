"""A letter as PDF, in a font that has all its characters, or not at all."""

import importlib.util
import io
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cloak.errors import MissingExtraError, UsageError
from cloak.letters.letter import Letter, Section
from cloak.names import shown

if TYPE_CHECKING:
    from fpdf import FPDF

PACKAGE = "fontpkg_noto_sans"
"""The fonts of this package come first: they are the same everywhere."""

SYSTEM_FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    "C:/Windows/Fonts/arial.ttf",
)
SIZE, LEADING, MARGIN = 10.0, 5.2, 25.0
"""Points, and twice millimetres."""

INDENT = 5.0


def as_pdf(letter: Letter, day: date, *, font: Path | None = None) -> bytes:
    """Set a letter on pages of A4; the notes get a page of their own, the last.

    Args:
        letter: what to set.
        day: when the file is to say it was made; it says nothing else.
        font: a TrueType or OpenType font; the first that has all characters, if None.

    Raises:
        MissingExtraError: fpdf2 is not installed.
        UsageError: no font has all characters, or they need shaping.
    """
    try:
        from fpdf import FPDF  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise MissingExtraError("letters as PDF", "upload") from error
    pdf = FPDF(format="A4")
    pdf.set_creation_date(datetime(day.year, day.month, day.day, tzinfo=UTC))
    pdf.set_margins(MARGIN, 20)
    pdf.set_auto_page_break(auto=True, margin=20)
    pdf.add_font("letter", fname=_font(_characters(letter), font))
    pdf.set_font("letter", size=SIZE)
    _set(pdf, letter)
    return bytes(pdf.output())


def _set(pdf: "FPDF", letter: Letter) -> None:
    pdf.add_page()
    for block in (letter.sender, letter.recipient, (letter.date,)):
        for line in block:
            _paragraph(pdf, line)
        pdf.ln(2 * LEADING)
    pdf.set_font("letter", size=SIZE + 2)
    _paragraph(pdf, letter.subject)
    pdf.ln(LEADING)
    _sections(pdf, letter.sections)
    _paragraph(pdf, letter.closing[0])
    pdf.ln(3 * LEADING)
    _paragraph(pdf, letter.closing[1])
    pdf.add_page()
    _sections(pdf, letter.notes)


def _sections(pdf: "FPDF", sections: Sequence[Section]) -> None:
    for section in sections:
        if section.title:
            pdf.set_font("letter", size=SIZE + 1, style="U")
            _paragraph(pdf, section.title)
            pdf.ln(LEADING / 3)
        pdf.set_font("letter", size=SIZE)
        for paragraph in section.paragraphs:
            _paragraph(pdf, paragraph)
            pdf.ln(LEADING / 2)
        for item in section.items:
            _paragraph(pdf, item, indent=INDENT)
        pdf.ln(LEADING / 2)


def _paragraph(pdf: "FPDF", text: str, *, indent: float = 0.0) -> None:
    if indent:
        pdf.cell(indent, LEADING, "-")
    left = pdf.l_margin + indent
    pdf.set_x(left)
    pdf.set_left_margin(left)
    pdf.multi_cell(0, LEADING, _composed(text), align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.set_left_margin(left - indent)
    pdf.set_x(left - indent)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _characters(letter: Letter) -> str:
    """Return every character that is set, once.

    Raises:
        UsageError: some can only be set by an engine that joins and orders letters.
    """
    lines = [*letter.sender, *letter.recipient, letter.date, letter.subject, *letter.closing, "-"]
    for section in (*letter.sections, *letter.notes):
        lines += [section.title, *section.paragraphs, *section.items]
    found = "".join(sorted(set(_composed("\n".join(lines))) - {"\n"}))
    shaped = [one for one in found if unicodedata.bidirectional(one) in ("R", "AL") or unicodedata.combining(one)]
    if shaped or any(unicodedata.category(one) in ("Mn", "Mc", "Cf") for one in found):
        raise UsageError(
            "the PDF cannot join or order letters as this script needs it: write names in Latin letters, or take the "
            "text (-o letter.txt)"
        )
    return found


def _font(characters: str, chosen: Path | None) -> Path:
    from fontTools.ttLib import TTFont, TTLibError  # type: ignore[import-untyped]  # noqa: PLC0415 -- with fpdf2

    missing: dict[Path, str] = {}
    for path in [chosen] if chosen else _fonts():
        try:
            with TTFont(io.BytesIO(path.read_bytes()), fontNumber=0, lazy=True) as font:
                known = font.getBestCmap() or {}
        except (OSError, TTLibError) as error:
            raise UsageError(f"{shown(path)} cannot be read as a font: name another with --font") from error
        lacks = "".join(one for one in characters if ord(one) not in known)
        if not lacks:
            return path
        missing[path] = lacks
    if not missing:
        raise UsageError('no font was found: pip install "photo-cloak[upload]", or name a font with --font')
    best = min(missing, key=lambda path: len(missing[path]))
    raise UsageError(f"{shown(best)} has no {', '.join(missing[best][:10])}: name a font that has, with --font")


def _fonts() -> Iterator[Path]:
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        yield from sorted(Path(folder, "files").glob("NotoSans[[]*.ttf"))
    yield from (path for path in map(Path, SYSTEM_FONTS) if path.is_file())
