"""Letters: complete in every language, right in their dates, and asking for nothing that feeds the database."""

import dataclasses
import re
import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloak.errors import UsageError
from cloak.letters import Company, Letter, Publication, Request, Right, Sender, draft, languages, one_month_after
from cloak.letters.catalogue import authority, companies, company, countries, words
from cloak.letters.text import WIDTH, as_text

SENDER = Sender(name="Žofia Kowalczyk-Ångström", email="zofia@example.org", country="NL", address=("Kade 1", "Delft"))


def letter(language: str = "en", **changes: object) -> Letter:
    known = company("clearview")
    assert known
    request = Request(company=known, sender=SENDER, day=date(2026, 11, 26), language=language)
    return draft(dataclasses.replace(request, **changes))


def keys(table: dict, prefix: str = "") -> set[str]:
    found = set()
    for key, value in table.items():
        found |= keys(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
    return found


def fields(table: dict, prefix: str = "") -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= fields(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            found[prefix + key] = {name for _, name, _, _ in string.Formatter().parse(value) if name}
    return found


def test_letters_are_written_in_english_german_dutch_and_french() -> None:
    assert languages() == ("de", "en", "fr", "nl")


@pytest.mark.parametrize("language", languages())
def test_every_language_has_the_same_parts_and_fills_in_the_same_things(language: str) -> None:
    assert keys(words(language)) == keys(words("en"))
    assert fields(words(language)) == fields(words("en"))
    assert len(words(language)["access"]["items"]) == len(words("en")["access"]["items"])
    assert len(set(words(language)["months"])) == 12


@pytest.mark.parametrize("language", languages())
def test_every_language_relies_on_the_same_articles(language: str) -> None:
    everything = {"rights": tuple(Right), "pages": ("https://example.org/a",)}
    ours = " ".join(as_text(letter(language, **everything)).split())
    for number in ("3", "5", "6", "7", "9", "11", "12", "15", "17", "18", "19", "21", "27", "46", "77", "79", "82"):
        assert re.search(rf"(?:Articles?|Art\.|artikel|article|and|et|en) {number}\b", ours), number
    for case in ("C-487/21", "C-154/21", "01/2022", "1182/71"):
        assert case in ours


@pytest.mark.parametrize("language", languages())
def test_no_part_is_the_same_in_two_languages(language: str) -> None:
    if language == "en":
        return
    ours, english = words(language), words("en")
    for part in ("opening", "deadline", "complaint", "enclosure", "closing", "decisions", "pages", "uploads"):
        assert ours[part] != english[part]


@pytest.mark.parametrize("language", languages())
def test_nothing_is_left_to_fill_in(language: str) -> None:
    text = as_text(letter(language, rights=tuple(Right), photo=True))
    assert "{" not in text
    assert "}" not in text


@pytest.mark.parametrize("language", languages())
def test_no_identity_document_and_no_photo_is_offered_and_a_demand_is_refused(language: str) -> None:
    plain, enclosing = letter(language), letter(language, photo=True)
    said = words(language)
    body = [paragraph for section in plain.sections for paragraph in section.paragraphs]
    assert said["identity"]["text"].strip() in body
    assert said["enclosure"].strip() not in body
    assert said["notes"]["photo"].strip() in plain.notes[0].paragraphs
    body = [paragraph for section in enclosing.sections for paragraph in section.paragraphs]
    assert {said["identity"]["enclosed"].strip(), said["enclosure"].strip()} <= set(body)
    assert said["notes"]["enclosed"].strip() in enclosing.notes[0].paragraphs
    for one in (said["identity"]["text"], said["identity"]["enclosed"]):
        assert re.search(r"\b12\b", one)
        assert re.search(
            r"identity document is not|Ausweises ist es nicht|identiteitsbewijs is dat niet|ne l'est pas", one
        )


@pytest.mark.parametrize("language", languages())
def test_it_calls_itself_a_template_with_sources_on_a_page_that_is_not_sent(language: str) -> None:
    notes = letter(language).notes
    assert words(language)["notes"]["template"].strip() in notes[0].paragraphs
    assert all(source.startswith("https://") for source in notes[-1].items)
    assert "https://eur-lex.europa.eu/eli/reg/2016/679/oj" in notes[-1].items
    disclaimers = {
        "en": "not legal advice",
        "de": "keine Rechtsberatung",
        "nl": "geen juridisch advies",
        "fr": "non un conseil juridique",
    }
    assert disclaimers[language] in " ".join(notes[0].paragraphs)


def test_only_the_rights_asked_for_are_in_the_letter() -> None:
    one = letter(rights=(Right.ERASURE,))
    assert one.subject.endswith("erasure (Article 17)")
    titles = [section.title for section in one.sections]
    assert words("en")["erasure"]["title"] in titles
    assert words("en")["access"]["title"] not in titles


def test_consent_is_withdrawn_only_when_asked() -> None:
    title = words("en")["withdrawal"]["title"]
    assert title not in [section.title for section in letter().sections]
    assert title in [section.title for section in letter(rights=(Right.WITHDRAWAL,)).sections]


@pytest.mark.parametrize("language", languages())
def test_nobody_denies_a_consent_and_withdraws_it_in_one_letter(language: str) -> None:
    denial = words(language)["erasure"]["consent"].strip()
    assert denial in " ".join(as_text(letter(language)).split())
    assert denial not in " ".join(as_text(letter(language, rights=tuple(Right))).split())


def test_a_letter_that_asks_for_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one right"):
        letter(rights=())


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-03-05", "2026-04-06"),  # 5 April is a Sunday
        ("2026-01-31", "2026-03-02"),  # 28 February is a Saturday
        ("2027-01-29", "2027-03-01"),  # 28 February is a Sunday
        ("2028-01-31", "2028-02-29"),
        ("2026-08-31", "2026-09-30"),
        ("2026-12-15", "2027-01-15"),
        ("2026-11-26", "2026-12-28"),  # a Saturday
        ("2026-10-31", "2026-11-30"),
    ],
)
def test_the_answer_is_due_a_month_after_on_a_working_day(received: str, due: str) -> None:
    assert one_month_after(date.fromisoformat(received)) == date.fromisoformat(due)


@given(st.dates(date(2018, 5, 25), date(2200, 1, 1)))
def test_an_answer_is_never_due_on_a_weekend_nor_outside_of_28_to_33_days(received: date) -> None:
    due = one_month_after(received)
    assert due.weekday() < 5
    assert 28 <= (due - received).days <= 33


def test_the_deadline_is_in_the_letter_in_words() -> None:
    assert "by 28 December 2026" in " ".join(as_text(letter()).split())
    assert "bis zum 28. Dezember 2026" in " ".join(as_text(letter("de")).split())
    assert "uiterlijk op 28 december 2026" in " ".join(as_text(letter("nl")).split())
    assert "au plus tard le 28 décembre 2026" in " ".join(as_text(letter("fr")).split())


def test_the_first_of_a_month_is_premier_in_french() -> None:
    assert letter("fr", day=date(2026, 7, 1)).date == "1er juillet 2026"


@pytest.mark.parametrize("country", countries())
def test_every_country_of_the_economic_area_has_an_authority_with_a_site(country: str) -> None:
    assert authority(country).name
    assert authority(country.lower()).site.startswith("https://")


def test_thirty_countries_are_known_and_others_are_refused_with_the_reason() -> None:
    assert len(countries()) == 30
    for elsewhere in ("GB", "CH", "US", "XX", ""):
        with pytest.raises(UsageError, match="does not apply"):
            authority(elsewhere)


@pytest.mark.parametrize(
    "name", ["Clearview AI", "clearview", "CLEARVIEW AI, INC.", "clearview.ai", "PimEyes", "pim eyes"]
)
def test_companies_are_found_by_their_names(name: str) -> None:
    found = company(name)
    assert found
    assert found.name in companies()
    assert found.sources


def test_a_company_that_is_not_known_is_not_guessed() -> None:
    assert company("Clearwiew") is None
    assert company("") is None


def test_decisions_are_cited_only_against_the_company_they_are_about() -> None:
    assert "30\u00a0500\u00a0000" in as_text(letter())
    other = as_text(letter(company=Company(name="FaceCheck")))
    assert "EUR" not in other
    assert words("en")["notes"]["unknown"].strip() in letter(company=Company(name="FaceCheck")).notes[0].paragraphs


def test_uploads_and_pages_are_listed_as_given() -> None:
    text = as_text(
        letter(
            pages=("https://example.org/" + "long" * 40,),
            publications=(Publication(day=date(2026, 5, 1), where="mastodon", sha256="ab" * 32),),
        )
    )
    assert "https://example.org/" + "long" * 40 in text
    assert f"1 May 2026, mastodon: {'ab' * 32}" in " ".join(text.split())


@pytest.mark.parametrize(
    "hostile",
    ["a\nb", "a\rb", "a\x1b[31mb", "a\x00b", "a\u202eb", "a\u2028b", "", "   ", "x" * 301, "a\ud800b", "a\tb"],
)
def test_names_that_would_break_the_letter_are_refused(hostile: str) -> None:
    for changes in ({"name": hostile}, {"email": hostile}, {"address": (hostile,)}):
        with pytest.raises(UsageError):
            dataclasses.replace(SENDER, **changes)
    with pytest.raises(UsageError):
        letter(company=Company(name=hostile))
    with pytest.raises(UsageError):
        letter(pages=(hostile,))


@given(st.text(min_size=1, max_size=80))
def test_whatever_the_name_it_is_refused_or_stands_in_the_text_as_given(name: str) -> None:
    try:
        sender = dataclasses.replace(SENDER, name=name)
    except UsageError:
        return
    lines = as_text(letter()).replace(SENDER.name, name).split("\n")
    known = company("clearview")
    assert known
    assert as_text(draft(Request(company=known, sender=sender, day=date(2026, 11, 26)))).split("\n") == lines


def test_braces_in_a_name_are_not_instructions() -> None:
    sender = dataclasses.replace(SENDER, name="{authority} {0.__class__}", email="{x}@example.org")
    assert as_text(letter(sender=sender)).count("{authority} {0.__class__}") == 2


@pytest.mark.parametrize("language", languages())
def test_lines_of_the_text_are_short(language: str) -> None:
    text = as_text(letter(language, rights=tuple(Right)))
    assert max(len(line) for line in text.splitlines() if "https://" not in line) <= WIDTH
