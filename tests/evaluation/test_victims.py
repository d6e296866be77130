import json
from pathlib import Path

import pytest
import torch

from cloak.errors import UsageError, VictimError
from cloak.evaluation.victims import FaceCrop, OnnxVictim, RegistryVictim, open_victim

from .tiny_onnx import write_onnx

LANDMARKS = torch.tensor([[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]])


def face(red: int, green: int, blue: int) -> FaceCrop:
    pixels = torch.tensor([red, green, blue], dtype=torch.uint8)[:, None, None].expand(3, 112, 112).contiguous()
    return FaceCrop(pixels=pixels, landmarks=LANDMARKS)


def test_a_file_of_ones_own_gives_unit_vectors_of_rgb_scaled_as_arcface_is(tmp_path: Path) -> None:
    victim = OnnxVictim(write_onnx(tmp_path / "own.onnx"))
    found = victim.embed([face(255, 0, 0), face(255, 255, 0)])
    assert victim.name == "own"
    assert found.shape == (2, victim.dim)
    assert found.norm(dim=1).tolist() == pytest.approx([1, 1])
    assert found[0].tolist() == pytest.approx([3**-0.5, -(3**-0.5), -(3**-0.5)], abs=1e-4)


def test_the_file_beside_says_name_scale_and_template(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "own.onnx")
    told = {"name": "mine", "size": 112, "template": LANDMARKS.tolist(), "mean": 0.0, "scale": 1.0}
    path.with_suffix(".json").write_text(json.dumps(told))
    victim = OnnxVictim(path)
    assert victim.name == "mine"
    assert victim.embed([face(255, 0, 0)])[0].tolist() == pytest.approx([1, 0, 0], abs=1e-4)
    assert victim.key != OnnxVictim(write_onnx(tmp_path / "other.onnx")).key


def test_a_name_alone_changes_nothing_about_the_scaling(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "own.onnx")
    before = OnnxVictim(path).embed([face(255, 0, 0)])
    path.with_suffix(".json").write_text('{"name": "mine"}')
    assert OnnxVictim(path).embed([face(255, 0, 0)]).equal(before)


def test_a_file_for_one_face_at_a_time_is_asked_one_face_at_a_time(tmp_path: Path) -> None:
    victim = OnnxVictim(write_onnx(tmp_path / "one.onnx", shape=(1, 3, 112, 112)))
    assert len(victim.embed([face(255, 0, 0)] * 3)) == 3


@pytest.mark.parametrize(
    ("shape", "flat", "message"),
    [(("n", 3, 96, 96), True, "size"), (("n", 112, 112, 3), True, "size"), (("n", 3, 112, 112), False, "recogniser")],
)
def test_a_file_of_the_wrong_shape_is_refused_with_what_to_do(
    tmp_path: Path, shape: tuple[int | str, ...], flat: bool, message: str
) -> None:
    with pytest.raises(VictimError, match=message):
        OnnxVictim(write_onnx(tmp_path / "wrong.onnx", shape=shape, flat=flat))


def test_a_file_that_is_empty_missing_or_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "text.onnx").write_text("no network")
    for name, message in (("empty", "empty"), ("none", "not a file"), ("text", "no ONNX")):
        with pytest.raises(VictimError, match=message):
            open_victim(str(tmp_path / f"{name}.onnx"))


def test_weights_in_a_file_of_their_own_are_part_of_who_it_is(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "own.onnx", weights=(1, 2, 3))
    one = OnnxVictim(path)
    before = one.embed([face(255, 255, 255)])
    path = write_onnx(tmp_path / "own.onnx", weights=(3, 2, 1))
    other = OnnxVictim(path)
    assert not torch.allclose(other.embed([face(255, 255, 255)]), before)
    assert one.key != other.key
    assert one.weights != other.weights


def test_weights_that_are_not_beside_the_file_are_not_looked_for(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "own.onnx", weights=(1, 2, 3))
    path.with_suffix(".onnx.data").unlink()
    with pytest.raises(VictimError, match="no ONNX file that onnxruntime can load"):
        OnnxVictim(path)


def test_channels_are_given_in_the_order_that_is_said(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "own.onnx")
    rgb = OnnxVictim(path)
    path.with_suffix(".json").write_text('{"channels": "bgr", "description": "as OpenCV does"}')
    bgr = OnnxVictim(path)
    assert bgr.embed([face(255, 0, 0)])[0].tolist() == rgb.embed([face(0, 0, 255)])[0].tolist()
    assert bgr.key != rgb.key


def test_embeddings_that_are_no_numbers_are_no_protection(tmp_path: Path) -> None:
    with pytest.raises(VictimError, match="no numbers"):
        OnnxVictim(write_onnx(tmp_path / "own.onnx", weights=(1, float("nan"), 1))).embed([face(255, 0, 0)])


@pytest.mark.parametrize(
    "told",
    [
        '{"size": 160}',
        '{"std": 0.5}',
        '{"BGR": true}',
        '{"channels": "GBR"}',
        "[1, 2]",
        "{",
        '{"template": [[1, 2]]}',
        '{"size": "big"}',
        '{"mean": [0.5, 0.5]}',
        '{"template": [[1], [1, 2]]}',
    ],
)
def test_a_bad_file_beside_is_refused(tmp_path: Path, told: str) -> None:
    path = write_onnx(tmp_path / "own.onnx")
    path.with_suffix(".json").write_text(told)
    with pytest.raises(VictimError, match=r"own\.json"):
        OnnxVictim(path)


def test_a_name_that_is_unknown_is_refused() -> None:
    with pytest.raises(UsageError, match="nobody"):
        open_victim("nobody")


def test_a_registry_victim_has_the_hash_of_the_original_weights() -> None:
    victim = RegistryVictim("mobilefacenet_fxz")
    assert victim.weights.startswith("54339474")
    assert victim.embed([face(128, 100, 90)]).shape == (1, 512)
    assert victim.embed([]).shape == (0, 512)
