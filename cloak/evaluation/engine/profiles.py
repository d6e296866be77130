"""Walk folders as if they were public profiles, and keep of each photo what a scraper keeps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloak.inspect import Finding, Harm, inspect
from cloak.names import shown
from cloak.sources import Ignored, find_photos

_TITLE = ("title", "caption", "subject")
_DATE = ("taken", "created", "digitised", "position taken at", "released")
_PLACE = ("place", "city", "state or province", "country", "position")
_PEOPLE = ("person in the picture", "tagged face", "owner of the camera", "photographer", "artist", "author")
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A photo on somebody's page.

    Attributes:
        path: the file.
        link: where a visitor finds it, printable: its path, as nothing is on the web here.
        page: the folder it is in, below the one that was walked; its name is the page's.
    """

    path: Path
    link: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a photo's file says, each "" where it says nothing, printable.

    Attributes:
        title: its title or caption.
        date: when it was taken.
        place: where: names of places, then the position.
        people: names of people in it, of its photographer, of the camera's owner.
    """

    title: str = ""
    date: str = ""
    place: str = ""
    people: str = ""


def published(folders: Sequence[Path]) -> tuple[list[Published], tuple[Ignored, ...]]:
    """Find the photos of public profiles, and what was passed over.

    Raises:
        UsageError: a folder is not there, or there is no photo in any.
    """
    found = find_photos(folders)
    photos = [
        Published(path=one.path, link=shown(one.path), page=shown(one.relative.parent.as_posix()))
        for one in found.sources
    ]
    return [_named(photo) for photo in photos], found.ignored


def title_of(page: str) -> str:
    """Return a page's name as its visitors would read it: ``anna_m/holiday`` is "anna m/holiday"."""
    return page.replace("_", " ")


def told(path: Path) -> Told:
    """Read what a file says about itself; what cannot be read says nothing."""
    findings = inspect(path).findings
    places = [_first(findings, Harm.WHERE, (what,)) for what in _PLACE]
    people = dict.fromkeys(one.value for one in findings if one.harm is Harm.WHO and one.what in _PEOPLE and one.value)
    return Told(
        title=_first(findings, Harm.WHO, _TITLE),
        date=_first(findings, Harm.WHEN, _DATE),
        place=_joined(places),
        people=_joined(people),
    )


def _named(photo: Published) -> Published:
    """A photo right in the folder that was walked is on a page of that folder's name."""
    if photo.page != ".":
        return photo
    return Published(path=photo.path, link=photo.link, page=shown(photo.path.absolute().parent.name))


def _first(findings: Sequence[Finding], harm: Harm, names: Sequence[str]) -> str:
    """Return the value of the first of these names that has one."""
    values = {one.what: one.value for one in reversed(findings) if one.harm is harm and one.value}
    return next((values[name][:_LONGEST] for name in names if name in values), "")


def _joined(values: Iterable[str]) -> str:
    return ", ".join(value for value in values if value)[:_LONGEST]
