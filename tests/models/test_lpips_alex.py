"""The package `lpips` is no dependency: its definition is written out here around torchvision's AlexNet.

The golden answer and the hashes of the heads were written by `lpips` 0.1.4 itself.
"""

import hashlib
import io
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import Tensor

from cloak.errors import ShapeError, WeightsError
from cloak.models import fetch, load_lpips
from cloak.models.networks.lpips_alex import SMALLEST, Lpips, convert
from cloak.models.readers.numpy_pickled import read_numpy

SIZE = 96
HEADS = (
    "1b21ee01e0de563ae9c7d645f8c40534d878fe5fc00b00cc01a29e3887cb8822",
    "96b20e99719b4f1ac74b927546a2418913e87e95adc90a6629587fff450e3306",
    "ba5d4595d966dde9d19855d8e139ef6271f012a945b279cccffed2485e0e5992",
    "51c7dbf1c5c1e31db1baaf2618172ddd8b8240a8cd957a915582e0748cfb2a89",
    "60b6388e7b80292d96b8150f1f12605aa514f148847959ce322453731810029c",
)


@pytest.fixture(scope="module")
def lpips():
    return load_lpips()


@pytest.fixture(scope="module")
def faces(crops):
    """Real faces and what JPEG at a low quality makes of them: float32 (3, 3, 96, 96) each."""
    originals = crops(SIZE)
    return originals.float() / 255, compressed(originals, 10)


def compressed(images: Tensor, quality: int) -> Tensor:
    found = []
    for image in images:
        stream = io.BytesIO()
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(stream, "JPEG", quality=quality)
        found.append(torch.from_numpy(np.array(Image.open(stream))).permute(2, 0, 1))
    return torch.stack(found).float() / 255


def test_it_equals_its_definition_on_real_faces(lpips, faces):
    expected, maps = defined(*faces)
    torch.testing.assert_close(lpips(*faces), expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(lpips.per_pixel(*faces), maps, atol=1e-5, rtol=1e-5)


def test_it_matches_the_answer_of_the_original(lpips, matches_golden):
    def answers(images: Tensor) -> Tensor:
        others = (images.flip(3), images.flip(2), 1 - images)
        return torch.stack([lpips(images, other) for other in others], 1)

    matches_golden("lpips_alex", answers, SIZE)


@pytest.mark.parametrize("layer", range(5))
def test_its_heads_are_the_official_ones(lpips, layer):
    weights = lpips.heads[layer].weight.contiguous()
    assert hashlib.sha256(weights.numpy().tobytes()).hexdigest() == HEADS[layer]


def test_a_picture_is_at_no_distance_from_itself(lpips, faces):
    assert torch.equal(lpips(faces[0], faces[0]), torch.zeros(3))
    assert torch.equal(lpips.per_pixel(faces[0], faces[0]), torch.zeros(3, 1, SIZE, SIZE))


def test_it_is_the_same_both_ways(lpips, faces):
    torch.testing.assert_close(lpips(*faces), lpips(*faces[::-1]), atol=1e-7, rtol=0)


def test_the_worse_a_jpeg_the_farther_it_is(lpips, crops):
    originals = crops(SIZE)
    distances = [lpips(originals.float() / 255, compressed(originals, quality)) for quality in (95, 60, 20, 5)]
    assert (torch.stack(distances).diff(dim=0) > 0).all()


def test_the_map_shows_where_a_change_is(lpips, crops):
    faces = crops(256).float() / 255
    changed = faces.clone()
    changed[:, :, 16:48, 16:48] = 1 - changed[:, :, 16:48, 16:48]
    found = lpips.per_pixel(faces, changed)
    assert found.shape == (3, 1, 256, 256)
    assert found.min() >= 0
    assert (found[:, :, 16:48, 16:48].mean((1, 2, 3)) > 5 * found.mean((1, 2, 3))).all()
    assert torch.equal(found[:, :, 192:, 192:], torch.zeros(3, 1, 64, 64))


def test_a_pair_alone_is_a_pair_in_a_batch(lpips, faces):
    alone = torch.cat([lpips(one[None], other[None]) for one, other in zip(*faces, strict=True)])
    torch.testing.assert_close(lpips(*faces), alone, atol=1e-6, rtol=0)


def test_gradients_are_those_of_finite_differences():
    exact = load_lpips().double()
    pair = torch.rand(2, 1, 3, 32, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    first, second = (image.clone().requires_grad_() for image in pair)
    assert torch.autograd.gradcheck(exact, (first, second), fast_mode=True)
    assert torch.autograd.gradcheck(exact.per_pixel, (first, second), fast_mode=True)


def test_gradients_are_finite_where_pictures_agree_and_where_nothing_responds(lpips, faces):
    blind = Lpips()
    torch.nn.init.constant_(blind.layers[2].bias, -1e6)
    for network in (lpips, blind):
        images = faces[0].clone().requires_grad_()
        (network(images, faces[0]) + network(images, faces[1])).sum().backward()
        assert images.grad.isfinite().all()
        assert (images.grad.flatten(1).abs().sum(1) > 0).all()


def test_its_own_weights_are_fixed(lpips):
    assert not lpips.training
    assert not any(parameter.requires_grad for parameter in lpips.parameters())


def test_no_pictures_have_no_distances(lpips, faces):
    assert lpips(faces[0][:0], faces[1][:0]).shape == (0,)


def test_the_smallest_pictures_are_large_enough(lpips):
    images = torch.rand(2, 1, 3, SMALLEST, SMALLEST, generator=torch.Generator().manual_seed(0))
    assert lpips(*images) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: images[0], r"\(N, 3, H, W\)"),
        (lambda images: images[:, :1], r"\(N, 3, H, W\)"),
        (lambda images: images.byte(), "uint8"),
        (lambda images: images[..., 1:], "two equal shapes"),
    ],
)
def test_other_shapes_and_types_are_refused(lpips, faces, change, message):
    with pytest.raises(ShapeError, match=message):
        lpips(faces[0], change(faces[1]))


def test_pictures_too_small_for_its_layers_are_refused(lpips, faces):
    small = faces[0][..., : SMALLEST - 1]
    with pytest.raises(ShapeError, match="enlarge"):
        lpips.per_pixel(small, small)


@pytest.mark.parametrize("content", [{"AlexNet_0": {}}, {}, [np.zeros(2)]])
def test_another_pickle_is_refused(tmp_path, content):
    file = tmp_path / "alexnet.ckpt"
    file.write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match=r"alexnet\.ckpt is not LPIPS"):
        convert(file)


def defined(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return distances (N,) and maps (N, 1, H, W) as `lpips` 0.1.4 computes them from RGB in [0, 1]."""
    raw = read_numpy(fetch.fetch_raw("lpips_alex"))
    features = torchvision.models.alexnet(weights=None).features[:12].eval()
    convolutions = [module for module in features if isinstance(module, torch.nn.Conv2d)]
    for index, module in enumerate(convolutions):
        weights = raw["AlexNet_0"][f"Conv_{index}"]
        module.load_state_dict({"weight": weights["kernel"].permute(3, 2, 0, 1), "bias": weights["bias"]})
    shift, scale = (torch.tensor(values).view(3, 1, 1) for values in ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)))

    def responses(images: Tensor) -> list[Tensor]:
        found = []
        images = (2 * images - 1 - shift) / scale
        for module in features:
            images = module(images)
            if isinstance(module, torch.nn.ReLU):
                found.append(images / (images.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return found

    distances, maps = torch.zeros(len(first)), torch.zeros(len(first), 1, *first.shape[2:])
    with torch.no_grad():
        for index, (one, other) in enumerate(zip(responses(first), responses(second), strict=True)):
            weights = raw[f"NetLinLayer_{index}"]["Conv_0"]["kernel"].flatten()
            differences = ((one - other).square() * weights.view(-1, 1, 1)).sum(1, keepdim=True)
            distances += differences.mean((1, 2, 3))
            maps += F.interpolate(differences, first.shape[2:], mode="bilinear", align_corners=False)
    return distances, maps
