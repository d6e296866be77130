"""Read tensors out of pickles without letting the pickle run anything.

A pickle names the functions it wants called. Here every name is looked up in a fixed table of functions of this module,
or in the caller's list of classes that become inert placeholders; any other name is an error. Nothing is imported.
"""

import io
import pickle
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cloak.errors import WeightsError
from cloak.models.readers.protobuf import numbers, shaped

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# What a pickle can raise on bytes that are not what they claim to be; the unpickler promises no narrower set.
DAMAGE = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError, AttributeError, RuntimeError,
    OverflowError, MemoryError, RecursionError, UnicodeError, zipfile.BadZipFile, zlib.error, struct.error,
    WeightsError,
)  # fmt: skip


class Inert:
    """What becomes of an object whose class is on the caller's list: its state, and no behaviour.

    Attributes:
        kind: full name of the class it was.
        arguments: what the class would have been called with.
        state: the attributes that were pickled.
    """

    kind = ""
    arguments: tuple[object, ...] = ()
    state: Any = None

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments

    def __setstate__(self, state: object) -> None:
        """Keep the state that was pickled."""
        self.state = state


@dataclass(frozen=True, slots=True)
class _Storage:
    values: torch.Tensor


def read_torch(path: Path, *, inert: Collection[str] = ()) -> Any:  # noqa: ANN401 -- a pickle can hold anything
    """Read what `torch.save` wrote, in the zip format or the older one.

    Args:
        path: the file.
        inert: full names (`torch.nn.modules.conv.Conv2d`) of classes to replace by `Inert`, for whole-module pickles.

    Returns:
        The object: tensors, containers of tensors, `Inert` placeholders. Tensors are on the CPU.

    Raises:
        WeightsError: the file is damaged, or wants anything that is neither tensors nor on the list.
    """
    data = path.read_bytes()
    try:
        if zipfile.is_zipfile(io.BytesIO(data)):
            return _read_torch_zip(data, inert)
        return _read_torch_legacy(data, inert)
    except DAMAGE as error:
        raise WeightsError(f"{path} is not a readable PyTorch file: {error}") from error


def module_tensors(module: Inert, prefix: str = "") -> dict[str, torch.Tensor]:
    """Return what `state_dict` would have returned for an `nn.Module` that was read as `Inert`.

    Raises:
        WeightsError: `module` was no `nn.Module`.
    """
    state = module.state
    parts = [state.get(key) for key in ("_parameters", "_buffers", "_modules")] if isinstance(state, dict) else []
    tables = [part for part in parts if isinstance(part, dict)]
    if len(tables) != 3:
        raise WeightsError(f"{module.kind or 'the object'} in the pickle is not a PyTorch module")
    tensors = {}
    for table in tables:
        for name, value in table.items():
            if isinstance(value, torch.Tensor):
                tensors[prefix + name] = value
            elif isinstance(value, Inert):
                tensors |= module_tensors(value, f"{prefix}{name}.")
    return tensors


class _Unpickler(pickle.Unpickler):
    """Resolves names in a table, and nowhere else."""

    def __init__(
        self, stream: io.BytesIO, table: Mapping[str, object], load: Callable[[Any], object] | None, encoding: str
    ) -> None:
        super().__init__(stream, encoding=encoding)
        self._table = table
        self._load = load

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 -- the base class says so
        """Return the entry for a name; never import anything."""
        full = f"{module}.{name}"
        if full not in self._table:
            raise pickle.UnpicklingError(f"it wants {full}, which weights do not need")
        return self._table[full]

    def persistent_load(self, pid: Any) -> object:  # noqa: ANN401 -- the base class says so
        """Return the storage that a PyTorch pickle refers to."""
        if self._load is None:
            raise pickle.UnpicklingError("it refers to data outside itself")
        return self._load(pid)


def unpickle(
    stream: io.BytesIO,
    table: Mapping[str, object],
    inert: Collection[str] = (),
    load: Callable[[Any], object] | None = None,
    encoding: str = "utf-8",
) -> Any:  # noqa: ANN401 -- a pickle can hold anything
    """Unpickle one object from `stream`.

    Args:
        stream: where the pickle starts.
        table: full name to the object that stands for it.
        inert: full names of classes to replace by `Inert`.
        load: what turns a reference to data outside the pickle into that data.
        encoding: of texts that Python 2 wrote.

    Raises:
        DAMAGE: the pickle is damaged, or wants a name that is on neither list.
    """
    placeholders = {name: type("Inert", (Inert,), {"kind": name}) for name in inert}
    return _Unpickler(stream, {**placeholders, **table}, load, encoding).load()


def _read_torch_zip(data: bytes, inert: Collection[str]) -> Any:  # noqa: ANN401 -- a pickle can hold anything
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise pickle.UnpicklingError("it holds no data.pkl")
        folder = pickles[0].removesuffix("data.pkl")
        order = f"{folder}byteorder"
        if order in archive.namelist() and _stored(archive, order) != b"little":
            raise pickle.UnpicklingError("it was written on a big-endian machine")
        storages: dict[str, _Storage] = {}

        def load(pid: Any) -> _Storage:  # noqa: ANN401 -- whatever the pickle says
            dtype, key, _ = _storage_id(pid)
            if key not in storages:
                storages[key] = _Storage(numbers(memoryview(_stored(archive, f"{folder}data/{key}")), dtype))
            return storages[key]

        return unpickle(io.BytesIO(_stored(archive, pickles[0])), _TORCH, inert, load)


def _stored(archive: zipfile.ZipFile, name: str) -> bytes:
    member = archive.getinfo(name)
    if member.compress_type != zipfile.ZIP_STORED:  # torch.save does not compress: this could be a decompression bomb
        raise pickle.UnpicklingError("it is compressed")
    return archive.read(member)


def _read_torch_legacy(data: bytes, inert: Collection[str]) -> Any:  # noqa: ANN401 -- a pickle can hold anything
    stream = io.BytesIO(data)
    if unpickle(stream, {}) != _LEGACY_MAGIC:
        raise pickle.UnpicklingError("the magic number is missing")
    unpickle(stream, {})  # protocol version
    if not unpickle(stream, {}).get("little_endian", False):
        raise pickle.UnpicklingError("it was written on a big-endian machine")
    storages: dict[str, _Storage] = {}
    left = len(data)

    def load(pid: Any) -> object:  # noqa: ANN401 -- whatever the pickle says
        nonlocal left
        if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module":  # a class, with its source text beside it
            return pid[1]
        dtype, key, count = _storage_id(pid)
        if key not in storages:
            left -= count * dtype.itemsize
            if count < 0 or left < 0:
                raise pickle.UnpicklingError("its storages are larger than the file")
            storages[key] = _Storage(torch.empty(count, dtype=dtype))
        return storages[key]

    found = unpickle(stream, _TORCH, inert, load)
    for key in unpickle(stream, {}):  # the storages follow, in the order of this list, each after its length
        values = storages[key].values
        if int.from_bytes(stream.read(8), "little") != values.numel():
            raise pickle.UnpicklingError("its storages do not have the lengths that its tensors claim")
        values.copy_(shaped(numbers(memoryview(stream.read(values.nbytes)), values.dtype), [values.numel()], str(key)))
    return found


def _storage_id(pid: Any) -> tuple[torch.dtype, str, int]:  # noqa: ANN401 -- whatever the pickle says
    match pid:
        case ("storage", torch.dtype() as dtype, str(key), str(), int(count), *rest) if rest in ([], [None]):
            return dtype, key, count
    raise pickle.UnpicklingError("its tensors are stored in a way that torch.save does not use")


def _rebuild_tensor(storage: _Storage, offset: int, shape: Any, stride: Any, *_: object) -> torch.Tensor:  # noqa: ANN401
    if not isinstance(storage, _Storage):
        raise TypeError("a tensor has no storage")
    return storage.values.as_strided(tuple(shape), tuple(stride), offset)  # PyTorch checks the bounds


def _rebuild_parameter(tensor: torch.Tensor, *_: object) -> torch.Tensor:
    return tensor


def _device(*_: object) -> str:
    return "cpu"


_TORCH: dict[str, object] = {
    "builtins.set": set,
    "__builtin__.set": set,
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch.device": _device,
} | {f"torch.{name}": dtype for name, dtype in _STORAGES.items()}
