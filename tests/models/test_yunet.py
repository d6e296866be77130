import json

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image, ImageOps

from cloak.errors import ShapeError
from cloak.models import fetch, load_detector
from cloak.models.networks.yunet import STRIDES

from .conftest import DATA, EXAMPLES, FACES

CHANNELS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


@pytest.fixture(scope="module")
def network():
    return load_detector()


@pytest.fixture(scope="module")
def photos():
    """Three real photos at the size that the original is fixed to: float32 (3, 3, 640, 640), RGB, 0..255."""
    images = []
    for name in FACES:
        with Image.open(EXAMPLES / name) as photo:
            images.append(np.array(ImageOps.exif_transpose(photo).convert("RGB").resize((640, 640))))
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()


def test_it_equals_onnxruntime_on_real_photos(network, photos):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(fetch.fetch_raw("yunet"), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    predictions = network(photos / 255)

    for i, photo in enumerate(photos):
        expected = dict(zip(names, session.run(None, {"input": photo[None].flip(1).numpy()}), strict=True))
        assert expected["cls_8"].max() > 0.5  # there are faces in it
        for prediction in predictions:
            for name, channels in CHANNELS.items():
                found = getattr(prediction, name)[i].reshape(channels, -1).T
                original = torch.from_numpy(expected[f"{name}_{prediction.stride}"][0])
                torch.testing.assert_close(found, original, atol=1e-4, rtol=0)


def test_it_matches_its_golden_answer(network):
    pattern = torch.linspace(0, 400, 2 * 3 * 64 * 96, dtype=torch.float64).sin().mul(0.5).add(0.5)
    predictions = network(pattern.float().view(2, 3, 64, 96))
    found = {
        str(prediction.stride): {name: getattr(prediction, name).flatten()[:12].tolist() for name in CHANNELS}
        for prediction in predictions
    }
    file = DATA / "golden_yunet.json"
    advice = f"if the change is meant, write this to {file}: {json.dumps(found)}"
    assert file.exists(), advice
    golden = json.loads(file.read_text())
    for stride in STRIDES:
        for name in CHANNELS:
            answer, expected = (torch.tensor(one[str(stride)][name]) for one in (found, golden))
            torch.testing.assert_close(answer, expected, atol=1e-4, rtol=1e-4, msg=advice)


def test_a_photo_alone_gives_what_it_gives_in_a_batch(network, photos):
    together = network(photos / 255)
    for i in range(len(photos)):
        alone = network(photos[i : i + 1] / 255)
        for one, all_of_them in zip(alone, together, strict=True):
            for name in CHANNELS:
                torch.testing.assert_close(getattr(one, name)[0], getattr(all_of_them, name)[i], atol=1e-5, rtol=0)


def test_the_shapes_are_those_of_the_grid(network):
    for prediction in network(torch.zeros(2, 3, 96, 32)):
        grid = (96 // prediction.stride, 32 // prediction.stride)
        assert prediction.cls.shape == prediction.obj.shape == (2, *grid)
        assert prediction.bbox.shape == (2, 4, *grid)
        assert prediction.kps.shape == (2, 10, *grid)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 60, 64), (1, 3, 64, 60)])
def test_other_shapes_are_refused(network, shape):
    with pytest.raises(ShapeError, match="multiples of 32"):
        network(torch.zeros(shape))
