import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from cloak.errors import WeightsError
from cloak.models.readers.numpy_pickled import read_numpy
from cloak.models.readers.pickled import Inert, module_tensors, read_torch


class Bomb:
    """Makes a folder when it is unpickled by Python itself."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return (Path.mkdir, (self.target,))


TENSORS = OrderedDict(
    turned=torch.arange(6.0).view(2, 3).t(),
    half=torch.tensor([1.5, -2.0], dtype=torch.float16),
    whole=torch.tensor(7),
    weight=torch.nn.Parameter(torch.ones(2, 2)),
)


class TestTorch:
    @pytest.mark.parametrize("zipped", [True, False])
    def test_what_torch_saved_is_read(self, tmp_path, zipped):
        file = tmp_path / "weights.pt"
        torch.save(TENSORS, file, _use_new_zipfile_serialization=zipped)
        found = read_torch(file)
        assert found.keys() == TENSORS.keys()
        for name, expected in TENSORS.items():
            torch.testing.assert_close(found[name], expected.detach(), rtol=0, atol=0)

    @pytest.mark.parametrize("zipped", [True, False])
    def test_a_whole_module_gives_its_tensors_and_nothing_else(self, tmp_path, zipped):
        module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
        file = tmp_path / "module.pt"
        torch.save(module, file, _use_new_zipfile_serialization=zipped)
        classes = ["container.Sequential", "linear.Linear", "batchnorm.BatchNorm1d"]

        found = read_torch(file, inert=[f"torch.nn.modules.{name}" for name in classes])

        assert isinstance(found, Inert)
        assert found.kind == "torch.nn.modules.container.Sequential"
        tensors = module_tensors(found)
        assert tensors.keys() == module.state_dict().keys()
        assert all(torch.equal(tensors[name], expected) for name, expected in module.state_dict().items())
        with pytest.raises(WeightsError, match=r"torch\.nn\.modules\.linear\.Linear"):
            read_torch(file, inert=["torch.nn.modules.container.Sequential"])

    @pytest.mark.parametrize("zipped", [True, False])
    def test_code_in_a_pickle_does_not_run(self, tmp_path, zipped):
        target = tmp_path / "made"
        file = tmp_path / "weights.pt"
        torch.save({"a": Bomb(target)}, file, _use_new_zipfile_serialization=zipped)
        with pytest.raises(WeightsError, match="which weights do not need"):
            read_torch(file)
        assert not target.exists()

    @pytest.mark.parametrize("zipped", [True, False])
    def test_a_file_cut_short_is_refused(self, tmp_path, zipped):
        file = tmp_path / "weights.pt"
        torch.save(TENSORS, file, _use_new_zipfile_serialization=zipped)
        whole = file.read_bytes()
        for length in (0, 10, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:length])
            with pytest.raises(WeightsError, match=r"weights\.pt"):
                read_torch(file)

    def test_a_tensor_beyond_its_storage_is_refused(self, tmp_path):
        file = tmp_path / "weights.pt"
        torch.save(torch.arange(6.0).view(2, 3), file, _use_new_zipfile_serialization=False)
        whole = file.read_bytes()
        shape = b"K\x02K\x03\x86"  # (2, 3) as the pickle writes it
        assert whole.count(shape) == 1
        file.write_bytes(whole.replace(shape, b"K\xffK\xff\x86"))
        with pytest.raises(WeightsError, match="out of bounds"):
            read_torch(file)

    def test_a_compressed_file_is_refused(self, tmp_path):
        torch.save(torch.zeros(1000), tmp_path / "stored.pt")
        with (
            zipfile.ZipFile(tmp_path / "stored.pt") as stored,
            zipfile.ZipFile(tmp_path / "small.pt", "w", zipfile.ZIP_DEFLATED) as small,
        ):
            for name in stored.namelist():
                small.writestr(name, stored.read(name))
        with pytest.raises(WeightsError, match="compressed"):
            read_torch(tmp_path / "small.pt")


ARRAYS = {
    "rows": [np.arange(6, dtype="f4").reshape(2, 3), np.array([True, False])],
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "one": np.float32(2.5),
    "none": np.zeros((0, 3), "i8"),
}


class TestNumpy:
    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_arrays_come_back_as_tensors(self, tmp_path, protocol):
        file = tmp_path / "arrays.pkl"
        file.write_bytes(pickle.dumps(ARRAYS, protocol))
        found = read_numpy(file)
        torch.testing.assert_close(found["rows"], [torch.from_numpy(array) for array in ARRAYS["rows"]])
        torch.testing.assert_close(found["columns"], torch.from_numpy(ARRAYS["columns"]))
        assert found["columns"].is_contiguous()
        assert found["one"] == 2.5
        assert found["none"].shape == (0, 3)

    @pytest.mark.parametrize("array", [np.array([{}], dtype=object), np.arange(3, dtype=">f4"), np.array(["text"])])
    def test_arrays_of_anything_but_plain_numbers_are_refused(self, tmp_path, array):
        file = tmp_path / "arrays.pkl"
        file.write_bytes(pickle.dumps(array))
        with pytest.raises(WeightsError, match=r"arrays\.pkl"):
            read_numpy(file)

    def test_code_in_a_pickle_does_not_run(self, tmp_path):
        target = tmp_path / "made"
        (tmp_path / "arrays.pkl").write_bytes(pickle.dumps([np.zeros(2), Bomb(target)]))
        with pytest.raises(WeightsError, match="which weights do not need"):
            read_numpy(tmp_path / "arrays.pkl")
        assert not target.exists()
