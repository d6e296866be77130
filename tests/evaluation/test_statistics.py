from itertools import pairwise

import numpy as np
import pytest
import torch

from cloak.evaluation.statistics import Impostors, Tail, difference, estimate


def test_an_estimate_is_the_mean_with_an_interval_around_it_and_leaves_out_unknowns() -> None:
    values = [0.0] * 20 + [1.0] * 60 + [float("nan")] * 5
    found = estimate(values)
    assert found.mean == pytest.approx(0.75)
    assert found.people == 80
    assert 0.63 < found.low < 0.72
    assert 0.78 < found.high < 0.87


def test_nobody_gives_no_number() -> None:
    assert np.isnan(estimate([]).mean)
    assert estimate([float("nan")]).people == 0


def test_paired_differences_have_narrower_intervals_than_the_methods() -> None:
    generator = np.random.default_rng(1)
    people = generator.random(50)
    ours, theirs = people + 0.1, people + 0.02 * generator.standard_normal(50)
    paired = difference(ours, theirs)
    assert paired.low > 0.08
    assert paired.high - paired.low < (estimate(ours).high - estimate(ours).low) / 4


def test_a_threshold_lets_the_share_of_strangers_through_that_was_asked_for() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(300, 32, generator=torch.Generator().manual_seed(0)))
    impostors = Impostors(vectors)
    assert len(impostors.scores) == 300 * 299 // 2
    assert (impostors.scores > impostors.threshold(1e-2)).mean() == pytest.approx(1e-2, rel=0.05)
    assert impostors.supports(1e-3)
    assert not impostors.supports(1e-4)


def test_the_normal_tail_says_how_rare_a_score_is_beyond_what_was_seen_and_the_exponential_one_is_heavier() -> None:
    score = np.array([0.55])
    truth = 1.9e-8
    for seed in range(5):
        scores = np.sort(np.random.default_rng(seed).normal(0, 0.1, 200_000))
        tail = Tail.fit(scores)
        assert truth / 8 < tail.exceeds(score, normal=True)[0] < truth * 8
        assert tail.exceeds(score, normal=False)[0] > 20 * truth
        assert np.isnan(tail.exceeds(np.array([0.0]), normal=True)[0])
        assert tail.score(1e-4) == pytest.approx(0.372, abs=0.01)


def test_where_all_people_are_alike_the_interval_is_the_exact_one() -> None:
    found = estimate([1.0] * 20)
    assert (found.mean, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.832, abs=0.001)
    assert estimate([0.0] * 20).high == pytest.approx(0.168, abs=0.001)


def test_the_interval_of_a_share_grows_with_the_share() -> None:
    """59 of 60 were said to be surely higher than 60 of 60."""
    found = [estimate([0.0] * (60 - hits) + [1.0] * hits) for hits in range(61)]
    for less, more in pairwise(found):
        assert less.low < more.low
        assert less.high < more.high or more.high == 1.0
    assert found[59].low == pytest.approx(0.9106, abs=0.001)
    assert found[59].high == pytest.approx(0.9996, abs=0.001)


def test_where_two_methods_do_alike_on_all_people_the_difference_is_not_exactly_known() -> None:
    none = difference([1.0] * 60, [1.0] * 60)
    assert none.mean == 0
    assert none.low == pytest.approx(-none.high)
    assert none.high == pytest.approx(0.06, abs=0.001)
    all_lost = difference([0.0] * 60, [1.0] * 60)
    assert (all_lost.mean, all_lost.low) == (-1, -1)
    assert all_lost.high == pytest.approx(-0.94, abs=0.001)
    assert np.isnan(difference([], []).mean)


def test_chances_that_are_all_but_certain_have_the_interval_of_certain_ones() -> None:
    assert estimate([1.0, 1 - 1e-12, 1.0]).low == estimate([1.0] * 3).low


def test_more_strangers_make_a_first_place_less_likely() -> None:
    scores = np.sort(np.random.default_rng(0).normal(0, 0.1, 50_000))
    tail = Tail.fit(scores)
    own = np.array([0.05, 0.3, 0.45])
    for normal in (True, False):
        chances = [tail.first(own, count, scores, normal=normal) for count in (10, 1e4, 1e9)]
        assert (np.diff(chances, axis=0) <= 0).all()
        assert chances[0][2] > 0.99
        assert chances[2][0] < 1e-6
