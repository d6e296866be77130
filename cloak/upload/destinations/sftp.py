"""SFTP: files that only their owner on the server may read."""

import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import quote

from cloak.errors import (
    AudienceError,
    CloakError,
    ConfigError,
    MissingExtraError,
    TransferError,
    UnreachableError,
)
from cloak.upload.counting import BLOCK
from cloak.upload.credentials import Credentials
from cloak.upload.destination import Audience, Item, Placed, Setting, Wish
from cloak.upload.destinations.sftp_files import audience_of, lost, mode_of, part_of, rename
from cloak.upload.errors import underway
from cloak.upload.names import folder_name

if TYPE_CHECKING:
    import paramiko

    from cloak.upload.destinations.ssh import Login


class Sftp:
    """Puts files of mode 0600 into a folder; `--public` makes them 0644. Folders that it makes are 0700.

    The audience is read back from the file's mode. A file is written under a hidden name, which says whose it is, gets
    its mode before its first byte, and its own name when all of it is there. A handle is
    ``sftp://user@host:port/folder/file``, with host, user and port as they were set up.
    """

    KIND: ClassVar[str] = "sftp"
    SETTINGS: ClassVar[tuple[Setting, ...]] = (
        Setting(name="host", question="Server, or its name in ~/.ssh/config"),
        Setting(name="path", question="Folder on the server", default="cloak"),
        Setting(name="user", question="User, empty for that of ~/.ssh/config", default=""),
        Setting(name="port", question="Port, empty for that of ~/.ssh/config", default=""),
        Setting(name="key", question="File of the private key, empty for the usual ones", default="", address=False),
        Setting(
            name="known-hosts",
            question="File of the keys of servers, empty for the usual ones",
            default="",
            address=False,
        ),
        Setting(name="password", question="Password, empty for keys", default="", secret=True),
        Setting(name="passphrase", question="Passphrase of the private key, empty for none", default="", secret=True),
    )
    AUDIENCES: ClassVar[tuple[Audience, ...]] = (Audience.OWNER, Audience.PUBLIC)

    def __init__(self, login: "Login", root: str, place: str) -> None:
        self._login = login
        self._root = root
        self._site = f"sftp://{place}/"
        self._start = f"{self._site}{root}/"
        self._ssh: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None

    @classmethod
    def open(cls, settings: Mapping[str, str], credentials: Credentials) -> Self:
        """Make one from host and folder; the rest is what ~/.ssh says."""
        try:
            from cloak.upload.destinations.ssh import login  # noqa: PLC0415 -- of an extra
        except ImportError as error:
            raise MissingExtraError("uploads by SFTP", "upload") from error
        host, path = settings.get("host", ""), settings.get("path", "")
        root = path.rstrip("/") or ("/." if path else "")  # of a server that shows each user their own "/"
        if not host or host.startswith("-") or any(letter.isspace() or letter in "/@" for letter in host):
            raise ConfigError(f"an SFTP server is like example.org, got {host!r}")
        if not root or root.startswith("~") or ".." in root.split("/"):
            raise ConfigError(f"a folder on the server is like photos/cloak or /srv/photos, got {root!r}")
        where = login(
            host,
            port=settings.get("port", ""),
            user=settings.get("user", ""),
            key=settings.get("key", ""),
            known_hosts=settings.get("known-hosts", ""),
            password=credentials.get("password"),
            passphrase=credentials.get("passphrase"),
            variable=credentials.variable("password"),
        )
        # as it was set up, so that a change in ~/.ssh/config loses no upload
        user, port = settings.get("user", ""), settings.get("port", "")
        return cls(where, root, f"{user}@{host}:{port}".removeprefix("@").removesuffix(":"))

    def check(self, wish: Wish) -> None:
        """Sign in, make the folder, put a file of no meaning into it, see who may read that, and delete it."""
        probe = f"{self._root}/.{secrets.token_hex(16)}.part"
        with self._session("write") as sftp:
            self._make(sftp, self._root, wish)
            try:
                self._write(sftp, probe, b"cloak", wish)
                audience = audience_of(sftp.lstat(probe).st_mode)
            except (CloakError, OSError):
                with suppress(OSError):
                    sftp.remove(probe)
                raise
            sftp.remove(probe)
        self._refuse_wider(audience, wish, "nothing was uploaded")

    def put(self, item: Item, wish: Wish) -> Placed:
        """Upload one file, whole or not at all, and read its mode back."""
        folder = f"{self._root}/{folder_name(wish.album)}" if wish.album else self._root
        path = f"{folder}/{item.name}"
        try:
            with self._session("upload") as sftp:
                self._make(sftp, folder, wish)
                self._write(sftp, part_of(path), item.file.data, wish, item.told)
                rename(sftp, part_of(path), path)
            with underway():
                placed = self.look(self._handle(path))
            if placed is None:
                raise TransferError(f"{self._handle(path)} was uploaded, and is gone again")
            self._refuse_wider(placed.audience, wish, "the photo was deleted again")
        except UnreachableError:
            raise  # there is nothing to take back
        except CloakError as error:
            self._take_back(path, error)
            raise
        return placed

    def find(self, name: str) -> str | None:
        """Return the handle of a file of this name, whole or in part, in the folder or in an album's."""
        with self._session("look into the folder") as sftp:
            entries = sftp.listdir_attr(self._root) if mode_of(sftp, self._root) is not None else []
            albums = [f"{self._root}/{one.filename}" for one in entries if stat.S_ISDIR(one.st_mode or 0)]
            for folder in (self._root, *albums):
                path = f"{folder}/{name}"
                if mode_of(sftp, path) is not None or mode_of(sftp, part_of(path)) is not None:
                    return self._handle(path)
            self._refuse_missing_root(sftp)
        return None

    def look(self, handle: str) -> Placed | None:
        """Return who may read a file now; None if it is gone."""
        path = self._path(handle)
        with self._session("look at a photo") as sftp:
            for each in (path, part_of(path)):
                mode = mode_of(sftp, each)
                if mode is not None:
                    return Placed(handle=handle, audience=audience_of(mode), link=f"{self._site}{quote(path)}")
            self._refuse_missing_root(sftp)
        return None

    def delete(self, handle: str) -> None:
        """Delete a file, what is left of an interrupted upload of it, and its album if that is empty then."""
        path = self._path(handle)
        with self._session("delete a photo") as sftp:
            self._refuse_missing_root(sftp)
            for each in (path, part_of(path)):
                with suppress(FileNotFoundError):
                    sftp.remove(each)
                if mode_of(sftp, each) is not None:
                    raise TransferError(f"{self._handle(each)} is still there after it was deleted")
            folder = path.rpartition("/")[0]
            if folder != self._root and mode_of(sftp, folder) is not None and not sftp.listdir(folder):
                with suppress(OSError):  # something came into it
                    sftp.rmdir(folder)

    def close(self) -> None:
        """Let go of the connection."""
        if self._ssh is not None:
            self._ssh.close()
        self._ssh = self._sftp = None

    @contextmanager
    def _session(self, doing: str) -> "Iterator[paramiko.SFTPClient]":
        """Yield the connection, a new one if there is none or it broke, and let go of one that breaks."""
        from cloak.upload.destinations import ssh  # noqa: PLC0415 -- of an extra

        if self._ssh is not None and not _lives(self._ssh):
            self.close()
        try:
            with ssh.translated(f"{doing} on {self._login.host}"):
                if self._sftp is None:
                    self._ssh = ssh.connect(self._login)
                    self._sftp = ssh.sftp(self._ssh)
                yield self._sftp
        except Exception as error:
            if self._sftp is None or ssh.broken(error):
                self.close()
            raise

    def _make(self, sftp: "paramiko.SFTPClient", folder: str, wish: Wish) -> None:
        """Make a folder and those that it is in, unless they are there."""
        mode = 0o755 if wish.audience is Audience.PUBLIC else 0o700
        if mode_of(sftp, folder) is not None:
            return  # those that it is in may not be for us to look at
        parts = folder.split("/")
        for each in ("/".join(parts[:end]) for end in range(1, len(parts) + 1)):
            if each and mode_of(sftp, each) is None:
                try:
                    sftp.mkdir(each, mode)
                except OSError:
                    if mode_of(sftp, each) is None:  # nobody was quicker
                        raise

    def _write(
        self,
        sftp: "paramiko.SFTPClient",
        path: str,
        data: bytes,
        wish: Wish,
        told: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Write a file, which has its mode before its first byte, and see that all of it arrived."""
        if mode_of(sftp, path) is not None:  # a cut left it; some servers let no file be written over
            sftp.remove(path)  # its name is random: nobody but this upload has such a file
        with sftp.open(path, "wb") as file:
            self._restrict(file, wish)
            file.set_pipelined(pipelined=True)
            for start in range(0, len(data), BLOCK):
                file.write(data[start : start + BLOCK])
                told(min(start + BLOCK, len(data)))
        size = sftp.lstat(path).st_size or 0
        if size != len(data):  # paramiko does not tell of the last writes that failed
            raise TransferError(
                f"{self._login.host} kept {size:,} of {len(data):,} bytes: its disk may be full, or the quota used up"
            )

    def _restrict(self, file: "paramiko.SFTPFile", wish: Wish) -> None:
        """Give a file its mode; a server that refuses that gets nothing that its own mode would show to others."""
        try:
            file.chmod(0o644 if wish.audience is Audience.PUBLIC else 0o600)
        except OSError as error:
            if lost(error):
                raise
            self._refuse_wider(audience_of(file.stat().st_mode), wish, "nothing was uploaded")

    def _take_back(self, path: str, error: CloakError) -> None:
        """Delete what was not placed as wished, or in part."""
        try:
            self.delete(self._handle(path))
        except CloakError as second:
            error.args = (f"{error}; {self._handle(path)} may still be there, whole or in part: {second}",)

    def _refuse_wider(self, audience: Audience, wish: Wish, done: str) -> None:
        if audience.wider_than(wish.audience):
            raise AudienceError(
                f"others on {self._login.host} may read what is put into {self._root}, which keeps no permissions: "
                f"{done}; choose another folder, or pass --public if they may"
            )

    def _refuse_missing_root(self, sftp: "paramiko.SFTPClient") -> None:
        """A disk that is not mounted has not deleted anything."""
        if mode_of(sftp, self._root) is None:
            raise TransferError(f"there is no folder {self._root} on {self._login.host}: is its disk connected there?")

    def _handle(self, path: str) -> str:
        return self._start + path.removeprefix(f"{self._root}/")

    def _path(self, handle: str) -> str:
        name = handle.removeprefix(self._start)
        if not handle.startswith(self._start) or not name or ".." in name.split("/"):
            raise TransferError(f"{handle!r} is not in {self._start}: set the destination to the folder that it is in")
        return f"{self._root}/{name}"


def _lives(client: "paramiko.SSHClient") -> bool:
    """Whether a connection is there, as far as is known here."""
    transport = client.get_transport()
    return transport is not None and bool(transport.is_active())
