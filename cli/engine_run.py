"""What the commands of `cloak engine` do, from their options to their exit codes."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click

from cloak.cli import engine_show
from cloak.cli.progress import progress
from cloak.config import Strength
from cloak.device import pick_device
from cloak.errors import UsageError
from cloak.evaluation.engine.answer import ask
from cloak.evaluation.engine.index import Index, Indexed, Taken
from cloak.evaluation.engine.profiles import published
from cloak.evaluation.engine.search_page import write_search
from cloak.evaluation.engine.simulate import SimulationConfig, simulate
from cloak.evaluation.engine.story_page import write_story
from cloak.evaluation.engine.telling import document
from cloak.files import check_folder
from cloak.models import Profile
from cloak.names import shown


def run_index(
    profiles: Sequence[Path], db: Path, *, recogniser: str | None, finder: str | None, device: str, as_json: bool
) -> int:
    """Index profiles, print what came of it, and return the exit code.

    Raises:
        CloakError: nothing can be done at all, or no more.
    """
    photos, ignored = published(profiles)
    check_folder(db.parent)
    results: list[Indexed] = []
    stopped = False
    with Index.open(db, recogniser=recogniser, finder=finder, create=True, device=pick_device(device)) as index:
        with progress(len(photos), label="Indexing") as advance:
            try:
                for one in index.add(photos):
                    results.append(one)
                    advance()
            except KeyboardInterrupt:
                stopped = True
        if not stopped:
            index.gallery.finish()
        faces, recogniser = len(index.gallery), index.eyes.victim.name
    failed = [(one.photo.link, one.reason) for one in results if one.taken is Taken.FAILED]
    failed += [(shown(one.path), one.reason) for one in ignored if one.failed]
    told = engine_show.indexed(results, failed, faces=faces, total=len(photos), stopped=stopped)
    engine_show.failures(failed)
    if as_json:
        click.echo(json.dumps({**told, "db": shown(db), "recogniser": recogniser}, indent=2))
    else:
        engine_show.indexed_in_words(told, db)
    return 1 if stopped else 3 if failed else 0


def run_search(
    photo: Path,
    db: Path,
    *,
    top: int,
    face: int,
    recogniser: str | None,
    distractors: int,
    seed: int,
    device: str,
    report: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Search with a photo and print what was found.

    Raises:
        CloakError: nothing can be done at all, or no more.
    """
    _check(report, overwrite=overwrite, others=[photo, db])
    with Index.open(db, recogniser=recogniser, device=pick_device(device)) as index:
        answer = ask(index, photo, top=top, number=face, distractors=distractors, seed=seed)
    if report:
        write_search(report, answer, overwrite=overwrite)
    if as_json:
        click.echo(json.dumps(answer.document(), indent=2))
    else:
        engine_show.answer(answer)


def run_simulate(
    profiles: Path,
    *,
    strength: str,
    weights: str,
    report: Path | None,
    overwrite: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> int:
    """Run a simulation, print what came of it, and return the exit code.

    Raises:
        CloakError: nothing can be done at all, or no more.
    """
    config = SimulationConfig(profiles=profiles, strength=Strength(strength), weights=Profile(weights), **options)
    if report and report.absolute() == profiles.absolute():
        raise UsageError(f"{shown(report)} is the folder of profiles: give the report another name")
    _check(report, overwrite=overwrite)
    try:
        story = simulate(config, _shown)
    except KeyboardInterrupt:
        again = f"run it again with --work {shown(config.work)} to go on" if config.work else "--work would keep it"
        click.echo(f"Stopped: {again}.", err=True)
        return 1
    if report:
        write_story(report, story, overwrite=overwrite)
    engine_show.failures(story.failed)
    if as_json:
        click.echo(json.dumps(document(story), indent=2))
    else:
        engine_show.story(story)
    return 3 if story.failed else 0


def _shown(label: str, total: int) -> AbstractContextManager[Callable[[], None]]:
    return progress(total, label=label)


def _check(report: Path | None, *, overwrite: bool, others: Sequence[Path] = ()) -> None:
    """Refuse before the work what would fail after it."""
    if report is None:
        return
    if any(report.absolute() == other.absolute() for other in others):
        raise UsageError(f"{shown(report)} is read: give the report another name")
    if report.exists() and (report.is_dir() or not overwrite):
        raise UsageError(f"{shown(report)} already exists: name another file, or pass --overwrite to replace a file")
    check_folder(report.parent)
