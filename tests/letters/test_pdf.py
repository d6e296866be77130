"""Letters as PDF: the same words as the text, in every script that the font has, or an error."""

import io
import re
import unicodedata
from datetime import date
from pathlib import Path

import pytest

from cloak.errors import UsageError
from cloak.letters import Letter, Publication, Request, Right, Sender, company, draft, languages
from cloak.letters.pdf import as_pdf
from cloak.letters.text import CUT, as_text

pypdf = pytest.importorskip("pypdf")
DAY = date(2026, 11, 26)


def letter(
    name: str = "Anna Muster", language: str = "en", company_name: str = "clearview", **options: object
) -> Letter:
    found = company(company_name)
    assert found
    sender = Sender(name=name, email="anna@example.org", country="DE")
    return draft(Request(company=found, sender=sender, day=DAY, language=language, **options))


def pages(data: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]


def squeezed(text: str) -> str:
    """Without the white space and hyphens that setting may add or take."""
    return re.sub(r"[\s\-]+", "", unicodedata.normalize("NFC", text))


@pytest.mark.parametrize("language", languages())
def test_the_pdf_says_word_for_word_what_the_text_says(language: str) -> None:
    one = letter(language=language, rights=tuple(Right), photo=True)
    text = as_text(one).replace(CUT, "")
    assert squeezed("".join(pages(as_pdf(one, DAY)))) == squeezed(text)
    words = " ".join(" ".join(pages(as_pdf(one, DAY))).split())
    for paragraph in one.sections[-1].paragraphs:
        assert " ".join(paragraph.split()) in words


def test_pages_and_checksums_are_complete() -> None:
    address, checksum = "https://example.org/" + "a/b" * 60, "0123456789abcdef" * 4
    one = letter(pages=(address,), publications=(Publication(day=DAY, where="mastodon", sha256=checksum),))
    said = squeezed("".join(pages(as_pdf(one, DAY))))
    assert squeezed(address) in said
    assert checksum in said


@pytest.mark.parametrize(
    "name",
    ["Łukasz Żółć", "Γιώργος Παπαδόπουλος", "Иван Петров", "Gülşah Yiğit", "Zoe\u0308 O\u2019Neill", "Đặng Šíma"],
)
def test_names_of_europe_are_set(name: str) -> None:
    assert squeezed(name) in squeezed(pages(as_pdf(letter(name), DAY))[0])


@pytest.mark.parametrize("name", ["山田太郎", "Anna \U0001fae0"])
def test_a_character_that_no_font_has_is_an_error_and_no_question_mark(name: str) -> None:
    with pytest.raises(UsageError, match="--font"):
        as_pdf(letter(name), DAY)


@pytest.mark.parametrize("name", ["محمد", "שרה", "क्षमा"])
def test_scripts_that_need_shaping_are_refused_with_a_way_out(name: str) -> None:
    with pytest.raises(UsageError, match=r"letter\.txt"):
        as_pdf(letter(name), DAY)


def test_notes_are_on_a_page_of_their_own_at_the_end() -> None:
    one = letter()
    *body, last = pages(as_pdf(one, DAY))
    assert one.notes[0].title in last
    assert one.notes[0].title not in "".join(body)
    assert one.closing[0] in "".join(body)


def test_the_file_says_nothing_but_the_letter() -> None:
    reader = pypdf.PdfReader(io.BytesIO(as_pdf(letter(), DAY)))
    assert set(reader.metadata or {}) <= {"/Producer", "/CreationDate"}
    assert not [image for page in reader.pages for image in page.images]
    assert not reader.attachments


def test_the_same_letter_is_the_same_file() -> None:
    assert as_pdf(letter(), DAY) == as_pdf(letter(), DAY)


def test_a_file_that_is_no_font_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.ttf").write_bytes(b"not a font")
    with pytest.raises(UsageError, match="cannot be read as a font"):
        as_pdf(letter(), DAY, font=tmp_path / "bad.ttf")
