"""The contact sheet of one search: the face that was searched for, and what came back."""

from collections.abc import Iterator
from pathlib import Path

from cloak.evaluation.engine.answer import Answer
from cloak.evaluation.engine.database import Source
from cloak.evaluation.engine.gallery import Hit
from cloak.evaluation.engine.page import bar, face, paragraphs, picture, text, write_page
from cloak.evaluation.engine.profiles import title_of
from cloak.evaluation.engine.telling import LIMIT


def write_search(path: Path, answer: Answer, *, overwrite: bool = False) -> None:
    """Write the page.

    Raises:
        WriteError: it exists and may not be overwritten, or cannot be written.
    """
    write_page(path, "What a search for this face finds", _body(answer), overwrite=overwrite)


def _body(answer: Answer) -> Iterator[str]:
    yield (
        f"<div class='asked'><figure>{picture(answer.probe, 'the face that was searched for')}"
        f"<figcaption>{text(answer.photo)}</figcaption></figure><div>{paragraphs(answer.sentences(), 'lead')}"
        "<p class='private'>This page shows faces and where they were found: keep it to yourself.</p></div></div>"
        "<div class='hits'>"
    )
    for rank, hit in enumerate(answer.hits, 1):
        yield _hit(rank, hit, answer)
    yield f"</div><footer>{paragraphs([LIMIT])}</footer>"


def _hit(rank: int, hit: Hit, answer: Answer) -> str:
    over = answer.over(hit)
    kind = {True: "match", False: "other", None: "other"}[over]
    says = {True: "the same person, says the engine", False: "not similar enough to be sure", None: "similarity only"}[
        over
    ]
    title = "A made-up stranger" if hit.made_up else hit.title
    mark = answer.threshold.cosine if answer.threshold else None
    return (
        f"<article class='hit {kind}'><div class='face'>{face(hit)}</div><div class='about'>"
        f"<h2><span class='rank'>{rank}</span> {text(title)}</h2>"
        f"<p class='score'>{bar(hit.score, kind, mark)} <b>{hit.similarity}</b> {says}</p>"
        f"{_sources(hit)}</div></article>"
    )


def _sources(hit: Hit) -> str:
    if hit.made_up:
        return "<p class='faint'>Numbers only: there is no such person.</p>"
    also = "".join(f"<li>{_where(source)}</li>" for source in hit.sources[1:])
    copies = f"<p>The same photo is also at</p><ul>{also}</ul>" if also else ""
    return f"{_facts(hit.sources[0])}<p class='link'>{_where(hit.sources[0])}</p>{copies}"


def _facts(source: Source) -> str:
    facts = {"taken": source.told.date, "where": source.told.place, "people": source.told.people}
    rows = "".join(f"<tr><th>{what}</th><td>{text(value)}</td></tr>" for what, value in facts.items() if value)
    return f"<table>{rows}</table>" if rows else "<p class='faint'>The file says no date, place or name.</p>"


def _where(source: Source) -> str:
    return f"page <b>{text(title_of(source.page))}</b>: {text(source.link)}"
