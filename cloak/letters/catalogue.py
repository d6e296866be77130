"""What is publicly known of companies and authorities, and the words of letters, from the tables beside this file."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from cloak.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A supervisory authority's decision against a company.

    Attributes:
        authority: who decided, in the country's language.
        country: ISO 3166 code.
        day: of the decision, or of its publication.
        source: address of a page that tells of it.
        reference: what the authority calls it; "" if not known.
        fine: in euros; 0 where there was none.
    """

    authority: str
    country: str
    day: date
    source: str
    reference: str = ""
    fine: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Who a letter goes to.

    Attributes:
        name: as in the letter.
        address: lines below the name; none where none is known to be right.
        email: for requests; "" if not known.
        checked: when this was looked up; None for a company that is not in the table.
        sources: addresses of pages that it is from.
        decisions: those that found what it does to be unlawful.
    """

    name: str
    address: tuple[str, ...] = ()
    email: str = ""
    checked: date | None = None
    sources: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Authority:
    """A supervisory authority: its name in the country's language, and its site."""

    name: str
    site: str


def company(name: str) -> Company | None:
    """Find a company by one of its names, whatever their case; None if it is not in the table."""
    wanted = " ".join(name.casefold().replace(",", " ").rstrip(".").split())
    for key, entry in _table("companies.toml").items():
        if wanted in {key, entry["name"].casefold(), *entry["aliases"]}:
            return _company(entry)
    return None


def companies() -> tuple[str, ...]:
    """Return the names of those in the table."""
    return tuple(entry["name"] for entry in _table("companies.toml").values())


def authority(country: str) -> Authority:
    """Return where people in a country complain.

    Raises:
        UsageError: the GDPR does not apply in that country.
    """
    try:
        return Authority(**_table("authorities.toml")[country.upper()])
    except KeyError:
        raise UsageError(
            f"the GDPR does not apply in {country!r}: --country is the two letters of where you live, one of "
            f"{', '.join(countries())} (the United Kingdom and Switzerland have laws of their own)"
        ) from None


def countries() -> tuple[str, ...]:
    """Return the codes of the countries of the European Economic Area."""
    return tuple(sorted(_table("authorities.toml")))


def languages() -> tuple[str, ...]:
    """Return the codes of the languages that letters are written in."""
    names = (entry.name for entry in files(__package__).iterdir())
    return tuple(sorted(name[7:-5] for name in names if name.startswith("letter_") and name.endswith(".toml")))


def words(language: str) -> dict[str, Any]:
    """Return all that a letter says in a language."""
    return _table(f"letter_{language}.toml")


def _company(entry: dict[str, Any]) -> Company:
    return Company(
        name=entry["name"],
        address=tuple(entry["address"]),
        email=entry["email"],
        checked=entry["checked"],
        sources=tuple(entry["sources"]),
        decisions=tuple(Decision(day=one.pop("date"), **one) for one in map(dict, entry.get("decisions", ()))),
    )


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / name).read_text("utf-8"))
