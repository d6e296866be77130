import torch

from cloak.faces.candidates import Candidates, suppress


def candidates(*boxes):
    """Make upright candidates of (score, left, top, width, height)."""
    rows = torch.tensor(boxes)
    return Candidates(
        scores=rows[:, 0],
        centres=rows[:, 1:3] + rows[:, 3:] / 2,
        extents=rows[:, 3:],
        turns=torch.tensor([[1.0, 0.0]]).expand(len(rows), 2),
        landmarks=torch.zeros(len(rows), 5, 2),
    )


def kept(*boxes):
    return [round(score, 2) for score in suppress(candidates(*boxes), 0.3, inside=0.6).scores.tolist()]


def test_of_boxes_of_the_same_face_the_best_is_kept():
    assert kept((0.8, 0, 0, 100, 100), (0.9, 5, 5, 100, 100)) == [0.9]


def test_what_looks_like_a_face_inside_a_better_one_is_a_part_of_it():
    assert kept((0.9, 0, 0, 100, 100), (0.8, 20, 20, 40, 40)) == [0.9]


def test_a_small_face_before_a_large_one_found_less_surely_does_not_hide_it():
    assert kept((0.9, 70, 70, 30, 30), (0.8, 0, 0, 100, 100)) == [0.9, 0.8]


def test_neighbours_are_both_kept():
    assert kept((0.9, 0, 0, 100, 100), (0.8, 80, 0, 100, 100)) == [0.9, 0.8]
