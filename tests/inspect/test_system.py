"""What the file system keeps beside a file is told: where a download came from, comments, keywords."""

import ctypes
import os
import plistlib

import pytest

from cloak.inspect import attributes, inspect

from .photos import jpeg, told

needs_attributes = pytest.mark.skipif(not hasattr(os, "setxattr"), reason="needs extended attributes")
PAGES = ["https://example.org/ada.jpg", "https://example.org/"]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg())
    return path


def put(path, **values):
    try:
        for name, value in values.items():
            os.setxattr(path, name.replace("__", "."), value)
    except OSError:
        pytest.skip("this file system has none")


@needs_attributes
def test_where_a_download_came_from_is_told(photo):
    put(photo, user__xdg__origin__url=b"https://example.org/ada", user__xdg__referrer__url=b"https://example.org/")
    found = told(inspect(photo))
    assert found["name", "downloaded from"] == "https://example.org/ada"
    assert found["name", "found on the page"] == "https://example.org/"


@needs_attributes
@pytest.mark.parametrize("prefix", ["user.com.apple.metadata:", "user."])
def test_what_a_mac_writes_is_told_wherever_the_file_was_copied_to(photo, prefix):
    put(photo, **{f"{prefix}kMDItemWhereFroms": plistlib.dumps(PAGES, fmt=plistlib.FMT_BINARY)})
    assert told(inspect(photo))["name", "downloaded from"] == ", ".join(PAGES)


@needs_attributes
def test_a_damaged_list_is_told_by_its_size(photo):
    put(photo, **{"user.com.apple.metadata:kMDItemWhereFroms": b"bplist00" + bytes(30)})
    assert told(inspect(photo))["name", "downloaded from"] == "38 bytes"


@needs_attributes
def test_the_library_of_the_system_finds_what_python_finds(photo):
    put(photo, user__one=b"1" * 300, user__two=b"")
    library, place = ctypes.CDLL(None, use_errno=True), os.fsencode(photo)
    found = attributes.collected(
        lambda buffer, size: library.listxattr(place, buffer, size),
        lambda name: lambda buffer, size: library.getxattr(place, name, buffer, size),
    )
    assert found == attributes.read(photo)
    assert {"user.one", "user.two"} <= set(found)


def test_a_call_that_fails_gives_nothing():
    def fails(*_):
        return -1

    assert attributes.filled(fails) == b""
    assert attributes.collected(fails, lambda _: fails) == {}
