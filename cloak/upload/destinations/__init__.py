"""Places to upload to, one a file; others are found by the entry point group ``cloak.destinations``."""

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from cloak.errors import ConfigError, UploadError
from cloak.upload.destination import Destination

GROUP = "cloak.destinations"
"""The entry point group: ``name = "package.module:Class"``."""

BUILT_IN = {
    "folder": "cloak.upload.destinations.folder:Folder",
    "immich": "cloak.upload.destinations.immich:Immich",
    "mastodon": "cloak.upload.destinations.mastodon:Mastodon",
    "nextcloud": "cloak.upload.destinations.nextcloud:Nextcloud",
    "pixelfed": "cloak.upload.destinations.pixelfed:Pixelfed",
    "s3": "cloak.upload.destinations.s3:S3",
    "sftp": "cloak.upload.destinations.sftp:Sftp",
    "webdav": "cloak.upload.destinations.webdav:WebDav",
}
"""Those of this package, which no entry point replaces; loaded when one is used."""


def kinds() -> tuple[str, ...]:
    """Return the kinds of destinations that there are, sorted."""
    return tuple(sorted({*BUILT_IN, *_others()}))


def load(kind: str) -> type[Destination]:
    """Return the class of a kind.

    Raises:
        ConfigError: there is no such kind.
        UploadError: it comes from a package that cannot be loaded.
    """
    if kind in BUILT_IN:
        module, _, name = BUILT_IN[kind].partition(":")
        found: type[Destination] = getattr(import_module(module), name)
        return found
    other = _others().get(kind)
    if other is None:
        raise ConfigError(f"no kind of destination is called {kind!r}: there are {', '.join(kinds())}")
    try:
        found = other.load()
    except Exception as error:  # anybody's package
        raise UploadError(
            f"the destination {kind!r} ({other.value}) cannot be loaded: {error or type(error).__name__}: "
            "reinstall the package that it comes from"
        ) from error
    return found


def _others() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
