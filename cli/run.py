"""What `cloak protect` does, from its options to its exit code."""

import json
import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from cloak.album import Album
from cloak.cli.configured import configured
from cloak.cli.known import known
from cloak.cli.pausing import stopping
from cloak.cli.progress import progress
from cloak.cloaker import Cloaker
from cloak.config import (
    FacePolicy,
    ProtectConfig,
    ProtectPolicy,
)
from cloak.errors import UsageError, WriteError
from cloak.files import check_folder
from cloak.manifest import NAME as MANIFEST
from cloak.models import WITNESS, artifact, cache, surrogates
from cloak.models.registry import DETECTOR
from cloak.names import shown
from cloak.outcome import Outcome, Status
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
    summary = Summary(config, found.ignored, len(jobs), resumable=manifest)
    stop = threading.Event()
    with ExitStack() as stack:
        sink = stack.enter_context(Album(output, config, person)) if manifest else None
        if sink and config.report and not (config.overwrite or sink.owns(config.report)):
            _refuse_existing(config.report)
        report = stack.enter_context(Report()) if config.report else None
        advance = stack.enter_context(progress(len(jobs), quiet=quiet))
        stack.enter_context(stopping(stop))
        for outcome in protect(jobs, config, cloaker=cloaker, sink=sink, stop=stop):
            summary.add(outcome)
            if report:
                report.add(outcome)
            if verbose and not quiet:
                click.echo(line(outcome), err=as_json)
            advance()
        summary.stopped = stop.is_set() and len(summary.outcomes) < len(jobs)
        unwritten = _write(report, config.report, summary, sink) if report and config.report else None
    show(summary, as_json=as_json, quiet=quiet)
    if unwritten:
        raise unwritten
    return 1 if summary.stopped else 3 if summary.failures else 0


def _write(report: Report, path: Path, summary: Summary, album: Album | None) -> WriteError | None:
    """Write the report and remember that it is ours; return what went wrong: the photos have to be told of first."""
    try:
        report.write(path, summary, overwrite=album is not None and album.owns(path))
    except WriteError as error:
        return error
    if album:
        album.own(path)
    return None


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


def line(outcome: Outcome) -> str:
    """Return one line about a photo."""
    if outcome.target is None:
        return f"{outcome.status}: {shown(outcome.source)}: {outcome.reason}"
    if outcome.status is Status.ALREADY_DONE:
        return f"{outcome.status}: {shown(outcome.source)} -> {shown(outcome.target)}"
    parts = [f"{outcome.found} face{'' if outcome.found == 1 else 's'}"]
    if outcome.blurred:
        parts.append(f"{outcome.blurred} blurred")
    if outcome.faces:
        matched = sum(face.witness.matched for face in outcome.faces)
        parts.append(f"a recogniser still matches {matched} of {len(outcome.faces)} with the original")
    parts += [f"one more left uncloaked: {reason}" for reason in outcome.left]
    if outcome.removed:
        parts.append(f"removed {', '.join(outcome.removed)}")
    return f"{outcome.status}: {shown(outcome.source)} -> {shown(outcome.target)}: {'; '.join(parts)}"


def show(summary: Summary, *, as_json: bool, quiet: bool) -> None:
    """Print what a run came to."""
    for path, reason in summary.failures:
        click.echo(f"failed: {path}: {reason}", err=True)
    if as_json:
        click.echo(json.dumps(summary.document(), indent=2))
    elif not quiet:
        for sentence in summary.sentences():
            click.echo(sentence)
