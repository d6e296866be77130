"""One search: the photo that somebody has, and what the engine answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloak.errors import DatasetError
from cloak.evaluation.engine.crowd import Crowd
from cloak.evaluation.engine.gallery import Hit
from cloak.evaluation.engine.index import MAX_BYTES, Index
from cloak.evaluation.engine.searching import made_up, merged
from cloak.evaluation.engine.threshold import FAR, Threshold
from cloak.files import read
from cloak.image.codec import decode
from cloak.names import shown

SCHEMA = "cloak.engine.search"
VERSION = 1
"""Grows when a field changes its meaning or goes; new fields do not change it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an engine answers.

    Attributes:
        photo: what was searched with, printable.
        probe: a small JPEG of the face.
        number: which face of the photo it is, 1 being the largest.
        faces: how many there are in the photo.
        hits: best first.
        threshold: from which similarity on the engine says "the same person"; None where that cannot be told.
        indexed: faces in the index, made-up ones included.
        recogniser: what the engine embeds with.
        crowd: strangers that were made up for this search, if any.
    """

    photo: str
    probe: bytes
    number: int
    faces: int
    hits: Sequence[Hit]
    threshold: Threshold | None
    indexed: int
    recogniser: str
    crowd: Crowd | None = None

    def over(self, hit: Hit) -> bool | None:
        """Whether the engine takes a hit for the person; None where that cannot be told."""
        return None if self.threshold is None else hit.score >= self.threshold.cosine

    def sentences(self) -> list[str]:
        """Say what was found, in words that need no background."""
        several = f" (face {self.number} of {self.faces}, the largest first)" if self.faces > 1 else ""
        told = [f"Searched for one face{several} among {self.indexed:,} faces."]
        if self.threshold:
            matched = sum(bool(self.over(hit)) for hit in self.hits)
            told.append(
                f"{matched} of the {len(self.hits)} most similar ones are over {self.threshold.cosine:.2f}, from which "
                f'the engine says "the same person": 1 stranger in {round(1 / FAR):,} is, too.'
            )
        else:
            told.append("There are too few faces to say from which similarity on two are the same person.")
        if self.crowd:
            told.append(self.crowd.sentence())
        return told

    def document(self) -> dict[str, Any]:
        """Return everything but the pictures as JSON can hold it."""
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "photo": self.photo,
            "face": self.number,
            "faces_in_photo": self.faces,
            "faces_in_index": self.indexed,
            "recogniser": self.recogniser,
            "false_accept_rate": FAR,
            "threshold": self.threshold.cosine if self.threshold else None,
            "threshold_origin": self.threshold.origin if self.threshold else None,
            "made_up_strangers": self.crowd.document() if self.crowd else None,
            "hits": [self._hit(rank, hit) for rank, hit in enumerate(self.hits, 1)],
        }

    def _hit(self, rank: int, hit: Hit) -> dict[str, Any]:
        return {
            "rank": rank,
            "score": round(hit.score, 4),
            "over_threshold": self.over(hit),
            "made_up": hit.made_up,
            "title": hit.title or None,
            "sources": [
                {
                    "link": source.link,
                    "page": source.page,
                    "title": source.told.title or None,
                    "date": source.told.date or None,
                    "place": source.told.place or None,
                    "people": source.told.people or None,
                }
                for source in hit.sources
            ],
        }


def ask(index: Index, photo: Path, *, top: int = 10, number: int = 1, distractors: int = 0, seed: int = 0) -> Answer:
    """Search with a photo.

    Args:
        index: where.
        photo: the file.
        top: how many hits.
        number: which face to search for, 1 being the largest.
        distractors: made-up strangers beside the faces in the index.
        seed: of the strangers.

    Raises:
        DatasetError: the index has no faces, or too few to make up strangers.
        PhotoError: the photo cannot be read, or has no such face.
    """
    if not len(index.gallery):
        raise DatasetError("there is no face in the index: index profiles with photos of people")
    probe = index.eyes.probe(decode(read(photo, max_bytes=MAX_BYTES)), number)
    threshold = index.threshold()
    hits = [index.gallery.hit(*one) for one in index.gallery.search(probe.embedding[None], top)[0]]
    crowd = None
    if distractors:
        if threshold is None:
            raise DatasetError("there are too few faces to make up strangers like them: leave out --distractors")
        scores, crowd = made_up(
            index.gallery, probe.embedding[None], threshold, number=distractors, most=top, seed=seed
        )
        hits = list(merged(hits, scores[0], top))
    return Answer(
        photo=shown(photo),
        probe=probe.thumbnail,
        number=number,
        faces=probe.faces,
        hits=hits,
        threshold=threshold,
        indexed=len(index.gallery),
        recogniser=index.eyes.victim.name,
        crowd=crowd,
    )
