"""Whatever is thrown at `cloak protect`: a clear message, nothing lost, nothing half written."""

import json
import os
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from cloak.manifest import OURS

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
STRIP = ("--faces", "none")
"""Where the claim is about files, no face has to be cloaked for it."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def _files(folder: Path) -> list[str]:
    """All files below a folder, hidden and temporary ones too, but for the manifest."""
    found = (path for path in folder.rglob("*") if not path.is_dir() and path.name not in OURS)
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _refused(cloak, path: Path, out: Path, reason: str, *options: str) -> None:
    """One photo is refused with a reason, while another one beside it is written."""
    fine = path.parent / "fine.png"
    Image.new("RGB", (8, 8), "red").save(fine)
    result = cloak("protect", path, fine, "-o", out, *STRIP, *options)
    assert result.code == 3
    assert f"failed: {path}" in result.err
    assert reason in result.err
    assert _files(out) == ["fine.png"]


def test_an_empty_folder_is_a_usage_error(cloak, tmp_path, out):
    (tmp_path / "empty").mkdir()
    result = cloak("protect", tmp_path / "empty", "-o", out)
    assert result.code == 2
    assert "no photos in" in result.err
    assert not out.exists()


def test_a_path_that_does_not_exist_is_a_usage_error_and_nothing_is_started(cloak, paint, tmp_path, out):
    result = cloak("protect", paint(tmp_path / "a.png"), tmp_path / "typo.jpg", "-o", out, *STRIP)
    assert result.code == 2
    assert "no such file or folder" in result.err
    assert "typo.jpg" in result.err
    assert not out.exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_reported(cloak, paint, tmp_path, out):
    paint(tmp_path / "secret.png").chmod(0)
    _refused(cloak, tmp_path / "secret.png", out, "permission denied")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_reported_and_the_others_go_on(cloak, paint, tmp_path, out):
    paint(tmp_path / "in" / "closed" / "a.png").parent.chmod(0)
    paint(tmp_path / "in" / "b.png")
    result = cloak("protect", tmp_path / "in", "-o", out, *STRIP)
    (tmp_path / "in" / "closed").chmod(0o700)
    assert result.code == 3
    assert "closed: the folder cannot be read" in result.err
    assert _files(out) == ["b.png"]


@linux
def test_a_file_that_even_root_cannot_read_is_reported(cloak, tmp_path, out):
    (tmp_path / "memory.jpg").symlink_to("/proc/self/mem")
    _refused(cloak, tmp_path / "memory.jpg", out, "cannot be read: Input/output error")


@linux
def test_an_output_folder_that_even_root_cannot_make_is_an_error_before_any_work(cloak, paint, tmp_path):
    result = cloak("protect", paint(tmp_path / "a.png"), "-o", "/proc/cloak", *STRIP)
    assert result.code == 1
    assert "cannot write to /proc/cloak" in result.err


def test_an_output_folder_that_is_a_file_is_an_error(cloak, paint, tmp_path):
    result = cloak("protect", paint(tmp_path / "a.png"), "-o", paint(tmp_path / "b.png"), *STRIP)
    assert result.code == 1
    assert "is a file: name a folder" in result.err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"not a photo at all", "not an image"),
        (b"GIF89a" + bytes(20), "a GIF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a camera raw file: develop it"),
    ],
    ids=["empty", "text", "gif", "cr3"],
)
def test_what_is_no_photo_is_reported(cloak, tmp_path, out, content, reason):
    (tmp_path / "a.jpg").write_bytes(content)
    _refused(cloak, tmp_path / "a.jpg", out, reason)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "heic", "tiff"])
def test_a_truncated_photo_is_reported(cloak, paint, tmp_path, out, suffix):
    whole = paint(tmp_path / f"whole.{'avif' if suffix == 'heic' else suffix}", width=200, height=200).read_bytes()
    if suffix == "heic":
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.from_pillow(Image.effect_noise((200, 200), 50).convert("RGB")).save(tmp_path / "whole.heic")
        whole = (tmp_path / "whole.heic").read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(whole[: len(whole) * 2 // 3])
    _refused(cloak, tmp_path / f"cut.{suffix}", out, "truncated or damaged")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tiff"])
def test_a_photo_of_one_pixel_is_written(cloak, paint, tmp_path, out, suffix):
    result = cloak("protect", paint(tmp_path / f"dot.{suffix}", width=1, height=1), "-o", out)
    assert (result.code, result.err) == (0, "")
    with Image.open(out / f"dot.{suffix}") as image:
        assert image.size == (1, 1)


def test_a_photo_65000_pixels_wide_is_written(cloak, paint, tmp_path, out):
    result = cloak("protect", paint(tmp_path / "wide.jpg", width=65_000, height=3), "-o", out)
    assert (result.code, result.err) == (0, "")
    with Image.open(out / "wide.jpg") as image:
        assert image.size == (65_000, 3)


def test_a_photo_too_wide_for_the_format_asked_for_is_reported(cloak, paint, tmp_path, out):
    path = paint(tmp_path / "wide.png", width=65_000, height=3)
    result = cloak("protect", path, "-o", out, *STRIP, "--format", "webp")
    assert result.code == 3
    assert "65000 x 3 pixels do not fit into WEBP" in result.err
    assert _files(out) == []


def test_a_decompression_bomb_is_refused_by_its_header(cloak, tmp_path, out):
    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    header = (60_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )
    (tmp_path / "bomb.png").write_bytes(bomb)
    _refused(cloak, tmp_path / "bomb.png", out, "60000 x 60000 pixels are more than the limit")


def test_the_pixel_limit_can_be_lowered_and_raised(cloak, paint, tmp_path, out):
    path = paint(tmp_path / "a.png", width=100, height=100)
    assert cloak("protect", path, "-o", out, *STRIP, "--max-pixels", 9_999).code == 3
    assert cloak("protect", path, "-o", out, *STRIP, "--max-pixels", 10_000).code == 0


def test_a_cmyk_photo_is_written_in_rgb(cloak, paint, tmp_path, out):
    assert cloak("protect", paint(tmp_path / "print.jpg", mode="CMYK"), "-o", out).code == 0
    with Image.open(out / "print.jpg") as image:
        assert image.mode == "RGB"


def test_an_animation_is_refused_rather_than_flattened(cloak, tmp_path, out):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "film.webp", save_all=True, append_images=frames[1:])
    _refused(cloak, tmp_path / "film.webp", out, "anima")


def test_a_folder_called_like_a_photo_is_a_folder(cloak, paint, tmp_path, out):
    paint(tmp_path / "in" / "a.jpg" / "b.jpg")
    assert cloak("protect", tmp_path / "in", "-o", out, *STRIP).code == 0
    assert _files(out) == ["a.jpg/b.jpg"]


@posix
def test_links_that_lead_in_a_circle_end(cloak, paint, tmp_path, out):
    paint(tmp_path / "in" / "deep" / "a.png")
    (tmp_path / "in" / "deep" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "in" / "self").symlink_to("self")
    result = cloak("protect", tmp_path / "in", "-o", out, *STRIP)
    assert result.code == 3
    assert "self.jpg: cannot be read: a link that leads in a circle" in result.err
    assert "self: a link that leads in a circle" in result.err
    assert _files(out) == ["deep/a.png"]


@posix
def test_a_pipe_called_like_a_photo_is_reported_and_not_waited_for(cloak, tmp_path, out):
    os.mkfifo(tmp_path / "pipe.jpg")
    _refused(cloak, tmp_path / "pipe.jpg", out, "not a regular file")


def test_output_inside_input_is_not_protected_again(cloak, paint, tmp_path):
    paint(tmp_path / "a.png")
    out = tmp_path / "safe"
    for _ in range(2):
        assert cloak("protect", tmp_path, "-o", out, *STRIP, "--overwrite").code == 0
    assert _files(tmp_path) == ["a.png", "safe/a.png"]


@pytest.mark.parametrize("names", ["keep", "random"])
def test_output_equal_to_input_is_refused(cloak, paint, tmp_path, names):
    before = paint(tmp_path / "a.png").read_bytes()
    result = cloak("protect", tmp_path, "-o", tmp_path, *STRIP, "--overwrite", "--names", names)
    assert result.code == 2
    assert "both input and output" in result.err
    assert _files(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == before


def test_a_file_is_never_written_over_an_original(cloak, paint, tmp_path):
    paint(tmp_path / "one" / "a.png")
    before = paint(tmp_path / "two" / "a.png", width=20).read_bytes()
    for paths in ([tmp_path / "two" / "a.png"], [tmp_path / "one" / "a.png", tmp_path / "two" / "a.png"]):
        result = cloak("protect", *paths, "-o", tmp_path / "two", *STRIP, "--overwrite")
        assert result.code == 2
        assert "originals are never changed" in result.err
    assert (tmp_path / "two" / "a.png").read_bytes() == before


@posix
def test_an_output_folder_that_links_to_the_originals_is_refused(cloak, paint, tmp_path):
    before = paint(tmp_path / "in" / "sub" / "a.png").read_bytes()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "in" / "sub")
    assert cloak("protect", tmp_path / "in", "-o", tmp_path / "out", *STRIP, "--overwrite").code == 2
    assert (tmp_path / "in" / "sub" / "a.png").read_bytes() == before


def test_same_names_with_different_suffixes_do_not_collide(cloak, paint, tmp_path, out):
    for name in ("a.jpg", "a.png", "a.webp"):
        paint(tmp_path / "in" / name)
    assert cloak("protect", tmp_path / "in", "-o", out, *STRIP, "--format", "jpeg").code == 0
    assert _files(out) == ["a.jpg", "a.png.jpg", "a.webp.jpg"]


def test_what_is_already_there_is_kept_unless_asked(cloak, paint, tmp_path, out):
    path = paint(tmp_path / "a.png")
    out.mkdir()
    (out / "a.png").write_bytes(b"precious")
    result = cloak("protect", path, "-o", out, *STRIP)
    assert result.code == 3
    assert "already exists: pass --overwrite" in result.err
    assert (out / "a.png").read_bytes() == b"precious"
    assert cloak("protect", path, "-o", out, *STRIP, "--overwrite").code == 0
    assert (out / "a.png").read_bytes() != b"precious"


@linux
def test_file_names_may_be_any_bytes(cloak, paint, tmp_path, out):
    names = ["two\nlines.png", os.fsdecode(b"caf\xe9.png"), "\x1b[31mred.png", "<b>&amp;.png", "-v.png"]
    for name in names:
        paint(tmp_path / "in" / name)
    report = tmp_path / "report.html"
    result = cloak("protect", tmp_path / "in", "-o", out, *STRIP, "-v", "--report", report)
    assert result.code == 0
    assert _files(out) == sorted(names)
    assert "two\\nlines.png" in result.out
    assert "caf\\xe9.png" in result.out
    assert "\x1b" not in result.out
    page = report.read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;amp;.png" in page


@linux
def test_json_survives_file_names_that_are_no_text(cloak, paint, tmp_path, out):
    path = paint(tmp_path / os.fsdecode(b"caf\xe9\n.png"))
    (tmp_path / os.fsdecode(b"b\xe9.png")).write_bytes(b"no photo")
    result = cloak("protect", path, tmp_path / os.fsdecode(b"b\xe9.png"), "-o", out, *STRIP, "--json")
    assert result.code == 3
    assert [photo["source"] for photo in json.loads(result.out)["photos"]] == [
        str(path),
        str(tmp_path / os.fsdecode(b"b\xe9.png")),
    ]
    assert result.out.isascii()
