import numpy as np
import pytest
import torch

from cloak.evaluation import protocols


def at(*degrees: float) -> torch.Tensor:
    """Unit vectors in a plane: similarities are cosines of differences."""
    angles = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([angles.cos(), angles.sin()], 1)


NOBODY = torch.zeros(0, 2)


def test_pairs_over_the_threshold_are_accepted() -> None:
    found = protocols.accepted([at(0), at(90)], [at(10, 80), at(100)], threshold=0.9)
    assert found.tolist() == [0.5, 1.0]


def test_a_person_without_photos_has_no_share() -> None:
    assert np.isnan(protocols.accepted([NOBODY], [at(0)], 0.5)[0])


def test_a_rank_counts_the_entries_of_others_that_are_more_similar() -> None:
    probes, gallery, strangers = [at(0), at(90)], [at(30, 60), at(95)], at(10, 20)
    assert [rank.tolist() for rank in protocols.ranks(probes, gallery, strangers)] == [[3], [1]]
    assert protocols.hits(protocols.ranks(probes, gallery, strangers), 1).tolist() == [0.0, 1.0]
    assert protocols.hits(protocols.ranks(probes, gallery, strangers), 5).tolist() == [1.0, 1.0]


def test_recall_asks_for_as_many_answers_as_there_are_entries() -> None:
    gallery = [at(0, 40), at(90, 95)]
    found = protocols.recall([at(5), at(92)], gallery, at(20), same=False)
    assert found.tolist() == [0.5, 1.0]


def test_a_photo_does_not_find_itself() -> None:
    photos = [at(0, 40), at(90, 91)]
    assert protocols.recall(photos, photos, at(60), same=True).tolist() == pytest.approx([0.5, 1.0])


def test_engines_that_train_name_people_they_know_and_not_people_who_hid() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.nn.functional.normalize(torch.randn(6, 32, generator=generator))

    def photos(centre: torch.Tensor, count: int) -> torch.Tensor:
        return torch.nn.functional.normalize(centre + 0.05 * torch.randn(count, 32, generator=generator))

    train, test = [photos(c, 10) for c in centres], [photos(c, 5) for c in centres]
    hidden = [photos(c, 10) for c in centres.roll(1, 0)]
    for engine in (protocols.neighbours, protocols.regression):
        assert engine(train, test).tolist() == [1.0] * 6
        assert engine(hidden, test).tolist() == [0.0] * 6
    assert protocols.alone(train, train, test).tolist() == [1.0] * 6
    assert protocols.alone(hidden, train, test).max() < 0.5


def test_one_person_alone_cannot_be_told_from_others() -> None:
    assert np.isnan(protocols.regression([at(0, 1), NOBODY], [at(0), at(90)])).all()
