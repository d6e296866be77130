"""What is done in an output that is named by its URL: one small file for each photo, in a hidden folder there.

A SQLite file cannot be in a bucket. Records say what `cloak.manifest` says of a photo, by the same rules, and are
written *before* the photo: what is there says whether it was written. Each photo has its own, so that any number of
machines work side by side without a lock; two runs at the same time may do the same photo twice, and one of the two
files is there, whole.
"""

import hashlib
import json
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cloak.album import settings
from cloak.config import ProtectConfig
from cloak.distributed.places import HIDDEN, Mark, Place
from cloak.errors import OutputError, WriteError
from cloak.names import NamePolicy, shown
from cloak.outcome import Outcome, Status
from cloak.references import References
from cloak.sinks import Sink
from cloak.targets import Job

VERSION = 1
ALBUM = f"{HIDDEN}/album.json"
"""Version and key of the records; an output without it is no album."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of one written file; `cloak.manifest.Entry` says what its fields mean.

    Attributes:
        target: its path below the output.
        content: what was written, or was about to be.
        earlier: what that replaces.
    """

    target: str
    status: str
    source: str = ""
    settings: str = ""
    content: Mark | None = None
    earlier: Mark | None = None
    faces: int = 0
    matched: int = 0
    day: str = ""

    @classmethod
    def read(cls, data: bytes) -> "Record":
        """Read a record.

        Raises:
            ValueError: it is none, or names a file that is not below the output; no run of ours wrote that.
        """
        try:
            told = dict(json.loads(data))
            marks = {name: Mark(**told[name]) if told.get(name) else None for name in ("content", "earlier")}
            record = cls(**{**told, **marks})
            parts = record.target.split("/")
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(str(error)) from error
        if not record.target or record.target.startswith("/") or ".." in parts:
            raise ValueError("it names a file outside of the output")
        return record

    def written(self) -> bytes:
        """Return it as bytes."""
        return json.dumps(asdict(self), indent=1).encode()


def keyed(data: bytes, salt: bytes) -> str:
    """Return the keyed hash of some content, 64 hexadecimal digits."""
    return hashlib.blake2b(data, key=salt, digest_size=32).hexdigest()


def record_name(target: str, salt: bytes) -> str:
    """Return where the record of a written file is, which tells nothing without the key.

    Args:
        target: path of the file below the output, with slashes.
        salt: what `open_album` returned.
    """
    name = keyed(b"record" + target.encode("utf-8", "surrogateescape"), salt)
    return f"{HIDDEN}/{name[:2]}/{name[:32]}.json"


def open_album(place: Place, *, create: bool) -> bytes:
    """Return the key that hashes of an output are made with, b"" where there is none and none is made.

    Args:
        place: the output.
        create: make a key where there is none; without, nothing is written.

    Raises:
        OutputError: the output cannot be used.
    """
    try:
        data = place.find(ALBUM)
        if data is None and create:
            place.write(ALBUM, json.dumps({"version": VERSION, "salt": secrets.token_hex(32)}).encode())
            data = place.find(ALBUM)  # another run may have been later than we: what is there counts
    except WriteError as error:
        use = "written to" if create else "read"
        raise OutputError(f"{shown(place.url)} cannot be {use}: {error}") from error
    if data is None:
        return b""
    try:
        told = json.loads(data)
        version, salt = int(told["version"]), bytes.fromhex(told["salt"])
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{shown(place.url)}/{ALBUM} is damaged: move {HIDDEN} away, and pass --overwrite to do all again"
        ) from error
    if version > VERSION:
        raise OutputError(f"{shown(place.url)} was made by a newer version of cloak: update this one")
    return salt


class Objects(Sink):
    """Writes photos below an URL, without records: every run is the first.

    Args:
        place: where to.
        overwrite: replace what is there.
    """

    def __init__(self, place: Place, *, overwrite: bool) -> None:
        self._place, self._overwrite = place, overwrite

    def refuse(self, job: Job) -> None:
        """Refuse a target that is there already."""
        name = job.target.as_posix()
        if not self._overwrite and self._place.look(name):
            raise WriteError(f"{shown(name)} already exists: pass --overwrite to replace it")

    def take(self, job: Job, data: bytes, outcome: Outcome) -> None:  # noqa: ARG002
        """Write the file."""
        self._place.write(job.target.as_posix(), data)


class Records(Sink):
    """Writes photos below an URL, and those alone that are not there yet.

    Args:
        place: where to.
        salt: what `open_album` returned.
        config: all settings.
        references: the person whom `config.protect` is about.
    """

    def __init__(self, place: Place, salt: bytes, config: ProtectConfig, references: References | None) -> None:
        self._place, self._salt, self._config = place, salt, config
        self._settings = self._keyed(settings(config, references))
        self._admitted: dict[Path, tuple[str, Record | None]] = {}

    def admit(self, job: Job, original: bytes) -> Job | Outcome:
        """Look at what is known of the photo, and at what is there."""
        if not self._salt:  # a dry run into nothing
            return job
        source = self._keyed(original)
        if self._config.names is NamePolicy.RANDOM:
            # What an original has been called before is not to be found by its content; so its name is made of that.
            name = self._keyed(b"name" + bytes.fromhex(source))[:16]
            job = replace(job, target=job.target.with_name(name + job.target.suffix))
        name, record = job.target.as_posix(), self._record(job)
        if record and self._is_done(name, record, source):
            return Outcome(source=job.source, target=job.target, status=Status.ALREADY_DONE)
        self._earlier(name, record)
        self._admitted[job.target] = (source, record)
        return job

    def take(self, job: Job, data: bytes, outcome: Outcome) -> None:
        """Write the record, then the file."""
        source, record = self._admitted.pop(job.target)
        name = job.target.as_posix()
        made = Record(
            target=name,
            status=str(outcome.status),
            source=source,
            settings=self._settings,
            content=Mark.of(data, self._salt),
            earlier=self._earlier(name, record),
            faces=outcome.found + outcome.blurred,
            matched=sum(face.witness.matched for face in outcome.faces),
            day=today(),
        )
        self._place.write(self._of(job), made.written())
        self._place.write(name, data, salt=self._salt)

    def failed(self, job: Job, outcome: Outcome) -> None:  # noqa: ARG002 -- the reason may name a path
        """Record that a photo failed; what an earlier run made of it stays, and stays known."""
        if not self._salt or self._config.dry_run:
            return
        with suppress(WriteError):  # that may be why it failed
            source, record = self._admitted.pop(job.target, ("", None))
            record = record or self._record(job)
            if record:
                record = replace(record, status=str(Status.FAILED), day=today())
            elif not self._place.look(job.target.as_posix()) and (source or self._config.names is NamePolicy.KEEP):
                target = job.target.as_posix()
                record = Record(target=target, status=str(Status.FAILED), source=source, day=today())
            if record:
                self._place.write(self._of(job), record.written())

    def _is_done(self, name: str, record: Record, source: str) -> bool:
        return (
            record.status != Status.FAILED
            and (record.source, record.settings) == (source, self._settings)
            and self._place.is_still(name, record.content, self._salt)
        )

    def _earlier(self, name: str, record: Record | None) -> Mark | None:
        """Return what of ours is there; refuse what is not known to be, or was changed since it was written."""
        if self._place.look(name) is None:
            return None
        for mark in (record.content, record.earlier) if record else ():
            if mark and self._place.is_still(name, mark, self._salt):
                return mark
        if self._config.overwrite:
            return None
        raise WriteError(f"{shown(name)} already exists, and is not as cloak wrote it: pass --overwrite to replace it")

    def _record(self, job: Job) -> Record | None:
        data = self._place.find(self._of(job))
        try:
            return None if data is None else Record.read(data)
        except ValueError as error:
            if self._config.overwrite:
                return None
            raise WriteError(f"its record {self._of(job)} is damaged: pass --overwrite to do it again") from error

    def _of(self, job: Job) -> str:
        return record_name(job.target.as_posix(), self._salt)

    def _keyed(self, data: bytes) -> str:
        return keyed(data, self._salt)


def today() -> str:
    """Return the day, in UTC: "2026-11-26"."""
    return datetime.now(tz=UTC).date().isoformat()
