"""What every container promises about lossless stripping; its tests subclass `Contract` and list `CASES`.

    class TestGif(Contract):
        CASES = [Case("comment", dirty_gif()), ...]

Dirty, clean, read again, clean again, truncated at every 1% of its length, bits flipped, bytes appended.
"""

import io
import json
import random
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pillow_heif
import pytest
from PIL import Image, ImageSequence

from cloak.errors import PhotoError
from cloak.image.scan import scan
from cloak.image.strip import plan
from cloak.image.strip.base import Keep, Memory, Plan

from .dirty import SECRET

pillow_heif.register_heif_opener()

NOT_METADATA = frozenset({"SourceFile", "ExifTool", "System", "File", "Composite"})
"""Groups of exiftool's output that describe the file or are computed."""


def frames(data: bytes) -> list[tuple[object, ...]]:
    """What a viewer shows: size, mode, pixels and duration of every frame, as stored."""
    with Image.open(io.BytesIO(data)) as image:
        if image.format == "MPO":  # further pictures go, the main one stays
            return [(image.size, image.mode, image.convert("RGBA").tobytes(), None)]
        return [
            (frame.size, frame.mode, frame.convert("RGBA").tobytes(), frame.info.get("duration"))
            for frame in ImageSequence.Iterator(image)
        ]


@dataclass(frozen=True)
class Case:
    """One file that must come out clean.

    Attributes:
        name: what it is.
        data: its bytes.
        removed: names that must be among what is said to be removed.
        secrets: bytes that must not come out.
        shown: what a viewer shows of a file: equal before and after.
    """

    name: str
    data: bytes
    removed: Sequence[str] = ()
    secrets: Sequence[bytes] = (SECRET,)
    shown: Callable[[bytes], object] = field(default=frames)

    def __str__(self) -> str:
        return self.name


def stripped(data: bytes, keep: Keep | None = None) -> tuple[bytes, Plan]:
    """Strip a file in memory, and have it read by the second reader."""
    source = Memory(data)
    planned = plan(source, keep)
    written = b"".join(planned.blocks(source))
    assert len(written) == planned.size
    scan(written)
    return written, planned


def assert_clean(data: bytes, secrets: Sequence[bytes] = (SECRET,)) -> None:
    """Check that the second reader accepts a file, and that no secret is in it."""
    scan(data)
    for secret in secrets:
        assert secret not in data
        assert secret.decode("latin-1").encode("utf-16-le") not in data


def stripped_or_refused(data: bytes, secrets: Sequence[bytes] = (SECRET,)) -> bytes | None:
    """Strip a damaged file: whatever comes out is clean, and nothing but a `PhotoError` with a reason is raised."""
    written, reason = None, ""
    try:
        written, _ = stripped(data)
    except PhotoError as error:
        reason = str(error)
    assert (written is None) == bool(reason)
    if written is not None:
        assert_clean(written, secrets)
    return written


class Contract:
    """The tests that every container shares. `CASES` are given to each as `case`."""

    CASES: Sequence[Case] = ()

    FLIPS = 150
    """How many bits are flipped, one at a time, in each case."""

    def test_a_dirty_file_comes_out_clean(self, case: Case) -> None:
        written, planned = stripped(case.data)
        assert_clean(written, case.secrets)
        assert set(case.removed) <= set(planned.removed)
        assert list(planned.removed) == sorted(set(planned.removed), key=str.casefold)
        assert not any(secret.decode("latin-1") in name for secret in case.secrets for name in planned.removed)

    def test_the_picture_is_the_same_to_the_last_bit(self, case: Case) -> None:
        assert case.shown(stripped(case.data)[0]) == case.shown(case.data)

    def test_a_clean_file_is_not_changed_again(self, case: Case) -> None:
        written, _ = stripped(case.data)
        again, planned = stripped(written)
        assert again == written
        assert planned.removed == ()

    def test_keeping_nothing_keeps_nothing(self, case: Case) -> None:
        written, planned = stripped(case.data, Keep(orientation=False, profile=False))
        assert_clean(written, case.secrets)
        assert planned.kept == ()
        assert stripped(written)[0] == written

    @pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
    def test_exiftool_finds_no_text_in_it(self, case: Case, tmp_path) -> None:
        path = tmp_path / "photo"
        path.write_bytes(stripped(case.data)[0])
        run = subprocess.run(["exiftool", "-j", "-a", "-u", "-G1", "-s", path], capture_output=True, check=False)
        (tags,) = json.loads(run.stdout)
        for name, value in tags.items():
            if name.partition(":")[0] not in NOT_METADATA:
                assert not any(secret.decode("latin-1") in str(value) for secret in case.secrets)
        assert not [
            name for name in tags if name.startswith(("GPS", "XMP", "IPTC", "Photoshop", "MakerNotes", "JUMBF"))
        ]

    def test_a_file_cut_off_anywhere_is_refused_or_clean(self, case: Case) -> None:
        for percent in range(100):
            stripped_or_refused(case.data[: len(case.data) * percent // 100], case.secrets)
            stripped_or_refused(stripped(case.data)[0][: len(case.data) * percent // 100], case.secrets)

    def test_a_flipped_bit_anywhere_is_refused_or_clean(self, case: Case) -> None:
        draw = random.Random(7)  # noqa: S311 -- not for secrets
        for _ in range(self.FLIPS):
            data = bytearray(case.data)
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            stripped_or_refused(bytes(data), ())

    def test_bytes_behind_the_end_never_come_out(self, case: Case) -> None:
        for tail in (SECRET, b"\0" * 5 + SECRET, b"PK\3\4" + SECRET, b"\0\0\0\x18ftypmp42" + SECRET):
            written = stripped_or_refused(case.data + tail, case.secrets)
            assert written in {None, stripped(case.data)[0]}
