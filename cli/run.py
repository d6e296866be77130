"""What `cloak protect` does, from its options to its exit code."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click

from cloak.album import Album
from cloak.cli.configured import configured
from cloak.cli.known import known
from cloak.cli.telling import Telling
from cloak.cloaker import Cloaker
from cloak.config import (
    FacePolicy,
    ProtectConfig,
    ProtectPolicy,
)
from cloak.errors import UsageError
from cloak.files import check_folder
from cloak.manifest import NAME as MANIFEST
from cloak.models import WITNESS, artifact, cache, surrogates
from cloak.models.registry import DETECTOR
from cloak.names import shown
from cloak.pipeline import protect
from cloak.references import RECOGNISER
from cloak.report import Report
from cloak.sources import find_photos
from cloak.summary import Summary
from cloak.targets import Job, plan


def run(
    paths: Sequence[Path],
    output: Path,
    *,
    me: Path | None,
    manifest: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **options: Any,  # noqa: ANN401
) -> int:
    """Protect photos, print what came of it, and return the exit code.

    Args:
        paths: files, folders and patterns.
        output: folder to write to.
        me: folder with photos of the person whom `--protect` is about; what was learned from it before, if None.
        manifest: keep one in the output folder.
        as_json: one JSON document on stdout in place of sentences.
        quiet: failures only.
        verbose: a line for each photo.
        options: the others of the command line, by their names there.

    Raises:
        CloakError: nothing can be done at all, or no more.
    """
    config = configured(**options)
    found = find_photos(paths, output=output)
    jobs = plan(found.sources, output, names=config.names, container=config.container)
    _check(jobs, output, config, manifest=manifest)
    if not quiet:
        announce(config)
    person = known(config, me, quiet=quiet)
    cloaker = Cloaker(config, person)
    telling = Telling(
        config, found.ignored, len(jobs), resumable=manifest, as_json=as_json, quiet=quiet, verbose=verbose
    )
    with ExitStack() as stack:
        sink = stack.enter_context(Album(output, config, person)) if manifest else None
        if sink and config.report and not (config.overwrite or sink.owns(config.report)):
            _refuse_existing(config.report)
        stack.enter_context(telling)
        for outcome in protect(jobs, config, cloaker=cloaker, sink=sink, stop=telling.stop):
            telling.tell(outcome)
        telling.write(partial(_write, sink))
    return telling.end()


def _write(album: Album | None, report: Report, path: Path, summary: Summary) -> None:
    """Write the report and remember that it is ours."""
    report.write(path, summary, overwrite=album is not None and album.owns(path))
    if album:
        album.own(path)


def _check(jobs: Sequence[Job], output: Path, config: ProtectConfig, *, manifest: bool) -> None:
    """Refuse before the work what would fail after it."""
    report = config.report
    if report and config.dry_run:
        raise UsageError("--report shows what was written, and --dry-run writes nothing: leave one of them out")
    path = report and os.path.abspath(report)  # noqa: PTH100 -- `..` goes, and links are not followed
    if report and any(path in (os.path.abspath(job.source), os.path.abspath(job.target)) for job in jobs):  # noqa: PTH100
        raise UsageError(f"{shown(report)} is one of the photos: give the report another name")
    known = manifest and (output / MANIFEST).exists()  # then it may be ours, which is for the manifest to say
    if report and (report.is_dir() or not (config.overwrite or known)):
        _refuse_existing(report)
    if not config.dry_run:
        check_folder(output)
        if report:
            check_folder(report.parent)


def _refuse_existing(report: Path) -> None:
    if report.exists():
        raise UsageError(f"{shown(report)} already exists: name another file, or pass --overwrite to replace a file")


def announce(config: ProtectConfig) -> None:
    """Say so before the first run downloads networks: it takes a while, and happens once."""
    if config.faces is FacePolicy.NONE:
        return
    people = [] if config.protect is ProtectPolicy.ALL else [RECOGNISER]
    needed = [DETECTOR, *people] if config.dry_run else [DETECTOR, *surrogates(config.weights), WITNESS]
    missing = [name for name in needed if not cache.path(artifact(name)).exists()]
    if missing:
        click.echo(f"Fetching once, if there are faces: {', '.join(missing)} (see `cloak models list`)", err=True)
