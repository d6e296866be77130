"""What `cloak protect` does where photos are at URLs, or many machines work on them."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from cloak.cli import run as plain
from cloak.cli.configured import configured
from cloak.cli.known import known
from cloak.cli.pausing import stopping
from cloak.cli.progress import progress
from cloak.config import ProtectConfig
from cloak.distributed import inline
from cloak.distributed.places import is_url
from cloak.distributed.planning import Work, prepare
from cloak.errors import MissingExtraError, UsageError
from cloak.files import check_folder
from cloak.outcome import Outcome
from cloak.references import References
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
    if not quiet and engine == "plain":
        plain.announce(config)
    person = known(config, me, quiet=quiet)
    summary = Summary(config, work.ignored, len(work.tasks), resumable=manifest)
    stop = threading.Event()
    done: dict[int, Outcome] = {}
    with ExitStack() as stack:
        advance = stack.enter_context(progress(len(work.tasks), quiet=quiet))
        stack.enter_context(stopping(stop))
        for index, outcome in _outcomes(work, person, engine=engine, address=address, manifest=manifest, stop=stop):
            done[index] = work.told(index, outcome)
            if verbose and not quiet:
                click.echo(plain.line(done[index]), err=as_json)
            advance()
    for index in sorted(done):
        summary.add(done[index])
    summary.stopped = stop.is_set() and len(done) < len(work.tasks)
    plain.show(summary, as_json=as_json, quiet=quiet)
    return 1 if summary.stopped else 3 if summary.failures else 0


def _outcomes(
    work: Work,
    person: References | None,
    *,
    engine: str,
    address: str | None,
    manifest: bool,
    stop: threading.Event,
) -> Iterator[tuple[int, Outcome]]:
    if not work.tasks:
        return iter(())
    if engine == "plain":
        return inline.protect(work, references=person, manifest=manifest, stop=stop)
    try:
        from cloak.distributed import engine as cluster  # noqa: PLC0415 -- Ray, which is an extra
    except ImportError as error:
        raise MissingExtraError("albums on many machines", "ray") from error
    return cluster.protect(work, references=person, manifest=manifest, address=address, stop=stop)


def _check(places: Sequence[str], config: ProtectConfig, *, engine: str, address: str | None) -> None:
    if address and engine != "ray":
        raise UsageError("--address is that of a Ray cluster: add --engine ray")
    if config.report:
        raise UsageError("--report needs the pixels of all photos in one place: leave it out, or use local folders")
    if engine == "ray" and any(place.startswith("memory://") for place in places):
        raise UsageError("memory:// is the memory of one process, and Ray has many: leave out --engine ray")
