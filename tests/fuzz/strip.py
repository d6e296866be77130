"""Fuzz lossless stripping: ``python tests/fuzz/strip.py CONTAINER [options of libFuzzer] [folders with files]``.

Needs `pip install atheris` (not part of the tests). Where no folder is given, it starts with the files that the tests
build. For any bytes: nothing but a `PhotoError` is raised; what is written and passes the second reader is not much
longer than what was read, and is not changed by being stripped again. With STRICT=1 in the environment, all that is
written must pass. Example, for ten minutes::

    python tests/fuzz/strip.py gif -max_total_time=600 -rss_limit_mb=1024 -timeout=5
"""

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cloak"]):
    from cloak.errors import PhotoError, ResidueError
    from cloak.image import sniff
    from cloak.image.scan import scan
    from cloak.image.strip import plan
    from cloak.image.strip.base import Keep, Memory

    for name in ("jpeg", "png", "webp", "gif", "bmp", "tiff", "jp2", "isobmff"):  # which are imported when needed
        import_module(f"cloak.image.strip.{name}")
        import_module(f"cloak.image.scan.{name}")

_MAGIC = {
    "jpeg": b"\xff\xd8\xff",
    "png": b"\x89PNG\r\n\x1a\n",
    "webp": b"RIFF\0\0\0\0WEBP",
    "gif": b"GIF89a",
    "bmp": b"BM",
    "tiff": b"II*\0",
    "jp2": b"\0\0\0\x0cjP  ",
    "heic": b"\0\0\0\x18ftypheic",
    "avif": b"\0\0\0\x18ftypavif",
}
STRICT = bool(os.environ.get("STRICT"))
"""Whether it is a finding that the second reader refuses what the first wrote."""

_MODULES = {"bmp": ("bmp", "bmp_runs"), "heic": ("isobmff", "isobmff_tracks"), "avif": ("isobmff", "isobmff_tracks")}
_GROWTH = 4096
"""Bytes by which a file may grow: a header with a canonical profile in place of a short one."""


def check(data: bytes, keep: Keep) -> None:
    """Check the promises for one file."""
    source = Memory(data)
    try:
        planned = plan(source, keep)
        written = b"".join(planned.blocks(source))
    except PhotoError:
        return
    try:
        scan(written)
    except ResidueError as error:  # nothing would be lost, but the two readers should agree
        if STRICT:
            raise AssertionError(f"the second reader refuses what was written: {error}") from error
        return
    if len(written) != planned.size or len(written) > len(data) + _GROWTH:
        raise AssertionError(f"{len(data)} bytes became {len(written)}, {planned.size} planned")
    again = plan(Memory(written), keep)
    if b"".join(again.blocks(Memory(written))) != written:
        raise AssertionError("stripping again gives other bytes")
    if again.removed:
        raise AssertionError(f"stripping again finds {again.removed}")


def _seeds(container: str) -> str:
    """A folder with the files that the tests of a container build."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    folder = tempfile.mkdtemp(prefix=f"fuzz-{container}-")
    modules = [import_module(f"tests.image.test_strip_{name}") for name in _MODULES.get(container, (container,))]
    tests = [getattr(module, name) for module in modules for name in dir(module) if name.startswith("Test")]
    cases = [case for test in tests for case in test.CASES]
    for number, case in enumerate(cases):
        (Path(folder) / str(number)).write_bytes(case.data)
    return folder


def main() -> None:
    """Run libFuzzer."""
    if len(sys.argv) < 2 or sys.argv[1] not in _MAGIC:
        sys.exit(f"usage: {sys.argv[0]} {{{','.join(_MAGIC)}}} [options of libFuzzer] [folders with files]")
    container = sys.argv.pop(1)
    if all(argument.startswith("-") for argument in sys.argv[1:]):
        sys.argv.append(_seeds(container))
    kinds = {container, {"heic": "avif", "avif": "heic"}.get(container)}

    def one(data: bytes) -> None:
        try:
            kind = sniff.recognise(data[: sniff.HEAD])
        except PhotoError:
            kind = None
        if kind not in kinds:  # no time for other containers
            data = _MAGIC[container] + data[len(_MAGIC[container]) :]
        check(data, Keep())
        check(data, Keep(orientation=False, profile=False))

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
