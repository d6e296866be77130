"""The file `arrays.h5` was written by h5py 3.16, which is no dependency."""

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloak.errors import WeightsError
from cloak.models.readers.hdf5 import read_datasets

FILE = Path(__file__).parents[1] / "data/arrays.h5"
WHOLE = FILE.read_bytes()
FLOAT32 = bytes.fromhex("11 201f00 04000000")


def altered(path: Path, old: bytes, new: bytes) -> Path:
    assert old in WHOLE
    path.write_bytes(WHOLE.replace(old, new))
    return path


def test_arrays_are_read_by_their_paths():
    found = read_datasets(FILE)
    expected = {
        "model_weights/conv/conv/kernel:0": torch.arange(24.0).view(2, 3, 4),
        "model_weights/norm/norm/beta:0": torch.tensor([1.5, -2.0]),
        "none": torch.zeros(0, 3),
        **{f"many/{number:02}": torch.tensor(float(number)) for number in range(20)},
    }
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"\x89HDF", b"\x88HDF", "superblock"),
        (b"\x89HDF\r\n\x1a\n\0", b"\x89HDF\r\n\x1a\n\2", "superblock"),
        (FLOAT32, bytes.fromhex("11 211f00 04000000"), "not float32 in one piece"),  # big-endian
        (FLOAT32, bytes.fromhex("10 080000 04000000"), "not float32 in one piece"),  # integers
        (b"HEAP", b"heap", "no heap"),
        (b"TREE", b"tree", "no members"),
        (b"SNOD", b"snod", "no members"),
    ],
)
def test_what_it_does_not_know_is_refused(tmp_path, old, new, message):
    with pytest.raises(WeightsError, match=message):
        read_datasets(altered(tmp_path / "other.h5", old, new))


def test_groups_that_hold_themselves_are_refused(tmp_path):
    # The root's members all become the root, whose header is at byte 96.
    file, data = tmp_path / "circle.h5", bytearray(WHOLE)
    node = WHOLE.index(b"SNOD")
    for index in range(data[node + 6]):
        start = node + 16 + 40 * index
        data[start : start + 8] = (96).to_bytes(8, "little")
    file.write_bytes(data)
    with pytest.raises(WeightsError, match=r"circles|nested"):
        read_datasets(file)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9])
def test_a_file_cut_short_is_refused(tmp_path, share):
    file = tmp_path / "short.h5"
    file.write_bytes(WHOLE[: int(share * len(WHOLE))])
    with pytest.raises(WeightsError, match=r"short\.h5"):
        read_datasets(file)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_damage_is_never_anything_but_an_error_or_other_numbers(tmp_path, changes):
    file, data = tmp_path / "damaged.h5", bytearray(WHOLE)
    for position, value in changes:
        data[position] = value
    file.write_bytes(data)
    try:
        found = read_datasets(file)
    except WeightsError:
        return
    assert all(values.dtype == torch.float32 for values in found.values())
