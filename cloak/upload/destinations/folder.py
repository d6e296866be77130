"""A folder of this computer or of a mounted disk: files that only their owner may read."""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Self

from cloak.errors import AudienceError, ConfigError, OutputError, TransferError, UploadError, WriteError
from cloak.files import check_folder, write
from cloak.names import shown
from cloak.upload import disks
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Item, Placed, Setting, Wish
from cloak.upload.names import folder_name

_OTHERS = 0o077
"""Permissions of everybody but the owner."""


class Folder:
    """Puts files of mode 0600 below a folder; `--public` makes them 0644.

    The audience is read back from the file's permissions: where a disk keeps none, such as FAT, everybody may read it.
    A handle is the whole path of a file, so that the name of a destination that was set up anew for another folder does
    not make its files there seem gone.
    """

    KIND: ClassVar[str] = "folder"
    SETTINGS: ClassVar[tuple[Setting, ...]] = (Setting(name="path", question="Folder to put photos in"),)
    AUDIENCES: ClassVar[tuple[Audience, ...]] = (Audience.OWNER, Audience.PUBLIC)
    LATE: ClassVar[timedelta] = timedelta(0)

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def open(cls, settings: Mapping[str, str], credentials: Credentials) -> Self:  # noqa: ARG003 -- there are no secrets
        """Make one from its path, which must be a whole one."""
        path = Path(settings.get("path", "")).expanduser()
        if not path.is_absolute():
            raise ConfigError(f"a folder to upload to needs its whole path, got {str(path)!r}: write /home/you/photos")
        return cls(path)

    def check(self, wish: Wish) -> None:
        """See that the folder can be written to."""
        try:
            self._place(wish)
            check_folder(self._root)
        except (OSError, OutputError, TransferError) as error:
            raise UploadError(f"cannot write to {shown(self._root)}: {_reason(error)}") from error

    def put(self, item: Item, wish: Wish) -> Placed:
        """Write one file, whole or not at all."""
        try:
            path = self._place(wish) / item.name
            write(path, item.file.data, overwrite=True, private=True)
            item.told(len(item.file.data))
            if wish.audience is Audience.PUBLIC:
                path.chmod(0o644)
        except (OSError, WriteError) as error:
            raise TransferError(f"cannot write to {shown(self._root)}: {_reason(error)}") from error
        handle = os.fspath(path)
        placed = self.look(handle)
        if placed is None:
            raise TransferError(f"{shown(path)} was written, and is gone again")
        if placed.audience.wider_than(wish.audience):
            self.delete(handle)
            raise AudienceError(
                f"others can read what is written to {shown(self._root)}, whose disk keeps no permissions: the file "
                "was deleted again; choose another folder, or pass --public if they may"
            )
        return placed

    def find(self, name: str) -> str | None:
        """Return the handle of a file of this name, in the folder or in an album's."""
        try:
            albums = [path for path in self._root.iterdir() if path.is_dir()] if self._root.is_dir() else []
        except OSError as error:
            raise TransferError(f"cannot look into {shown(self._root)}: {_reason(error)}") from error
        found = [path / name for path in (self._root, *albums) if os.path.lexists(path / name)]
        if found:
            return os.fspath(found[0])
        self._refuse_missing_root()
        return None

    def look(self, handle: str) -> Placed | None:
        """Return who may read a file now; None if it is gone."""
        path = self._path(handle)
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            self._refuse_missing_root()
            return None
        except OSError as error:
            raise TransferError(f"cannot look at {shown(path)}: {_reason(error)}") from error
        audience = Audience.PUBLIC if stat.S_IMODE(mode) & _OTHERS else Audience.OWNER
        return Placed(handle=handle, audience=audience, link=os.fspath(path))

    def delete(self, handle: str) -> None:
        """Delete a file, and its album if that is empty then."""
        if self.look(handle) is None:
            return
        path = self._path(handle)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise TransferError(f"cannot delete {shown(path)}: {_reason(error)}") from error
        if path.parent != self._root:
            with suppress(OSError):  # others are in it
                path.parent.rmdir()

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _place(self, wish: Wish) -> Path:
        """Return the folder for a wish, made if need be; not on the disk that a missing one is mounted on."""
        self._refuse_missing_disk()
        mode = 0o755 if wish.audience is Audience.PUBLIC else 0o700
        place = self._root / folder_name(wish.album) if wish.album else self._root
        self._root.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self._root, place):
            with suppress(FileExistsError):
                folder.mkdir(mode)
                folder.chmod(mode)  # whatever the umask is
        return place

    def _path(self, handle: str) -> Path:
        path = self._root / handle
        if ".." in path.parts or not path.is_relative_to(self._root) or path == self._root:
            raise TransferError(
                f"{handle!r} is no file below {shown(self._root)}: set the destination to the folder that it is in"
            )
        return path

    def _refuse_missing_root(self) -> None:
        """A disk that is not mounted has not deleted anything."""
        if not self._root.is_dir():
            raise TransferError(f"{shown(self._root)} is not there: is the disk that it is on connected?")
        self._refuse_missing_disk()

    def _refuse_missing_disk(self) -> None:
        problem = disks.away(self._root)
        if problem:
            raise TransferError(problem)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
