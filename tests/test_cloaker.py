"""Photos in memory: the cloaker, the torchvision transform, the documented examples, the public names."""

import doctest
import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2

import cloak
from cloak.cloaker import Cloaker
from cloak.config import AttackConfig, Effort, FacePolicy, ProtectConfig, Strength
from cloak.container import ColourSpace
from cloak.device import pick_device
from cloak.errors import ConfigError, ShapeError, UsageError
from cloak.image.codec import decode
from cloak.photo import Photo
from cloak.transforms import Cloak

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def cloaker() -> Cloaker:
    return Cloaker(ProtectConfig(attack=AttackConfig(steps=2), faces=FacePolicy.LARGEST, device="cpu"))


@pytest.fixture
def path(examples) -> Path:
    return examples / "workers.jpg"


@pytest.fixture
def pixels(path) -> torch.Tensor:
    return decode(path.read_bytes()).pixels


def test_a_photo_comes_back_as_what_it_was(cloaker, path, pixels):
    cloaked = cloaker(pixels)
    assert cloaked.dtype == torch.uint8
    assert not torch.equal(cloaked, pixels)
    photo = cloaker(path)
    assert isinstance(photo, Photo)
    assert torch.equal(photo.pixels, cloaked)
    assert torch.equal(cloaker(decode(path.read_bytes())).pixels, cloaked)
    with Image.open(path) as image:
        returned = cloaker(image)
    assert isinstance(returned, Image.Image)
    assert returned.info == {}
    assert np.array_equal(np.asarray(returned), cloaked.permute(1, 2, 0).numpy())


def test_several_photos_come_back_in_order_and_each_much_as_if_alone(cloaker, pixels):
    nobody = torch.zeros_like(pixels)
    together = cloaker([nobody, pixels, pixels.flip(2)])
    assert torch.equal(together[0], nobody)
    # Convolutions round differently in batches of different size; more steps would enlarge that.
    torch.testing.assert_close(together[1], cloaker(pixels), atol=2, rtol=0)
    assert all(map(torch.equal, together, cloaker([nobody, pixels, pixels.flip(2)])))
    assert torch.equal(cloaker(torch.stack([nobody, pixels]))[1], cloaker(pixels))
    assert cloaker([]) == []


def test_a_pil_image_is_turned_upright_and_keeps_alpha_and_colours(cloaker):
    image = Image.new("RGBA", (40, 30), (200, 10, 10, 99))
    exif = image.getexif()
    exif[0x0112] = 6
    image.info["exif"] = exif.tobytes()
    result = cloaker(image)
    assert (result.mode, result.size, result.getpixel((0, 0))) == ("RGBA", (30, 40), (200, 10, 10, 99))
    assert cloaker(Image.new("L", (40, 30), 7)).getpixel((3, 3)) == (7, 7, 7)
    with pytest.raises(ShapeError, match="mode 'F'"):
        cloaker(Image.new("F", (40, 30)))


def test_a_display_p3_image_stays_one(cloaker):
    from cloak.image.icc import DISPLAY_P3  # noqa: PLC0415

    image = Image.new("RGB", (40, 30), (250, 10, 10))
    image.info["icc_profile"] = DISPLAY_P3
    result = cloaker(image)
    assert result.info["icc_profile"] == DISPLAY_P3
    assert result.getpixel((0, 0)) == (250, 10, 10)
    assert ColourSpace.DISPLAY_P3 == "display-p3"


@pytest.mark.parametrize("wrong", [torch.zeros(3, 8, 8), torch.zeros(8, 8, dtype=torch.uint8), 7, [None]])
def test_what_is_no_photo_is_refused(cloaker, wrong):
    with pytest.raises(ShapeError):
        cloaker(wrong)


def test_what_is_nearly_a_photo_is_refused_with_what_to_do(cloaker, path):
    for wrong, advice in (
        (torch.zeros(3, 8, 8), "multiply by 255, round"),
        (np.zeros((8, 8, 3), np.uint8), "Image.fromarray"),
        (b"\xff\xd8\xff", "got bytes: pass cloak.decode"),
    ):
        with pytest.raises(ShapeError, match=advice):
            cloaker(wrong)
    with pytest.raises(TypeError, match="decode takes the content of a file, got str"):
        decode("photo.jpg")
    assert decode(bytearray(path.read_bytes())).width == decode(path.read_bytes()).width


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, "one"])
def test_a_seed_that_no_generator_takes_is_refused_at_once(seed):
    with pytest.raises(ConfigError, match="seed must be a whole number of 64 bits"):
        Cloaker.from_pretrained(seed=seed)


def test_wrong_names_are_answered_with_the_right_ones():
    with pytest.raises(ConfigError, match="strength must be one of subtle, balanced, strong, got 'invisible'"):
        Cloaker.from_pretrained(strength="invisible")
    with pytest.raises(ConfigError, match="weights must be one of open, research, got 'all'"):
        Cloaker.from_pretrained("all")
    with pytest.raises(UsageError, match="no such device"):
        pick_device("abacus")
    with pytest.raises(UsageError, match="this machine has no device"):
        pick_device("cuda:99")
    made = Cloaker.from_pretrained("research", strength="strong", effort="quick", device="cpu", seed=3).config
    assert made.attack == AttackConfig.preset(Strength.STRONG, Effort.QUICK, seed=3)
    assert AttackConfig.preset() == AttackConfig()


@pytest.mark.parametrize("wrap", [lambda x: x, tv_tensors.Image], ids=["plain", "tv_tensor"])
def test_the_transform_changes_what_the_cloaker_changes(cloaker, pixels, wrap):
    transform, expected = Cloak(cloaker), cloaker(pixels)
    result = transform(wrap(pixels))
    assert type(result) is type(wrap(pixels))
    assert torch.equal(result.as_subclass(torch.Tensor), expected)
    floats = v2.functional.to_dtype(pixels, torch.float32, scale=True) * 0.999  # no whole grey levels
    changed = transform(wrap(floats)).as_subclass(torch.Tensor)
    assert changed.dtype == torch.float32
    assert 0 <= changed.min() <= changed.max() <= 1
    outside = (changed == floats).float().mean()
    assert 0.5 < outside < 1


def test_the_transform_takes_batches_and_leaves_labels_and_boxes_alone(cloaker, pixels):
    batch = torch.stack([pixels, torch.zeros_like(pixels)])[None]
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 2, 3, 4]]), format="XYXY", canvas_size=(9, 9))
    label = torch.tensor([1, 2, 3])
    image, same_boxes, same_label = Cloak(cloaker)(tv_tensors.Image(batch), boxes, label)
    assert torch.equal(image[0, 0].as_subclass(torch.Tensor), cloaker(pixels))
    assert same_boxes is boxes
    assert same_label is label
    with pytest.raises(ShapeError):
        Cloak(cloaker)(torch.zeros(1, 8, 8))
    with pytest.raises(ShapeError):
        Cloak(cloaker)(torch.zeros(3, 8, 8, dtype=torch.int64))


@pytest.mark.parametrize("module", ["cloak.cloaker", "cloak.names", "cloak.transforms"])
def test_the_documented_examples_are_true(module, monkeypatch):
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert tried > 0
    assert failed == 0


def test_public_names_are_sorted_and_all_there():
    assert list(cloak.__all__) == sorted(cloak.__all__)
    assert all(getattr(cloak, name) for name in cloak.__all__)
    assert set(dir(cloak)) == set(cloak.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        cloak.nonsense  # noqa: B018


def test_help_does_not_load_pytorch():
    script = (
        "import sys; sys.argv = ['cloak', *sys.argv[1:]]\n"
        "from cloak.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print([name for name in ('torch', 'torchvision', 'PIL') if name in sys.modules])\n"
    )
    for arguments in (["--help"], ["--version"], ["protect", "--help"]):
        result = subprocess.run([sys.executable, "-c", script, *arguments], check=True, capture_output=True, text=True)
        assert result.stdout.endswith("[]\n")


def test_faces_below_the_size_limit_are_not_searched_for(cloaker):
    strip = replace(decode((ROOT / "examples" / "workers.jpg").read_bytes()), pixels=torch.zeros(3, 23, 999).byte())
    assert cloaker.choose([strip])[0].faces == ()
