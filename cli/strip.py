"""`cloak strip`: files and folders in, the same pictures out without what the files say."""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click

from cloak.errors import UsageError
from cloak.files import check_folder
from cloak.image.strip.base import Keep
from cloak.names import NamePolicy, shown
from cloak.sources import SUFFIXES, Ignored, find_photos, passed_over
from cloak.stripping import StripConfig, Stripped, containers, strip_photos
from cloak.targets import Job, plan, single

LIMIT = (
    "What is drawn in the pictures, and the noise of the sensor that took them, is still there: see THREAT_MODEL.md."
)
"""What goes wherever a file is called stripped."""


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to write to; for one photo also a file, told by its suffix.",
)
@click.option(
    "--lossless/--reencode",
    default=True,
    show_default=True,
    help="Copy the coded picture to the last bit, or decode it and encode it anew.",
)
@click.option(
    "--keep",
    multiple=True,
    type=click.Choice(("icc", "orientation", "all", "none")),
    default=("all",),
    show_default=True,
    help="What may stay beside the picture, freed of everything else; may be given twice.",
)
@click.option(
    "--names",
    type=click.Choice([policy.value for policy in NamePolicy]),
    default="keep",
    show_default=True,
    help="Keep file names and folders, or give random names in one folder.",
)
@click.option(
    "--mtime",
    type=click.Choice(("now", "keep")),
    default="now",
    show_default=True,
    help="When the new files were last changed: now, or when the old ones were.",
)
@click.option(
    "--jobs", type=click.IntRange(1), help="Photos that are worked on at the same time.  [default: cores + 2]"
)
@click.option("--overwrite", is_flag=True, help="Replace files that are already there.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
def strip(paths: tuple[Path, ...], output: Path, **options: Any) -> None:  # noqa: ANN401 -- checked by click
    """Strip what the files of PATHS say about you, and leave the pictures as they are.

    PATHS are photos and animations, folders of them, or patterns. Every written file is read again by a second reader,
    which refuses whatever is not picture; a photo that cannot be stripped is named with the reason, and not written.
    The originals stay as they are.

    Example: cloak strip holiday portrait.jpg -o clean
    """
    sys.exit(_run(paths, output, **options))


def _run(
    paths: Sequence[Path],
    output: Path,
    *,
    lossless: bool,
    keep: Sequence[str],
    names: str,
    mtime: str,
    jobs: int | None,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Strip photos, print what came of it, and return the exit code."""
    config = StripConfig(
        keep=_keep(keep, lossless=lossless),
        reencode=not lossless,
        keep_time=mtime == "keep",
        overwrite=overwrite,
        dry_run=dry_run,
        **({"workers": jobs} if jobs else {}),
    )
    todo, ignored = _jobs(paths, output, NamePolicy(names))
    if not dry_run:
        check_folder(todo[0].target.parent if _is_file(paths, output) else output)
    stopped = False
    with ExitStack() as stack:
        tally = stack.enter_context(_Tally(dry_run=dry_run, whole=as_json))
        advance = stack.enter_context(_progress(len(todo), quiet=quiet))
        try:
            for result in stack.enter_context(closing(strip_photos(todo, config))):
                tally.add(result)
                if not (result.error or quiet or as_json):
                    click.echo(_line(result, dry_run=dry_run))
                advance()
        except KeyboardInterrupt:
            stopped = True
        failures = tally.failures + [(shown(one.path), one.reason) for one in ignored if one.failed]
        for line in tally.notes() if not quiet else []:
            click.echo(f"note: {line}", err=True)
        for path, reason in failures:
            click.echo(f"failed: {path}: {reason}", err=True)
        if as_json:
            _print_document(tally, ignored, stopped=stopped)
        elif not quiet:
            for sentence in (_sentence(tally, len(failures), len(todo), stopped=stopped), *passed_over(ignored)):
                click.echo(sentence)
    return 1 if stopped else 3 if failures else 0


_FEW = 3
"""Photos that are named of which the same is to be said."""


class _Tally:
    """What is said at the end: of photos that went well a number, so that memory does not grow with how many there are.

    Args:
        dry_run: whether nothing is written.
        whole: keep all that is known of each photo, too, on the disk.
    """

    def __init__(self, *, dry_run: bool, whole: bool) -> None:
        self.dry_run = dry_run
        self.count = 0
        self.failures: list[tuple[str, str]] = []
        self._notes: dict[str, list[str]] = {}
        self._noted: Counter[str] = Counter()
        self._whole = tempfile.TemporaryFile("w+", encoding="ascii") if whole else None  # noqa: SIM115 -- in __exit__

    def __enter__(self) -> "_Tally":
        return self

    def __exit__(self, *_: object) -> None:
        if self._whole:
            self._whole.close()

    @property
    def done(self) -> int:
        """How many went well."""
        return self.count - len(self.failures)

    def add(self, result: Stripped) -> None:
        """Take note of a photo."""
        self.count += 1
        source = shown(result.job.source)
        for note in result.notes:
            self._noted[note] += 1
            if self._noted[note] <= _FEW:
                self._notes.setdefault(note, []).append(source)
        if result.error:
            self.failures.append((source, result.error))
        if self._whole:
            self._whole.write(json.dumps(_photo(result, dry_run=self.dry_run)) + "\n")

    def notes(self) -> Iterator[str]:
        """Yield what is to be said of photos: of each, or of many at once where it is the same."""
        for note, sources in self._notes.items():
            if self._noted[note] > _FEW:
                yield f"{self._noted[note]} photos, the first is {sources[0]}: {note}"
            else:
                yield from (f"{source}: {note}" for source in sources)

    def photos(self) -> Iterator[str]:
        """Yield all that is known of each photo, as JSON."""
        if self._whole:
            self._whole.seek(0)
            yield from (line.rstrip("\n") for line in self._whole)


def _keep(chosen: Sequence[str], *, lossless: bool) -> Keep:
    if len(set(chosen)) > 1 and {"all", "none"} & set(chosen):
        raise UsageError(f"--keep {' --keep '.join(chosen)} contradict each other: leave one out")
    if not lossless and "all" not in chosen:
        raise UsageError("--keep says what is copied, and --reencode copies nothing: leave one of them out")
    return Keep(orientation=bool({"all", "orientation"} & set(chosen)), profile=bool({"all", "icc"} & set(chosen)))


def _jobs(paths: Sequence[Path], output: Path, names: NamePolicy) -> tuple[Sequence[Job], Sequence[Ignored]]:
    found = find_photos(paths, output=output)
    if _is_file(paths, output):
        if names is not NamePolicy.KEEP:
            raise UsageError(f"{shown(output)} is a name, and --names {names} gives others: leave one of them out")
        return [single(found.sources[0].path, output)], found.ignored
    return plan(found.sources, output, names=names, container=containers(found.sources)), found.ignored


def _is_file(paths: Sequence[Path], output: Path) -> bool:
    """Whether the output is the name of one file: the input is one, and this has a photo's suffix or the same one."""
    if len(paths) != 1 or not paths[0].exists() or paths[0].is_dir() or output.is_dir():
        return False
    return output.suffix.lower() in SUFFIXES or (bool(output.suffix) and output.suffix == paths[0].suffix)


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """A bar, if there is somebody to look at it: loading it takes longer than many a run."""
    if quiet or not sys.stderr.isatty():
        with nullcontext():
            yield lambda: None
        return
    from cloak.cli.progress import progress  # noqa: PLC0415 -- see above

    with progress(total, label="Stripping") as advance:
        yield advance


def _line(result: Stripped, *, dry_run: bool) -> str:
    source, target = shown(result.job.source), shown(result.job.target)
    verb = "would strip" if dry_run else "stripped"
    removed = f"removed {', '.join(result.removed)}" if result.removed else "found nothing to remove"
    kept = f"; kept {', '.join(result.kept)}" if result.kept else ""
    return f"{verb}: {source} -> {target}: {removed}{kept}"


def _sentence(tally: _Tally, failed: int, total: int, *, stopped: bool) -> str:
    done = tally.done
    photos = f"{done} photo{'' if done == 1 else 's'}"
    counted = f"Nothing was written. {photos} would be stripped" if tally.dry_run else f"{photos} stripped"
    last = f" Stopped after {tally.count} of {total}; no file is half written." if stopped else ""
    return f"{counted}, {failed} failed.{last}" + (f" {LIMIT}" if done else "")


def _print_document(tally: _Tally, ignored: Sequence[Ignored], *, stopped: bool) -> None:
    """Print everything as JSON can hold it; paths may hold lone surrogates, which ASCII JSON escapes."""
    from importlib.metadata import version  # noqa: PLC0415 -- takes longer to load than many a run

    document = {
        "version": version("photo-cloak"),
        "dry_run": tally.dry_run,
        "stopped": stopped,
        "summary": {
            "stripped": tally.done,
            "failed": len(tally.failures) + sum(one.failed for one in ignored),
        },
        "photos": [],
        "ignored": [{"path": str(one.path), "reason": one.reason, "failed": one.failed} for one in ignored],
        "limits": LIMIT,
    }
    before, place, after = json.dumps(document, indent=2).partition('"photos": [')  # what is before has no names in it
    click.echo(before + place, nl=False)
    for number, photo in enumerate(tally.photos()):
        click.echo(("," if number else "") + "\n    " + photo, nl=False)
    click.echo(("\n  " if tally.count else "") + after)


def _photo(result: Stripped, *, dry_run: bool) -> dict[str, Any]:
    return {
        "source": str(result.job.source),
        "target": None if result.error else str(result.job.target),
        "status": "failed" if result.error else "would strip" if dry_run else "stripped",
        "reason": result.error,
        "removed": list(result.removed),
        "kept": list(result.kept),
        "notes": list(result.notes),
    }
