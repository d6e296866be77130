import json

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image, ImageOps

from cloak.errors import ShapeError, UsageError, WeightsError
from cloak.models import fetch, load_detector, load_network
from cloak.models.networks.scrfd import ANCHORS, STRIDES, Scrfd, convert

from .conftest import DATA, EXAMPLES, FACES

CHANNELS = {"score": 1, "bbox": 4, "kps": 10}


@pytest.fixture(scope="module")
def network():
    return load_network("scrfd_500m", Scrfd)


@pytest.fixture(scope="module")
def photos():
    """Three real photos, float32 (3, 3, 480, 640), RGB, 0..255."""
    images = []
    for name in FACES:
        with Image.open(EXAMPLES / name) as photo:
            images.append(np.array(ImageOps.exif_transpose(photo).convert("RGB").resize((640, 480))))
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()


def rows(tensor, channels):
    """Lay out one photo's (2, C, h, w) as the original does: cell by cell, both anchors of each."""
    return tensor.reshape(ANCHORS, channels, -1).permute(2, 0, 1).reshape(-1, channels)


def test_it_equals_onnxruntime_on_real_photos(network, photos):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(fetch.fetch_raw("scrfd_500m"), options, providers=["CPUExecutionProvider"])
    names = [f"{name}_{stride}" for name in CHANNELS for stride in STRIDES]

    predictions = network(photos / 255)

    for i, photo in enumerate(photos):
        inputs = {session.get_inputs()[0].name: ((photo[None] - 127.5) / 128).numpy()}
        expected = dict(zip(names, session.run(None, inputs), strict=True))
        assert max(expected[f"score_{stride}"].max() for stride in STRIDES) > 0.5  # there are faces in it
        for prediction in predictions:
            for name, channels in CHANNELS.items():
                found = rows(getattr(prediction, name)[i], channels)
                original = torch.from_numpy(expected[f"{name}_{prediction.stride}"])
                torch.testing.assert_close(found, original.reshape(found.shape), atol=1e-4, rtol=0)


def test_it_matches_its_golden_answer(network):
    pattern = torch.linspace(0, 400, 2 * 3 * 64 * 96, dtype=torch.float64).sin().mul(0.5).add(0.5)
    predictions = network(pattern.float().view(2, 3, 64, 96))
    found = {
        str(prediction.stride): {name: getattr(prediction, name).flatten()[:12].tolist() for name in CHANNELS}
        for prediction in predictions
    }
    file = DATA / "golden_scrfd_500m.json"
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
                torch.testing.assert_close(getattr(one, name)[0], getattr(all_of_them, name)[i], atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 60, 64), (1, 3, 64, 60)])
def test_other_shapes_are_refused(network, shape):
    with pytest.raises(ShapeError, match="multiples of 32"):
        network(torch.zeros(shape))


def test_another_network_is_not_taken_for_it(original):
    with pytest.raises(WeightsError, match="it is another network"):
        convert(original)


def test_cloaks_cannot_be_made_with_it():
    with pytest.raises(UsageError, match="scrfd_500m is run by Scrfd, not by YuNet"):
        load_detector("scrfd_500m")
