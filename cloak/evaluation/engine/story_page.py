"""The report of a simulation: the figures, how to read them, and every search with its pictures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cloak.evaluation.engine.page import bar, face, paragraphs, picture, text, write_page
from cloak.evaluation.engine.profiles import title_of
from cloak.evaluation.engine.story import Chapter, Search, Story
from cloak.evaluation.engine.telling import ASKED, FACTS, LIMIT, points, sentences, share, warnings

_SIDE = 3
"""Hits that are shown of each search."""


def write_story(path: Path, story: Story, *, overwrite: bool = False) -> None:
    """Write the page.

    Raises:
        WriteError: it exists and may not be overwritten, or cannot be written.
    """
    write_page(path, "What a face-search engine would find", _body(story), overwrite=overwrite)


def _body(story: Story) -> Iterator[str]:
    first, *rest = sentences(story)
    yield (
        f"{paragraphs([first], 'lead')}<p class='private'>This page shows faces and names: keep it to yourself.</p>"
        f"<div class='cards'>{_card(story, 'before')}{_card(story, 'after')}</div>"
        f"{_shares(story)}{_learnt(story)}"
        f"<section><h2>How to read this</h2>{paragraphs([*_HELP, *rest])}</section>"
        f"<section><h2>What this does not say</h2>{paragraphs([LIMIT, *warnings(story)])}</section>"
    )
    for title, named in _GROUPS.items():
        yield from _group(title, [one for one in story.chapters if (one.before.named, one.after.named) in named])


_GROUPS = {
    "Named in spite of the cloak": ((True, True), (False, True)),
    "Named before, not named now": ((True, False),),
    "Named in neither": ((False, False),),
}
"""By whether the engine names the person before, and after."""

_HELP = (
    "A person is named where the most similar face in the whole engine is on the person's own page, and similar enough "
    "for the engine to be sure. Then the searcher learns everything that the page and its photos say.",
    "Under each face is how similar it is to the one searched for; the line across the bar is where the engine begins "
    "to be sure. A red frame is a right hit that it is sure of, an amber one a right hit that it is not sure of.",
    "In brackets: the range in which the figure lies with 95% certainty, if other people like these had been taken.",
)


def _card(story: Story, when: str) -> str:
    title = {"before": "Profiles as they are", "after": "Protected profiles"}[when]
    count, people = story.count("named", when), len(story.chapters)
    return (
        f"<div class='card {when}'><h2>{title}</h2><p class='big'>{count} of {people}</p>"
        f"<p>people are named by the engine</p>{bar(count / people, 'match')}</div>"
    )


def _shares(story: Story) -> str:
    rows = "".join(
        f"<tr><th>{text(asked)}</th>{_cell(story, what, 'before')}{_cell(story, what, 'after')}"
        f"<td>{points(story.change(what))}</td></tr>"
        for what, asked in ASKED.items()
    )
    return (
        "<section><h2>What the searches came to</h2><div class='wide'><table class='figures'><tr><th></th>"
        f"<th>as they are</th><th>protected</th><th>change</th></tr>{rows}</table></div></section>"
    )


def _cell(story: Story, what: str, when: str) -> str:
    told = story.share(what, when)
    return f"<td>{bar(told.mean, 'match')} {share(told)}</td>"


def _learnt(story: Story) -> str:
    counts = {name: [story.learnt(what, when) for when in ("before", "after")] for what, name in FACTS.items()}
    rows = "".join(
        f"<tr><th>{text(name)}</th><td>{before}</td><td>{after}</td></tr>"
        for name, (before, after) in counts.items()
        if before or after or name == FACTS["page"]
    )
    silent = (
        "" if any(map(any, list(counts.values())[1:])) else " In these profiles the files said nothing before, either."
    )
    return (
        "<section><h2>Of how many people the searcher learns ...</h2><div class='wide'><table class='figures'>"
        f"<tr><th></th><th>as they are</th><th>protected</th></tr>{rows}</table></div>"
        "<p class='faint'>Protecting takes out what a file says. The page around it stays as it is, with the name on "
        f"it: a protected photo that is found still leads there.{silent}</p></section>"
    )


def _group(title: str, chapters: Sequence[Chapter]) -> Iterator[str]:
    if not chapters:
        return
    yield f"<h2 class='group'>{text(title)}: {len(chapters)}</h2>"
    for chapter in chapters:
        yield (
            f"<article class='person'><figure class='probe'>{picture(chapter.probe, 'the face that was searched for')}"
            f"<figcaption>searched for: {text(title_of(chapter.name))}</figcaption></figure>"
            f"{_search(chapter, chapter.before, 'as they are')}{_search(chapter, chapter.after, 'protected')}</article>"
        )


def _search(chapter: Chapter, search: Search, title: str) -> str:
    hits = "".join(_hit(chapter, search, place) for place in range(min(_SIDE, len(search.hits))))
    facts = [value for what in FACTS if what != "page" for value in search.learnt(what)]
    learnt = f"<p class='learnt'>Learnt: {text('; '.join(facts))}</p>" if facts else ""
    return (
        f"<div class='search {'found' if search.named else 'lost'}'><h3>{title}: {_verdict(search)}</h3>"
        f"<div class='row'>{hits}</div>{learnt}</div>"
    )


def _hit(chapter: Chapter, search: Search, place: int) -> str:
    hit = search.hits[place]
    right = any(source.page == chapter.name for source in hit.sources)
    kind = ("match" if hit.score >= search.threshold else "near") if right else "other"
    name = "made-up stranger" if hit.made_up else title_of(hit.page)
    return (
        f"<figure class='{kind}'>{face(hit)}{bar(hit.score, kind, search.threshold)}"
        f"<figcaption><b>{hit.similarity}</b> {text(name)}</figcaption></figure>"
    )


def _verdict(search: Search) -> str:
    if search.named:
        return "<b class='bad'>named</b>"
    if search.mistaken:
        return "<b>takes somebody else for the person</b>"
    if search.first:
        return "<b>right, but too unlike to be sure</b>"
    where = f", the right page comes at rank {search.rank}" if search.rank else ""
    return f"<b class='good'>not named</b>{where}"
