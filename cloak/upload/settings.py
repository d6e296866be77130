"""The destinations that the user set up: ``config.toml`` in the user's configuration folder, without secrets."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloak.errors import ConfigError, MissingExtraError, UsageError, WriteError
from cloak.files import write
from cloak.names import shown
from cloak.upload import keyring_secrets, places
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Destination
from cloak.upload.destinations import load as load_kind
from cloak.upload.errors import opening
from cloak.upload.expiry import expiry

_HEAD = "Written by `cloak upload setup`, which keeps your comments. Secrets are in the system's keyring, never here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One destination as it was set up.

    Attributes:
        name: what the user calls it.
        kind: of `cloak.upload.destinations.kinds`.
        expires: how long uploads stay if nothing is said; see `cloak.upload.expiry`.
        audience: who may see them if nothing is said; never the public.
        settings: what the destination wants to know, without secrets.
    """

    name: str
    kind: str
    expires: str = "30d"
    audience: Audience = Audience.OWNER
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.audience is Audience.PUBLIC:
            raise ConfigError("public is no default: type --public with each upload that may be")
        try:
            expiry(self.expires)
        except UsageError as error:
            raise ConfigError(f"expires of {self.name}: {error}") from error

    @property
    def credentials(self) -> Credentials:
        """Its secrets: of the environment, or the keyring."""
        return Credentials(self.name, keyring_secrets.get)

    def open(self) -> Destination:
        """Return the destination itself.

        Raises:
            ConfigError, MissingExtraError, UploadError: it cannot be used as it was set up.
        """
        with opening(self.name):
            return load_kind(self.kind).open(self.settings, self.credentials)


def read() -> dict[str, Place]:
    """Return all destinations by name.

    Raises:
        ConfigError: the file cannot be read or makes no sense.
    """
    path = places.config()
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read {shown(path)}: {error}: mend it or delete it, and set up again") from error
    tables = document.get("destinations", {})
    if not isinstance(tables, dict):
        raise ConfigError(f"{shown(path)}: destinations must be tables, such as [destinations.nas]")
    return {name: _place(name, table) for name, table in tables.items()}


def keep(place: Place) -> None:
    """Write a destination into the file, in place of one of the same name; the rest, comments too, stays as it is.

    Raises:
        ConfigError: its name cannot be one, or the file cannot be written or is damaged.
        MissingExtraError: tomlkit is not installed.
    """
    check_name(place.name)
    path = places.config()
    known = read()  # what makes no sense is not written over
    try:
        text = _with(place, path.read_text("utf-8") if known or path.exists() else "")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(path, text.encode(), overwrite=True, private=True)
    except (OSError, WriteError, UnicodeEncodeError) as error:
        raise ConfigError(f"cannot write {shown(path)}: {error}") from error


def check_name(name: str) -> None:
    """Refuse what cannot be told from a path, or written into the name of a variable.

    Raises:
        UsageError: it is such a name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", name):
        raise UsageError(f"{name!r} cannot be a destination's name: take letters, digits, - and _, such as nas")


def find(name: str) -> Place:
    """Return a destination by its name, or a folder by its path.

    Raises:
        UsageError: there is no such destination.
    """
    if is_path(name):
        path = os.path.abspath(os.path.expanduser(name))  # noqa: PTH100, PTH111 -- resolve() follows links
        return Place(name=path, kind="folder", settings={"path": path})
    known = read()
    if name not in known:
        there = f"there are {', '.join(sorted(known))}" if known else "none is set up yet"
        raise UsageError(f"no destination is called {name!r}, {there}: run `cloak upload setup {name}`")
    return known[name]


def open_destination(name: str) -> Destination:
    """Return a destination by its name, or a folder by its path, as the ledger has it."""
    return find(name).open()


def is_path(name: str) -> bool:
    """Whether this is a folder's path rather than a name: it has a separator, or begins with ``.`` or ``~``."""
    return name.startswith((".", "~")) or os.sep in name or "/" in name or Path(name).is_absolute()


def _place(name: str, table: Any) -> Place:  # noqa: ANN401 -- whatever is in the file
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise ConfigError(f"{shown(places.config())}: [destinations.{name}] must hold text in quotes only")
    rest = {key: value for key, value in table.items() if key not in ("kind", "expires", "audience")}
    given = {key: table[key] for key in ("expires",) if key in table}
    if "kind" not in table:
        raise ConfigError(f"{shown(places.config())}: [destinations.{name}] has no kind: set it up again")
    try:
        audience = Audience(table.get("audience", Audience.OWNER))
    except ValueError:
        raise ConfigError(
            f"{shown(places.config())}: {name} has an audience {table['audience']!r} unknown here"
        ) from None
    return Place(name=name, kind=table["kind"], audience=audience, settings=rest, **given)


def _with(place: Place, text: str) -> str:
    """Return the file's text with a destination in it, and all else as it was."""
    try:
        import tomlkit  # noqa: PLC0415 -- of an extra
    except ImportError as error:
        raise MissingExtraError("`cloak upload setup`", "upload") from error
    document = tomlkit.parse(text)
    if not text:
        document.add(tomlkit.comment(_HEAD))
        document.add(tomlkit.nl())
    tables = document.setdefault("destinations", tomlkit.table(is_super_table=True))
    table = tables.setdefault(place.name, tomlkit.table())
    values = {"kind": place.kind, "expires": place.expires, "audience": str(place.audience), **place.settings}
    for key in [key for key in table if key not in values]:
        table.remove(key)
    for key, value in values.items():
        if table.get(key) != value:
            table[key] = value
    return tomlkit.dumps(document)
