"""Search structures and made-up strangers, on embeddings of our own making: no networks are needed."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cloak.errors import DatasetError
from cloak.evaluation.engine import vectors
from cloak.evaluation.engine.database import Database, StoredFace
from cloak.evaluation.engine.gallery import Gallery, Hit
from cloak.evaluation.engine.profiles import Published, Told
from cloak.evaluation.engine.searching import merged
from cloak.evaluation.engine.strangers import RATES, Strangers
from cloak.evaluation.engine.threshold import measured
from cloak.evaluation.statistics import Impostors

DIMENSION = 64
EYES = {"recogniser": "toy", "recogniser_key": "toy", "finder": "toy", "finder_key": "toy"}


def people(number: int, seed: int = 0) -> torch.Tensor:
    """Embeddings of different people: neither independent of each other nor without look-alikes."""
    generator = torch.Generator().manual_seed(seed)
    spread = torch.linspace(2, 0.2, DIMENSION)
    kinds = torch.randn(8, DIMENSION, generator=torch.Generator().manual_seed(9)) * 0.5
    chosen = kinds[torch.randint(8, (number,), generator=generator)]
    return F.normalize(chosen + torch.randn(number, DIMENSION, generator=generator) * spread)


def wanted() -> dict[float, float]:
    impostors = Impostors(people(1500, seed=5))
    return {rate: impostors.threshold(rate) for rate in RATES}


def put(database: Database, embeddings: torch.Tensor, *, start: int = 0) -> None:
    for number, row in enumerate(embeddings.numpy(), start):
        photo = Published(path=Path("x"), link=f"{number}.jpg", page=f"page {number}")
        face = StoredFace(size=50.0, embedding=row, thumbnail=b"jpeg")
        database.add(f"{number:064}", photo, Told(title=f"photo {number}"), [face])


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    with closing(Database(tmp_path / "g.faces", EYES)) as database:
        yield Gallery(database)


def test_scores_are_exact_whatever_says_whom_to_score(gallery: Gallery) -> None:
    entries = people(300)
    put(gallery.database, entries)
    probes = people(20, seed=1)
    for probe, found in zip(probes, gallery.search(probes, top=5), strict=True):
        scores = entries @ probe
        assert [float(scores[face - 1]) for face, _ in found] == pytest.approx([score for _, score in found], abs=1e-3)
        assert [score for _, score in found] == pytest.approx(scores.topk(5).values.tolist(), abs=1e-3)


def test_cells_find_nearly_what_comparing_everything_finds(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entries, probes = people(4000), people(50, seed=1)
    gallery.add_strangers(entries.split(1000))
    flat = gallery.search(probes, top=1)
    monkeypatch.setattr(vectors, "FLAT_MOST", 1000)
    gallery.finish()
    with closing(Database(tmp_path / "g.faces")) as database:
        again = Gallery(database)
        assert again._ready(4000).nlist == 63
        found = again.search(probes, top=1)
    assert np.mean([one == other for one, other in zip(flat, found, strict=True)]) >= 0.9


def test_a_search_finds_what_was_added_after_the_structure_was_kept(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(vectors, "FLAT_MOST", 500)
    entries = people(1000)
    gallery.add_strangers([entries[:900]])
    gallery.finish()
    gallery.add_strangers([entries[900:]])
    with closing(Database(tmp_path / "g.faces")) as database:
        again = Gallery(database)
        assert [found[0][0] for found in again.search(entries[[3, 950]], top=1)] == [4, 951]


def test_a_serialised_structure_of_several_parts_comes_back(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloak.evaluation.engine.database.PART", 1000)
    data = np.arange(4321, dtype=np.uint8)
    gallery.database.keep_index(data, 7)
    assert np.array_equal(gallery.database.kept_index(), data)


def test_an_empty_gallery_answers_nothing(gallery: Gallery) -> None:
    assert gallery.search(people(3)) == [[], [], []]


def test_a_made_up_face_is_a_hit_without_a_source_and_a_real_one_has_its_own(gallery: Gallery) -> None:
    put(gallery.database, people(3))
    gallery.add_strangers([people(2, seed=1)])
    real, made_up = gallery.hit(2, 0.5), gallery.hit(4, 0.4)
    assert (real.made_up, real.page, real.title, real.thumbnail) == (False, "page 1", "photo 1", b"jpeg")
    assert (made_up.made_up, made_up.page, made_up.title, made_up.thumbnail) == (True, "", "", b"")
    assert len(gallery.one_of_each_page()) == 3


def test_strangers_among_hits_come_where_their_scores_belong() -> None:
    hits = [Hit(score=0.9, face=1), Hit(score=0.5, face=2), Hit(score=0.1, face=3)]
    found = merged(hits, torch.tensor([0.7, 0.2]), 4)
    assert [(hit.score, hit.face) for hit in found] == [
        (0.9, 1),
        (pytest.approx(0.7), 0),
        (0.5, 2),
        (pytest.approx(0.2), 0),
    ]


@pytest.mark.parametrize("number", [12, 60, 800])
def test_strangers_are_as_similar_to_the_probes_as_real_strangers_however_few_there_are_to_model_them_on(
    number: int,
) -> None:
    faces, target = people(number), wanted()
    probes = people(30, seed=2)
    model = Strangers.fit(faces, probes, target)
    drawn = torch.cat(list(model.draw(40_000, seed=7)))
    assert drawn.norm(dim=1).allclose(torch.ones(len(drawn)), atol=1e-4)
    scores = np.sort((drawn @ probes.T).flatten().numpy())
    for rate in RATES:
        got = float(np.quantile(scores, 1 - rate))
        assert got == pytest.approx(target[rate], abs=0.03)
        assert got - target[rate] == pytest.approx(model.misfit[rate], abs=0.02)


def test_strangers_crowd_no_more_around_people_that_they_are_modelled_on() -> None:
    faces, target = people(20), wanted()
    model = Strangers.fit(faces, faces, target)
    assert all(abs(misfit) < 0.03 for misfit in model.misfit.values())


def test_the_same_seed_draws_the_same_strangers_in_every_way() -> None:
    probes = people(8, seed=2)
    model = Strangers.fit(people(100), probes, wanted())
    drawn = torch.cat(list(model.draw(30_000, seed=3)))
    scores = probes @ drawn.T
    best = model.best([100, 1000, 30_000], seed=3)
    for column, count in enumerate((100, 1000, 30_000)):
        assert best[:, column].tolist() == pytest.approx(scores[:, :count].amax(1).tolist(), abs=1e-5)
    most = model.most_alike(30_000, 5, seed=3)
    assert most.allclose(scores.topk(5).values, atol=1e-5)
    assert torch.equal(drawn, torch.cat(list(model.draw(30_000, seed=3))))
    assert not torch.equal(drawn, torch.cat(list(model.draw(30_000, seed=4))))


def test_strangers_are_not_modelled_on_a_handful_of_people() -> None:
    with pytest.raises(DatasetError, match="need 10 real people to be modelled on, got 9: leave out --distractors"):
        Strangers.fit(people(9), people(2), wanted())


def test_thresholds_are_measured_where_there_are_pairs_enough_and_nowhere_else() -> None:
    assert measured(people(100)) is None
    told = measured(people(600))
    assert told is not None
    assert told.pairs == 600 * 599 // 2
    real = wanted()
    assert [told.cosines[rate] for rate in RATES] == pytest.approx([real[rate] for rate in RATES], abs=0.05)
