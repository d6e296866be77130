import pytest
import torch

from cloak.errors import UsageError
from cloak.evaluation.conditions import CONDITIONS, NONE, parse

SMOOTH = torch.nn.functional.interpolate(
    torch.rand(1, 3, 12, 15, generator=torch.Generator().manual_seed(0)), (120, 150), mode="bilinear"
)[0]
PHOTO = (SMOOTH * 255).byte()


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_gives_a_photo_of_the_same_shape_of_picture_and_the_same_every_time(name: str) -> None:
    before = PHOTO.clone()
    seen = CONDITIONS[name](PHOTO)
    assert seen.dtype == torch.uint8
    assert seen.shape[0] == 3
    assert seen.shape[2] / seen.shape[1] == pytest.approx(150 / 120, rel=0.02)
    assert torch.equal(CONDITIONS[name](PHOTO), seen)
    assert torch.equal(PHOTO, before)
    if seen.shape == PHOTO.shape and name != "crop90":
        assert (seen.float() - PHOTO.float()).abs().mean() < 25


@pytest.mark.parametrize("name", [name for name in CONDITIONS if name not in (NONE,) and "longest" not in name])
def test_a_condition_changes_something(name: str) -> None:
    assert not torch.equal(CONDITIONS[name](PHOTO), PHOTO)


def test_lower_quality_changes_more() -> None:
    change = [(CONDITIONS[f"jpeg{q}"](PHOTO).float() - PHOTO.float()).square().mean() for q in (95, 85, 75, 50)]
    assert change == sorted(change)


def test_large_photos_are_made_smaller_and_small_ones_stay() -> None:
    large = torch.zeros(3, 1500, 1000, dtype=torch.uint8)
    assert CONDITIONS["longest960"](large).shape == (3, 960, 640)
    assert torch.equal(CONDITIONS["longest960"](PHOTO), PHOTO)


def test_no_condition_comes_first_and_unknown_ones_are_refused() -> None:
    assert parse(["jpeg75", "half", "jpeg75"]) == (NONE, "jpeg75", "half")
    assert parse(["all"]) == tuple(CONDITIONS)
    with pytest.raises(UsageError, match="jpeg74"):
        parse(["jpeg74"])
