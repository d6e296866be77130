"""Many photos in one output folder: what is done stays done, what is missing or changed is done again.

`Album` is a sink of `cloak.pipeline.protect` that asks the manifest before, and tells it after, each photo. `look` says
how the folder stands.
"""

import hashlib
import os
import threading
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any

from cloak import files
from cloak.config import FacePolicy, ProtectConfig, ProtectPolicy
from cloak.errors import WriteError
from cloak.manifest import NAME, OURS, Entry, Manifest, locked
from cloak.models import artifact, surrogates
from cloak.models.registry import DETECTOR
from cloak.names import NamePolicy, shown
from cloak.outcome import Outcome, Status
from cloak.references import RECOGNISER, References
from cloak.sinks import Sink
from cloak.targets import Job

REVISION = 5
"""Part of what decides whether a photo is to be done again: raise it when cloaks or files come out otherwise."""


PAGE = "page"
"""The status of what is not a photo: the report."""

OUTSIDE = ".cloak-page-"
"""What a report that is outside of the folder goes by, followed by a keyed hash of where it is."""


class Album(Sink):
    """Writes photos into one folder, and those alone that are not there yet.

    A written file is the album's own as long as its content is what was written: it may be replaced when its original
    or the settings change. Any other file in the way needs `config.overwrite`.

    Use it as a context manager: while it is open, no other run can work in the folder.

    Args:
        folder: the output folder, which exists.
        config: all settings.
        references: the person whom `config.protect` is about.

    Raises:
        OutputError: on entering: another run is at work there, or the manifest cannot be used.
    """

    def __init__(self, folder: Path, config: ProtectConfig, references: References | None = None) -> None:
        self._folder = folder
        self._config = config
        self._references = references
        self._admitted: dict[Path, _Admitted] = {}
        self._claimed: set[bytes] = set()
        self._mutex = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> "Album":
        with ExitStack() as stack:
            if self._config.dry_run and not (self._folder / NAME).exists():
                self._manifest: Manifest | None = None
            else:
                if not self._config.dry_run:
                    stack.enter_context(locked(self._folder))
                self._manifest = Manifest(self._folder, create=not self._config.dry_run)
                stack.callback(self._manifest.close)
                self._settings = self._manifest.digest(settings(self._config, self._references))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def refuse(self, job: Job) -> None:
        """Refuse a target that is there and that no run of ours wrote."""
        if self._manifest is None or not self._manifest.find(self._relative(job)):
            files.refuse_existing(job.target, overwrite=self._config.overwrite)

    def admit(self, job: Job, original: bytes) -> Job | Outcome:
        """Look the original up in the manifest."""
        if self._manifest is None:
            return job
        source = self._manifest.digest(original)
        entry = self._entry(job, source)
        if entry:
            job = replace(job, target=self._folder / entry.path)
        if entry and self._is_done(entry, source):
            return Outcome(source=job.source, target=job.target, status=Status.ALREADY_DONE)
        self._refuse_foreign(job, entry)
        self._admitted[job.target] = _Admitted(source, entry)
        return job

    def take(self, job: Job, data: bytes, outcome: Outcome) -> None:
        """Enter the file into the manifest, then write it."""
        if self._manifest is None:
            return
        admitted = self._admitted[job.target]
        self._refuse_foreign(job, admitted.entry)
        replacing = os.path.lexists(job.target)
        self._manifest.put(
            Entry(
                target=os.fsencode(self._relative(job)),
                status=str(outcome.status),
                source=admitted.source,
                settings=self._settings,
                content=self._manifest.digest(data),
                earlier=self._manifest.digest_file(job.target) or b"",
                faces=outcome.found + outcome.blurred,
                matched=sum(face.witness.matched for face in outcome.faces),
                day=_today(),
            )
        )
        files.write(job.target, data, overwrite=self._config.overwrite or replacing)
        del self._admitted[job.target]  # after a failure, `failed` wants it

    def failed(self, job: Job, outcome: Outcome) -> None:  # noqa: ARG002 -- the reason may name a path
        """Enter that a photo failed; what an earlier run made of it stays, and stays known."""
        if self._manifest is None or self._config.dry_run:
            return
        admitted = self._admitted.pop(job.target, None)
        entry = admitted.entry if admitted else self._manifest.find(self._relative(job))
        if entry and admitted:
            self._note(replace(entry, status=str(Status.FAILED), day=_today()))
        elif not entry and (admitted or self._config.names is NamePolicy.KEEP) and not os.path.lexists(job.target):
            source = admitted.source if admitted else b""
            target = os.fsencode(self._relative(job))
            self._note(Entry(target=target, status=str(Status.FAILED), source=source, day=_today()))

    def owns(self, path: Path) -> bool:
        """Say whether a file that is no photo, the report, is as a run wrote it; true where there is none."""
        if not os.path.lexists(path):
            return True
        if self._manifest is None:
            return False
        entry = self._manifest.find(self._page(path, self._manifest))
        return bool(entry and entry.status == PAGE and entry.content == self._manifest.digest_file(path))

    def own(self, path: Path) -> None:
        """Remember a file that is not a photo, so that the next run may replace it."""
        if self._manifest:
            content = self._manifest.digest_file(path) or b""
            target = os.fsencode(self._page(path, self._manifest))
            self._note(Entry(target=target, status=PAGE, content=content, day=_today()))

    def _page(self, path: Path, manifest: Manifest) -> PurePath:
        """Return what a page goes by in the manifest, which names nothing outside of the folder: a keyed hash there."""
        below = _below(path, self._folder)
        if ".." not in below.parts and not below.is_absolute():
            return below
        return PurePath(OUTSIDE + manifest.digest(os.fsencode(os.path.realpath(path))).hex())

    def _note(self, entry: Entry) -> None:
        with suppress(WriteError):  # there may be no room for it, which is why the photo failed
            if self._manifest:
                self._manifest.put(entry)

    def _entry(self, job: Job, source: bytes) -> Entry | None:
        """Return what is known of a photo: by its place, or by its content where names are random."""
        if self._manifest is None:
            return None
        if self._config.names is NamePolicy.KEEP:
            return self._manifest.find(self._relative(job))
        with self._mutex:  # two copies of one original have two files
            known = (entry for entry in self._manifest.of_source(source) if entry.target not in self._claimed)
            entry = next((entry for entry in known if entry.path.suffix == job.target.suffix), None)
            self._claimed.add(entry.target if entry else os.fsencode(self._relative(job)))
            return entry

    def _is_done(self, entry: Entry, source: bytes) -> bool:
        return (
            entry.status != Status.FAILED
            and (entry.source, entry.settings) == (source, self._settings)
            and self._manifest is not None
            and self._manifest.digest_file(self._folder / entry.path) == entry.content
        )

    def _refuse_foreign(self, job: Job, entry: Entry | None) -> None:
        """Refuse to replace what is not known to be ours, or was changed since it was written."""
        if self._config.overwrite or self._manifest is None or not os.path.lexists(job.target):
            return
        ours = {entry.content, entry.earlier} - {b""} if entry else set()
        if self._manifest.digest_file(job.target) not in ours:
            raise WriteError(
                f"{shown(job.target)} already exists, and is not as cloak wrote it: pass --overwrite to replace it"
            )

    def _relative(self, job: Job) -> PurePath:
        return job.target.relative_to(self._folder)


@dataclass(frozen=True, slots=True)
class _Admitted:
    """The hash of an original, and what an earlier run made of it."""

    source: bytes
    entry: Entry | None


def settings(config: ProtectConfig, references: References | None = None) -> bytes:
    """Return all that decides what is written, as bytes that are the same in every run.

    The device and the size of batches are left out: with others, a cloak is another one, and as good.
    """
    told: dict[str, Any] = {
        "version": version("photo-cloak"),
        "revision": REVISION,
        "faces": config.faces,
        "no_face": config.no_face,
        "container": config.container,
    }
    if config.faces is not FacePolicy.NONE:
        networks = [DETECTOR, *surrogates(config.weights)]
        told |= {
            "attack": sorted(asdict(config.attack).items()),
            "networks": [(name, artifact(name).sha256, artifact(name).revision) for name in networks],
            "protect": config.protect,
            "bystanders": config.bystanders,
        }
    if config.protect is not ProtectPolicy.ALL and references is not None:
        told["person"] = (RECOGNISER, hashlib.sha256(references.embeddings.tobytes()).hexdigest())
    return repr(sorted(told.items())).encode()


@dataclass(slots=True)
class Standing:
    """How an output folder stands, each file by its path below it.

    Attributes:
        done: written, and as they were written.
        failed: the last run could not do them.
        missing: done once, or begun, and not there.
        changed: there, and not as they were written.
        foreign: files that no run wrote.
    """

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def look(folder: Path) -> Standing:
    """Compare a folder with its manifest; reads every photo in it.

    Raises:
        OutputError: there is no manifest, or it cannot be used.
    """
    manifest = Manifest(folder, create=False)
    standing = Standing()
    try:
        entries = manifest.entries()
        for entry in (entry for entry in entries if entry.status != PAGE):
            _place(entry, manifest, standing).append(shown(entry.path))
    finally:
        manifest.close()
    known = {entry.path for entry in entries}
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        if not path.is_dir() and below not in known and path.name not in OURS:
            standing.foreign.append(shown(below))
    return standing


def _below(path: Path, folder: Path) -> PurePath:
    return PurePath(os.path.relpath(path, folder))


def _place(entry: Entry, manifest: Manifest, standing: Standing) -> list[str]:
    content = manifest.digest_file(manifest.folder / entry.path)
    if entry.status == Status.FAILED:
        return standing.failed
    if content == entry.content:  # first: what it replaced may have been the same
        return standing.done
    return standing.missing if content in (None, entry.earlier) else standing.changed


def _today() -> str:
    return datetime.now(tz=UTC).date().isoformat()
