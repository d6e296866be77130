import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloak.errors import WeightsError
from cloak.models.readers import tflite
from cloak.models.readers.dlib_dat import read_layers
from cloak.models.readers.frozen_graph import read_constants, read_graph
from cloak.models.readers.onnx import read_initialisers, read_nodes
from cloak.models.readers.protobuf import Message

READERS = (read_initialisers, read_nodes, read_graph, read_constants, read_layers, tflite.read_graph)
VALUES = [1.5, -2.0, 3.25, 0.0, 5.0, 6.0]
FLOATS = struct.pack("<6f", *VALUES)


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def onnx_tensor(name: str, kind: int, shape: tuple[int, ...], data: bytes) -> bytes:
    return b"".join(field(1, size) for size in shape) + field(2, kind) + field(8, name) + data


def onnx_file(path: Path, *parts: bytes) -> Path:
    path.write_bytes(field(1, 8) + field(7, b"".join(parts)))
    return path


def dlib_number(value: int) -> bytes:
    size = max(1, (value.bit_length() + 7) // 8)
    return bytes([size]) + value.to_bytes(size, "little")


def dlib_layer(name: str, before: tuple[int, ...], shape: tuple[int, ...], data: bytes) -> bytes:
    label = dlib_number(len(name)) + name.encode()
    return label + b"".join(map(dlib_number, (*before, 2, *shape))) + data


class TestProtobuf:
    def test_numbers_keep_their_sign_packed_or_not(self):
        numbers = [0, 1, -1, 300, -(1 << 63), (1 << 63) - 1]
        loose = Message.parse(b"".join(field(3, number) for number in numbers))
        packed = Message.parse(field(3, b"".join(map(varint, numbers))))
        assert loose.integers(3) == packed.integers(3) == numbers

    def test_absent_fields_have_defaults_and_the_last_of_several_counts(self):
        message = Message.parse(field(1, "first") + field(1, "second"))
        assert message.text(1) == "second"
        assert message.texts(1) == ["first", "second"]
        assert (message.integer(2), message.text(2), message.floating(2)) == (0, "", 0.0)

    @pytest.mark.parametrize(
        ("data", "complaint"),
        [
            (b"\x0a\x05abc", "truncated"),
            (b"\x0a" + b"\xff" * 12, "does not end"),
            (b"\x0b\x00", "wire type 3"),
            (b"\x0d\x00\x00", "truncated"),
        ],
    )
    def test_damage_is_told(self, data, complaint):
        with pytest.raises(WeightsError, match=complaint):
            Message.parse(data)


class TestOnnx:
    @pytest.mark.parametrize(
        ("kind", "dtype", "data"),
        [
            (1, torch.float32, field(9, FLOATS)),
            (1, torch.float32, field(4, FLOATS)),
            (11, torch.float64, field(10, struct.pack("<6d", *VALUES))),
            (10, torch.float16, field(9, struct.pack("<6e", *VALUES))),
            (10, torch.float16, field(5, b"".join(varint(int(h)) for h in np.array(VALUES, "f2").view("u2")))),
        ],
    )
    def test_every_way_of_keeping_floats_is_read(self, tmp_path, kind, dtype, data):
        file = onnx_file(tmp_path / "a.onnx", field(5, onnx_tensor("w", kind, (2, 3), data)))
        expected = torch.tensor(VALUES, dtype=dtype).view(2, 3)
        torch.testing.assert_close(read_initialisers(file)["w"], expected, rtol=0, atol=0)

    def test_integers_and_constant_nodes_are_read(self, tmp_path):
        shape = field(5, onnx_tensor("shape", 7, (2,), field(7, varint(-1) + varint(512))))
        value = field(1, "value") + field(5, onnx_tensor("", 1, (), field(4, FLOATS[:4]))) + field(20, 4)
        node = field(2, "half") + field(4, "Constant") + field(5, value)
        tensors = read_initialisers(onnx_file(tmp_path / "a.onnx", field(1, node), shape))
        assert tensors["shape"].tolist() == [-1, 512]
        assert tensors["half"].item() == 1.5

    def test_nodes_come_with_their_attributes(self, tmp_path):
        strides = field(1, "strides") + field(8, 2) + field(8, 2) + field(20, 7)
        alpha = field(1, "alpha") + varint(2 << 3 | 5) + FLOATS[:4] + field(20, 1)
        node = field(1, "x") + field(1, "w") + field(2, "y") + field(3, "n") + field(4, "Conv")
        (found,) = read_nodes(onnx_file(tmp_path / "a.onnx", field(1, node + field(5, strides) + field(5, alpha))))
        assert found == ("Conv", "n", ("x", "w"), ("y",), {"strides": [2, 2], "alpha": 1.5})

    @pytest.mark.parametrize(
        ("tensor", "complaint"),
        [
            (onnx_tensor("w", 1, (2, 4), field(9, FLOATS)), "holds 6 values"),
            (onnx_tensor("w", 1, (-2, -3), field(9, FLOATS)), "holds 6 values"),
            (onnx_tensor("w", 1, (2, 3), field(9, FLOATS[:-1])), "whole"),
            (onnx_tensor("w", 8, (1,), field(6, "text")), "element type 8"),
            (onnx_tensor("w", 6, (1,), field(5, 1 << 40)), "cannot"),
            (onnx_tensor("w", 1, (6,), field(14, 1)), "one file"),
        ],
    )
    def test_a_tensor_that_cannot_be_is_refused(self, tmp_path, tensor, complaint):
        with pytest.raises(WeightsError, match=complaint):
            read_initialisers(onnx_file(tmp_path / "a.onnx", field(5, tensor)))


class TestFrozenGraph:
    def test_nodes_and_their_settings_are_read(self, tmp_path):
        shape = b"".join(field(2, field(1, size)) for size in (2, 3))
        tensor = field(1, 1) + field(2, shape) + field(4, FLOATS)
        weights = field(1, "w") + field(2, "Const") + field(5, field(1, "value") + field(2, field(8, tensor)))
        strides = field(1, "strides") + field(2, field(1, field(3, b"\x01\x02\x02\x01")))
        padding = field(1, "padding") + field(2, field(2, "SAME"))
        conv = (
            field(1, "c") + field(2, "Conv2D") + field(3, "x:1") + field(3, "w") + field(5, strides) + field(5, padding)
        )
        file = tmp_path / "graph.pb"
        file.write_bytes(field(1, weights) + field(1, conv))

        assert read_graph(file)[1] == ("c", "Conv2D", ("x:1", "w"), {"strides": [1, 2, 2, 1], "padding": "SAME"})
        assert read_constants(file)["w"].tolist() == [VALUES[:3], VALUES[3:]]

    def test_one_value_stands_for_a_whole_tensor(self, tmp_path):
        tensor = field(1, 1) + field(2, field(2, field(1, 4))) + field(5, FLOATS[:4])
        node = field(1, "w") + field(2, "Const") + field(5, field(1, "value") + field(2, field(8, tensor)))
        file = tmp_path / "graph.pb"
        file.write_bytes(field(1, node))
        assert read_constants(file)["w"].tolist() == [1.5] * 4


class TestDlib:
    FILE = (
        b"noise"
        + dlib_layer("con_4", (), (6, 1, 1, 1), FLOATS)
        + dlib_number(32)
        + dlib_layer("affine_", (), (1, 4, 1, 1), FLOATS[:16])
        + dlib_layer("fc_2", (2, 3), (3, 2, 1, 1), FLOATS)
    )

    def test_layers_come_in_order(self, tmp_path):
        file = tmp_path / "a.dat"
        file.write_bytes(self.FILE)
        layers = read_layers(file)
        assert [layer.kind for layer in layers] == ["con", "affine", "fc"]
        assert layers[2].values.tolist() == VALUES

    def test_a_name_inside_the_weights_is_no_layer(self, tmp_path):
        file = tmp_path / "a.dat"
        file.write_bytes(dlib_layer("con_4", (), (2, 1, 1, 1), b"\x01\x05con_4\x00"))
        assert len(read_layers(file)) == 1

    @pytest.mark.parametrize("lost", [1, 20, len(FLOATS) + 3])
    def test_a_file_cut_short_is_refused(self, tmp_path, lost):
        file = tmp_path / "a.dat"
        file.write_bytes(self.FILE[:-lost])
        with pytest.raises(WeightsError):
            read_layers(file)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("scratch") / "weights"


@pytest.mark.parametrize("reader", READERS)
@given(data=st.binary(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_noise_is_refused_or_read_but_never_crashes(reader, scratch, data):
    scratch.write_bytes(data)
    try:
        reader(scratch)
    except WeightsError:
        return


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_an_onnx_file_cut_short_is_refused(tmp_path, cut):
    whole = onnx_file(tmp_path / "a.onnx", field(5, onnx_tensor("w", 1, (2, 3), field(9, FLOATS)))).read_bytes()
    (tmp_path / "b.onnx").write_bytes(whole[: min(cut, len(whole) - 1)])
    with pytest.raises(WeightsError):
        read_initialisers(tmp_path / "b.onnx")
