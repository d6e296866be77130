"""A simulation in sentences, and as a document for machines."""

from importlib.metadata import version
from typing import Any

from cloak.evaluation.engine.gallery import Hit
from cloak.evaluation.engine.story import Chapter, Search, Story
from cloak.evaluation.engine.threshold import FAR
from cloak.evaluation.statistics import FEWEST_PEOPLE, Estimate

SCHEMA = "cloak.engine.simulation"
VERSION = 1
"""Grows when a field changes its meaning or goes; new fields do not change it."""

ASKED = {
    "first": "the first hit is the right person",
    "named": "... and the engine says: the same person",
    "over": "the right person is over the threshold, at any rank",
    "mistaken": "the engine takes somebody else for the person",
}
"""What is asked of each search."""

FACTS = {
    "page": "a name, from the page",
    "title": "a title or caption",
    "date": "a date",
    "place": "a place",
    "people": "names in the file",
}
"""What a searcher may learn of a person whom the engine names."""

LIMIT = (
    "This is one recogniser, and a small engine. Others see other things, future ones will see more, an engine that "
    "trains on cloaked photos learns to see through them, and one clean photo of you on any page is enough to be "
    "found: see THREAT_MODEL.md."
)
"""What goes wherever these figures go."""


def sentences(story: Story) -> list[str]:
    """Say what was done, and by which engine."""
    told = [
        f"A stranger has a photo of each of {len(story.chapters)} people, and searches for it among {story.photos} "
        f"other photos on their public pages: first as they are, then as `cloak protect --strength {story.strength} "
        f"--weights {story.weights}` wrote them.",
        f"The engine: {story.recogniser}, faces found by {story.finder}. From a similarity of "
        f'{story.threshold.cosine:.2f} on it says "the same person", which is then wrong for 1 stranger in '
        f"{round(1 / FAR):,} ({story.threshold.origin}).",
    ]
    if story.crowd:
        told.append(story.crowd.sentence())
    return told


def warnings(story: Story) -> list[str]:
    """Say what makes the figures worth less."""
    told = []
    if story.surrogate:
        told.append(
            f"The cloaks were made against {story.recogniser} itself: that is no measure of protection. Use another "
            "--recogniser."
        )
    if len(story.chapters) < FEWEST_PEOPLE:
        told.append(f"{len(story.chapters)} people are few: {FEWEST_PEOPLE} are the least to rely on.")
    if story.uncloaked:
        told.append(f"No face was found to cloak in {_photos(story.uncloaked)}: stripped only.")
    if story.failed:
        told.append(f"{_photos(len(story.failed))} could not be protected: left out, before and after.")
    if story.copies:
        told.append(f"{_photos(story.copies)} under several names: left out, nobody knows whom they show.")
    told += [f"{_photos(number)} left out: {reason}." for reason, number in story.excluded.items() if number]
    return told


def _photos(number: int) -> str:
    return f"{number} photo{'' if number == 1 else 's'}"


def share(estimate: Estimate) -> str:
    """A share in per cent, with its interval."""
    return f"{estimate.mean:.0%} ({estimate.low:.0%} to {estimate.high:.0%})"


def points(estimate: Estimate) -> str:
    """A difference in percentage points, with its interval."""
    return f"{estimate.mean * 100:+.0f} points ({estimate.low * 100:+.0f} to {estimate.high * 100:+.0f})"


def document(story: Story) -> dict[str, Any]:
    """Return everything but the pictures as JSON can hold it."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "program": version("photo-cloak"),
        "strength": story.strength,
        "weights": story.weights,
        "seed": story.seed,
        "recogniser": story.recogniser,
        "recogniser_is_surrogate": story.surrogate,
        "finder": story.finder,
        "false_accept_rate": FAR,
        "threshold": story.threshold.cosine,
        "threshold_origin": story.threshold.origin,
        "counts": {
            "people": len(story.chapters),
            "public_photos": story.photos,
            "faces_before": story.faces[0],
            "faces_after": story.faces[1],
            "not_cloaked": story.uncloaked,
            "failed": len(story.failed),
            "copies_under_several_names": story.copies,
            "excluded": dict(story.excluded),
        },
        "made_up_strangers": story.crowd.document() if story.crowd else None,
        "summary": {what: _compared(story, what) for what in ASKED},
        "learnt": {what: {when: story.learnt(what, when) for when in ("before", "after")} for what in FACTS},
        "warnings": warnings(story),
        "people": [_chapter(chapter) for chapter in story.chapters],
        "failed": [{"path": path, "reason": reason} for path, reason in story.failed],
        "limits": LIMIT,
    }


def _compared(story: Story, what: str) -> dict[str, Any]:
    return {
        "asked": ASKED[what],
        "before": _estimate(story.share(what, "before")),
        "after": _estimate(story.share(what, "after")),
        "change": _estimate(story.change(what)),
    }


def _estimate(value: Estimate) -> dict[str, float]:
    return {"mean": round(value.mean, 4), "low": round(value.low, 4), "high": round(value.high, 4)}


def _chapter(chapter: Chapter) -> dict[str, Any]:
    return {
        "name": chapter.name,
        "photos": chapter.photos,
        "before": _search(chapter.before),
        "after": _search(chapter.after),
    }


def _search(search: Search) -> dict[str, Any]:
    return {
        "rank": search.rank,
        "score": None if search.score is None else round(search.score, 4),
        "named": search.named,
        "hits": [_hit(hit) for hit in search.hits],
        "learnt": {what: list(search.learnt(what)) for what in FACTS},
    }


def _hit(hit: Hit) -> dict[str, Any]:
    links = [source.link for source in hit.sources]
    return {"score": round(hit.score, 4), "made_up": hit.made_up, "page": hit.page or None, "links": links}
