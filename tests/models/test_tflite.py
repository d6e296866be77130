"""The files are written here, by the rules of FlatBuffers; the reader of a real one is tested with its network."""

import struct
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloak.errors import WeightsError
from cloak.models.readers.tflite import read_graph

FLOAT32, INT32, INT8 = 0, 2, 9
CONV_2D, MEAN, CUMSUM = 3, 40, 128
KERNEL = [1.5, -2.0, 3.25, 0.0, 5.0, 6.0]
IMAGES, AXES, WEIGHTS, OUT, SMALL = range(5)


def put(out: bytearray, value: dict | list | str | bytes) -> int:
    """Append a table (numbers with layout, or what is referred to, by field), a vector or text: where it starts."""
    if isinstance(value, dict):
        return put_table(out, value)
    if isinstance(value, str):
        value = value.encode()
    start = len(out)
    out += struct.pack("<I", len(value))
    if isinstance(value, bytes):
        out += value
    elif all(isinstance(each, int) for each in value):
        out += struct.pack(f"<{len(value)}i", *value)
    else:
        out += bytes(4 * len(value))
        known: dict[int, int] = {}  # what stands in the list twice is written once
        for place, each in zip(range(start + 4, len(out), 4), value, strict=True):
            if id(each) not in known:
                known[id(each)] = put(out, each)
            struct.pack_into("<I", out, place, known[id(each)] - place)
    return start


def put_table(out: bytearray, fields: dict) -> int:
    vtable, count = len(out), max(fields, default=-1) + 1
    distances = [4 + 8 * field if field in fields else 0 for field in range(count)]
    out += struct.pack(f"<HH{count}H", 4 + 2 * count, 4 + 8 * count, *distances)
    start = len(out)
    out += struct.pack("<i", start - vtable) + bytes(8 * count)
    for field, value in fields.items():
        place = start + distances[field]
        if isinstance(value, tuple):
            struct.pack_into(f"<{value[0]}", out, place, value[1])
        else:
            struct.pack_into("<I", out, place, put(out, value) - place)
    return start


def tensor(name: str, shape: list[int], kind: int, buffer: int) -> dict:
    return {0: shape, 1: ("b", kind), 2: ("I", buffer), 3: name}


def model() -> dict:
    """A convolution and two operators behind it, as tables by the numbers of their fields."""
    return {
        0: ("I", 3),
        1: [{0: ("b", CONV_2D)}, {0: ("b", MEAN), 3: ("i", MEAN)}, {0: ("b", 127), 3: ("i", CUMSUM)}],
        2: [
            {
                0: [
                    tensor("images", [1, 4, 4, 2], FLOAT32, 0),
                    tensor("axes", [2], INT32, 2),
                    tensor("weights", [3, 1, 1, 2], FLOAT32, 3),
                    tensor("out", [1, 4, 4, 3], FLOAT32, 0),
                    tensor("small", [2], INT8, 1),
                ],
                1: [IMAGES],
                2: [OUT],
                3: [
                    {
                        1: [IMAGES, WEIGHTS, -1],
                        2: [OUT],
                        3: ("B", 1),
                        4: {0: ("b", 1), 1: ("i", 2), 2: ("i", 3), 3: ("b", 3)},
                    },
                    {0: ("I", 1), 1: [OUT, AXES], 2: [OUT]},
                    {0: ("I", 2), 1: [OUT], 2: [OUT]},
                ],
            }
        ],
        4: [{}, {0: b"\1\2"}, {0: struct.pack("<2i", 1, -2)}, {0: struct.pack("<6f", *KERNEL)}],
    }


def serialised(fields: dict) -> bytes:
    out = bytearray(b"\0\0\0\0TFL3")
    struct.pack_into("<I", out, 0, put(out, fields))
    return bytes(out)


WHOLE = serialised(model())


def write(folder: Path, data: bytes) -> Path:
    file = folder / "model.tflite"
    file.write_bytes(data)
    return file


def test_constants_are_read_by_name(tmp_path):
    constants = read_graph(write(tmp_path, WHOLE)).constants
    assert constants.keys() == {"axes", "weights"}
    torch.testing.assert_close(constants["axes"], torch.tensor([1, -2], dtype=torch.int32))
    torch.testing.assert_close(constants["weights"], torch.tensor(KERNEL).view(3, 1, 1, 2), rtol=0, atol=0)


def test_operators_come_in_order_with_what_they_read_and_write(tmp_path):
    graph = read_graph(write(tmp_path, WHOLE))
    assert (graph.inputs, graph.outputs) == (("images",), ("out",))
    options = {"padding": 1, "stride_w": 2, "stride_h": 3, "activation": 3}
    assert graph.operators == (
        ("CONV_2D", ("images", "weights", ""), ("out",), options),
        ("MEAN", ("out", "axes"), ("out",), {}),
        ("128", ("out",), ("out",), {}),
    )


def with_tensor(changed: dict) -> bytes:
    fields = model()
    fields[2][0][0][WEIGHTS] |= changed
    return serialised(fields)


def with_graph(changed: dict) -> bytes:
    fields = model()
    fields[2][0] |= changed
    return serialised(fields)


def with_model(changed: dict) -> bytes:
    return serialised(model() | changed)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no 4 bytes"),
        (WHOLE.replace(b"TFL3", b"TFL2"), "identifier"),
        (with_model({2: []}), "0 graphs"),
        (with_model({2: model()[2] * 2}), "2 graphs"),
        (with_model({1: []}), "kind of operator 0 of 0"),
        (with_model({4: [{}]}), "buffer 2 of 1"),
        (with_model({4: [{1: ("Q", 4096)}] * 4}), "behind the tables"),
        (with_graph({1: [5]}), "tensor 5 of 5"),
        (with_graph({1: [-2]}), "tensor -2 of 5"),
        (with_tensor({3: "axes"}), "one name"),
        (with_tensor({0: [2, 4]}), "holds 6 values"),
        (with_tensor({0: [-2, -3]}), "holds 6 values"),
        (with_tensor({0: [1 << 30] * 10_000}), "10000 dimensions"),
        (with_tensor({1: ("b", INT32), 2: ("I", 1)}), "whole"),
        (with_graph({0: [tensor("a" * 10_000, [], FLOAT32, 0)] * 10_000}), "overlap"),
        (with_graph({3: [model()[2][0][3][1]] * 100_000}), "overlap"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_is_refused(tmp_path, data, message):
    with pytest.raises(WeightsError, match=message):
        read_graph(write(tmp_path, data))


@pytest.mark.parametrize("distance", [0, 1, 1 << 16, (1 << 31) - 1, -1, -(1 << 31)])
def test_a_vtable_anywhere_is_looked_for_inside_the_file_alone(tmp_path, distance):
    (start,) = struct.unpack_from("<I", WHOLE)
    data = bytearray(WHOLE)
    struct.pack_into("<i", data, start, distance)
    with pytest.raises(WeightsError):
        read_graph(write(tmp_path, data))


def test_a_file_cut_short_is_refused_wherever_that_is(tmp_path):
    for length in range(len(WHOLE)):
        with pytest.raises(WeightsError, match=r"model\.tflite"):
            read_graph(write(tmp_path, WHOLE[:length]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_damage_is_never_anything_but_an_error_or_another_model(tmp_path, changes):
    data = bytearray(WHOLE)
    for position, value in changes:
        data[position] = value
    try:
        graph = read_graph(write(tmp_path, data))
    except WeightsError:
        return
    assert all(values.dtype in {torch.float32, torch.int32} for values in graph.constants.values())
