import pytest
import torch

from cloak.attack import budget
from cloak.attack.budget import LowPass, inside, measure
from cloak.errors import ShapeError


def boxes(count=2, size=64):
    return torch.tensor([[8.0, 8.0, size - 9.0, size - 9.0]]).expand(count, 4)


def test_no_change_is_invisible(images):
    clean = images(2, 64)
    seen = measure(clean, clean, boxes())
    assert seen.dssim.abs().max() < 1e-6
    assert seen.colour.max() == seen.luma.max() == seen.eps.max() == 0


def test_a_flat_shift_costs_luma_not_grain(images):
    clean = images(2, 64) * 0.5 + 0.25
    seen = measure(clean, clean + 2 / 255, boxes())
    torch.testing.assert_close(seen.luma, torch.full((2,), 2.0), atol=0.01, rtol=0)
    assert seen.colour.max() < 0.01
    assert seen.dssim.max() < 1e-3


def test_a_tint_costs_colour_not_luma(images):
    clean = images(2, 64) * 0.5 + 0.25
    delta = budget.to_rgb(torch.tensor([0.0, 3 / 255, -3 / 255]).reshape(1, 3, 1, 1).expand(2, 3, 64, 64))
    seen = measure(clean, clean + delta, boxes())
    torch.testing.assert_close(seen.colour, torch.full((2,), 3.0), atol=0.02, rtol=0)
    assert seen.luma.max() < 0.02


def test_grain_costs_dssim_not_tint(images):
    clean = images(2, 64) * 0.5 + 0.25
    checkers = ((torch.arange(64)[:, None] + torch.arange(64)) % 2).float() * 2 - 1
    seen = measure(clean, clean + checkers * 4 / 255, boxes())
    assert seen.dssim.min() > 0.003
    assert seen.luma.max() < 0.3


def test_what_happens_outside_the_box_does_not_count(images):
    clean = images(1, 128)
    changed = clean.clone()
    changed[..., :20, :] = 0
    seen = measure(clean, changed, torch.tensor([[40.0, 60.0, 100.0, 120.0]]))
    assert seen.dssim.max() < 1e-6
    assert seen.luma.max() < 1e-3


def test_dssim_falls_within_bounds_and_is_symmetric(images):
    a, b = images(2, 64), images(2, 64, seed=9)
    weights = inside(boxes(), 64)
    torch.testing.assert_close(budget.dssim(a, b, weights), budget.dssim(b, a, weights))
    assert ((budget.dssim(a, b, weights) > 0) & (budget.dssim(a, b, weights) <= 1)).all()


def test_each_face_is_measured_the_same_alone_and_in_company(images):
    clean, changed = images(3, 64), images(3, 64, seed=5)
    ragged = torch.tensor([[5.0, 5.0, 60.0, 60.0], [20.0, 10.0, 40.0, 50.0], [0.0, 0.0, 63.0, 63.0]])
    together = measure(clean, changed, ragged)
    for row in range(3):
        alone = measure(clean[row : row + 1], changed[row : row + 1], ragged[row : row + 1])
        torch.testing.assert_close(alone.dssim, together.dssim[row : row + 1])
        torch.testing.assert_close(alone.luma, together.luma[row : row + 1], rtol=1e-3, atol=1e-4)


def test_local_deviation_predicts_what_a_small_change_costs(images):
    clean = images(1, 96)
    weights = inside(boxes(1, 96), 96)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(4)) * 2 / 255
    kernel = budget.gaussian(torch.tensor([budget.SSIM_SIGMA]), radius=5)
    rough = noise - budget.blur(noise, kernel)
    predicted = ((rough / budget.local_deviation(clean)).square().mean(1, keepdim=True) * weights).sum() / 2
    assert float(predicted) == pytest.approx(float(budget.dssim(clean, clean + rough, weights)), rel=0.35)


def test_dssim_gradcheck():
    clean = torch.rand(1, 3, 12, 12, dtype=torch.float64)
    weights = inside(torch.tensor([[2.0, 2.0, 9.0, 9.0]]), 12).double()
    changed = (clean + 0.05 * torch.rand_like(clean)).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda image: budget.dssim(clean, image, weights), [changed])


def test_low_pass_keeps_the_mean_and_removes_grain():
    grain = ((torch.arange(64)[:, None] + torch.arange(64)) % 2).float().expand(1, 1, 64, 64)
    blurred = LowPass(torch.tensor([[0.0, 0.0, 120.0, 120.0]]))(grain)
    assert blurred.mean() == pytest.approx(0.5, abs=1e-3)
    assert (blurred - 0.5)[..., 8:-8, 8:-8].abs().max() < 0.01


def test_a_blur_is_the_same_by_products_and_by_convolutions(images, monkeypatch):
    kernels = budget.gaussian(torch.tensor([0.5, 3.0]), radius=9)
    some = torch.cat([images(2, 48), images(2, 48, 1)], 3)[:, :, :40]
    by_products = budget.blur(some, kernels)
    monkeypatch.setattr(budget, "DENSE", 0)
    torch.testing.assert_close(by_products, budget.blur(some, kernels), atol=1e-6, rtol=0)


def test_dssim_takes_what_is_around_the_box_into_account_and_nothing_else(images):
    clean, changed = images(2, 64), images(2, 64, 1)
    weights = inside(torch.tensor([[20.0, 10.0, 40.0, 50.0]]).expand(2, 4), 64)
    kernel = budget.gaussian(torch.tensor([budget.SSIM_SIGMA]), radius=budget.SSIM_RADIUS)

    def mean(values):
        return budget.blur(values, kernel)

    (a, b), (va, vb) = (mean(clean), mean(changed)), (mean(clean**2), mean(changed**2))
    top = (2 * a * b + budget.C1) * (2 * (mean(clean * changed) - a * b) + budget.C2)
    ssim = top / ((a**2 + b**2 + budget.C1) * (va - a**2 + vb - b**2 + budget.C2))
    whole = ((1 - ssim.mean(1, keepdim=True)) / 2 * weights).sum((1, 2, 3))
    torch.testing.assert_close(budget.dssim(clean, changed, weights), whole)


def test_ycbcr_and_back(images):
    delta = images(1, 8) - 0.5
    torch.testing.assert_close(budget.to_rgb(budget.to_ycbcr(delta)), delta, atol=1e-5, rtol=0)


def test_shapes_that_do_not_belong_together_are_refused(images):
    with pytest.raises(ShapeError):
        measure(images(2, 32), images(1, 32), boxes(2, 32))
