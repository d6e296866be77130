"""What `cloak engine` prints: coloured on a terminal, plain where it is piped."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cloak.evaluation.engine.answer import Answer
from cloak.evaluation.engine.gallery import Hit
from cloak.evaluation.engine.index import Indexed, Taken
from cloak.evaluation.engine.profiles import title_of
from cloak.evaluation.engine.story import Story
from cloak.evaluation.engine.telling import ASKED, FACTS, LIMIT, points, sentences, share, warnings
from cloak.names import shown

_PIPE_WIDTH = 160
SCHEMA = "cloak.engine.index"
VERSION = 1


def failures(failed: Sequence[tuple[str, str]]) -> None:
    """Print what failed, and why."""
    for path, reason in failed:
        click.echo(f"failed: {path}: {reason}", err=True)


def indexed(
    results: Sequence[Indexed], failed: Sequence[tuple[str, str]], *, faces: int, total: int, stopped: bool
) -> dict[str, Any]:
    """Return what came of indexing as JSON can hold it."""
    counts = Counter(one.taken for one in results)
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "photos": total,
        "new": counts[Taken.NEW],
        "faceless": sum(one.taken is Taken.NEW and not one.faces for one in results),
        "copies": [one.photo.link for one in results if one.taken is Taken.COPY],
        "known": counts[Taken.KNOWN],
        "failed": [{"path": path, "reason": reason} for path, reason in failed],
        "faces": faces,
        "stopped": stopped,
    }


def indexed_in_words(told: dict[str, Any], db: Path) -> None:
    """Print what came of indexing."""
    copies = len(told["copies"])
    if told["stopped"]:
        click.echo("Stopped; what was indexed is kept. Run it again to go on.")
    click.echo(
        f"{told['new']} new photo{_s(told['new'])} ({told['faceless']} without a face), "
        f"{copies} cop{'y of a photo' if copies == 1 else 'ies of photos'} from elsewhere, "
        f"{told['known']} known already, {len(told['failed'])} failed."
    )
    for link in told["copies"]:
        click.echo(f"copy: {link}")
    click.echo(
        f"{shown(db)} holds {told['faces']:,} face{_s(told['faces'])}. "
        f"Search with: cloak engine search PHOTO --db {shown(db)}"
    )


def _s(number: int) -> str:
    """Return the ending of a plural."""
    return "" if number == 1 else "s"


def answer(found: Answer) -> None:
    """Print the hits of a search."""
    for sentence in found.sentences():
        click.echo(sentence)
    table = Table(box=None, pad_edge=False)
    for heading in ("", "similar", "same person", "title", "date", "place", "source"):
        table.add_column(heading, overflow="fold")
    for rank, hit in enumerate(found.hits, 1):
        table.add_row(*_row(rank, hit, found))
    _console().print(table)
    click.echo(LIMIT)


def _row(rank: int, hit: Hit, found: Answer) -> list[Text]:
    over = found.over(hit)
    style = "bold red" if over else "dim" if hit.made_up else ""
    says = {True: "yes", False: "no", None: "?"}[over]
    if hit.made_up:
        title, date, place, links = "(a made-up stranger)", "", "", ["made up"]
    else:
        told = hit.sources[0].told
        title, date, place, links = hit.title, told.date, told.place, [source.link for source in hit.sources]
    return [Text(cell, style=style) for cell in (f"{rank}", hit.similarity, says, title, date, place, "\n".join(links))]


def story(told: Story) -> None:
    """Print the figures of a simulation."""
    for sentence in [*sentences(told), *warnings(told)]:
        click.echo(sentence)
    table = Table(box=None, pad_edge=False)
    for heading in ("share of people of whom", "as they are", "protected", "change"):
        table.add_column(heading, overflow="fold")
    for what, asked in ASKED.items():
        before, after = (share(told.share(what, when)) for when in ("before", "after"))
        table.add_row(Text(asked), before, after, points(told.change(what)))
    for what, name in FACTS.items():
        before, after = (f"{told.learnt(what, when)} of {len(told.chapters)}" for when in ("before", "after"))
        table.add_row(Text(f"the searcher learns {name}"), before, after, "")
    _console().print(table)
    still = [title_of(chapter.name) for chapter in told.chapters if chapter.after.named]
    if still:
        click.echo(f"Named in spite of the cloak: {', '.join(still)}.")
    click.echo(LIMIT)


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console
