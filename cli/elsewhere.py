"""What `cloak protect` does where photos are at URLs, or many machines work on them."""

import os
import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

from cloak.cli.configured import configured
from cloak.cli.known import known
from cloak.cli.run import announce
from cloak.cli.telling import Telling
from cloak.config import ProtectConfig
from cloak.distributed import inline
from cloak.distributed.pages import keeping
from cloak.distributed.places import is_url
from cloak.distributed.planning import Show, Work, prepare
from cloak.errors import MissingExtraError, OutputError, UsageError, WriteError
from cloak.files import check_folder
from cloak.names import shown
from cloak.outcome import Outcome
from cloak.references import References
from cloak.report import Report
from cloak.summary import Summary


def run(
    paths: Sequence[str],
    output: str,
    *,
    engine: str,
    address: str | None,
    me: Path | None,
    manifest: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **options: Any,  # noqa: ANN401
) -> int:
    """Protect photos, print what came of it, and return the exit code; arguments are those of `cloak.cli.run.run`.

    Args:
        paths: files, folders, patterns and URLs.
        output: folder or URL to write to.
        engine: "plain" or "ray".
        address: of a Ray cluster.
        me: see there, as are the others.
        manifest: see there.
        as_json: see there.
        quiet: see there.
        verbose: see there.
        options: see there.

    Raises:
        CloakError: nothing can be done at all, or no more.
    """
    config = configured(**options)
    _check([*paths, output], config, engine=engine, address=address)
    work = prepare(paths, output, config)
    if not is_url(output) and not config.dry_run:
        check_folder(Path(output))
    if config.report:
        _check_report(config.report, work, manifest=manifest)
    if not quiet and engine == "plain":
        announce(config)
    person = known(config, me, quiet=quiet)
    telling = Telling(
        config, work.ignored, len(work.tasks), resumable=manifest, as_json=as_json, quiet=quiet, verbose=verbose
    )
    pictures: dict[int, str] = {}  # of one photo at a time
    show = pictures.__setitem__ if config.report else None
    with telling:
        found = _outcomes(work, person, engine=engine, address=address, manifest=manifest, stop=telling.stop, show=show)
        # Closed before anything else is: whatever ends the loop, nothing is written afterwards.
        with closing(found):
            for index, outcome in found:
                telling.tell(work.told(index, outcome), place=index, pictures=pictures.pop(index, ""))
        telling.write(partial(_write, output, manifest=manifest))
    return telling.end()


def _outcomes(
    work: Work,
    person: References | None,
    *,
    engine: str,
    address: str | None,
    manifest: bool,
    stop: threading.Event,
    show: Show | None,
) -> Generator[tuple[int, Outcome], None, None]:
    if not work.tasks:
        return
    if engine == "plain":
        yield from inline.protect(work, references=person, manifest=manifest, stop=stop, show=show)
        return
    try:
        from cloak.distributed import engine as cluster  # noqa: PLC0415 -- Ray, which is an extra
    except ImportError as error:
        raise MissingExtraError("albums on many machines", "ray") from error
    yield from cluster.protect(work, references=person, manifest=manifest, address=address, stop=stop, show=show)


def _check(places: Sequence[str], config: ProtectConfig, *, engine: str, address: str | None) -> None:
    if address and engine != "ray":
        raise UsageError("--address is that of a Ray cluster: add --engine ray")
    if config.report and config.dry_run:
        raise UsageError("--report shows what was written, and --dry-run writes nothing: leave one of them out")
    if engine == "ray" and any(place.startswith("memory://") for place in places):
        raise UsageError("memory:// is the memory of one process, and Ray has many: leave out --engine ray")


def _check_report(report: Path, work: Work, *, manifest: bool) -> None:
    """Refuse before the work what would fail after it."""
    path = os.path.abspath(report)  # noqa: PTH100 -- resolve() would follow links
    output = None if is_url(work.output) else os.path.abspath(work.output)  # noqa: PTH100
    for task in work.tasks:
        if path == (not task.root and task.name) or (output and path == os.path.join(output, task.target)):  # noqa: PTH118
            raise UsageError(f"{shown(report)} is one of the photos: give the report another name")
    check_folder(report.parent)
    if not report.is_dir():
        if work.config.overwrite or not os.path.lexists(report):
            return
        with keeping(work.output, work.config, manifest=manifest) as owner:
            if owner and owner.owns(report):
                return
    raise UsageError(f"{shown(report)} already exists: name another file, or pass --overwrite to replace a file")


def _write(output: str, report: Report, path: Path, summary: Summary, *, manifest: bool) -> None:
    """Write the report and remember that it is ours."""
    with ExitStack() as stack:
        owner, owns = None, False
        # Another run may be at work by now, or the bucket out of reach: that is no reason to lose the report.
        with suppress(OutputError, WriteError):
            owner = stack.enter_context(keeping(output, summary.config, manifest=manifest))
            owns = owner is not None and owner.owns(path)
        report.write(path, summary, overwrite=owns)
        if owner:
            owner.own(path)
