"""A letter as plain text."""

import textwrap
from collections.abc import Iterator, Sequence

from cloak.letters.letter import Letter, Section

WIDTH = 78
CUT = "- - - 8< " * 8 + "- - -"


def as_text(letter: Letter) -> str:
    """Set a letter in lines of at most 78 characters, where words allow; the notes come below a line to cut along."""
    return "\n".join([*_letter(letter), "", CUT, "", *_sections(letter.notes)]).rstrip() + "\n"


def _letter(letter: Letter) -> Iterator[str]:
    yield from letter.sender
    yield from ["", *letter.recipient, "", letter.date, ""]
    yield from _wrapped(letter.subject)
    yield ""
    yield from _sections(letter.sections)
    yield from ["", *_wrapped(letter.closing[0]), "", "", "", letter.closing[1]]


def _sections(sections: Sequence[Section]) -> Iterator[str]:
    for number, section in enumerate(sections):
        if number:
            yield ""
        blocks = [[section.title]] if section.title else []
        blocks += [list(_wrapped(paragraph)) for paragraph in section.paragraphs]
        blocks += [[line for item in section.items for line in _wrapped(item, "  - ")]] if section.items else []
        for place, block in enumerate(blocks):
            if place:
                yield ""
            yield from block


def _wrapped(text: str, bullet: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )
