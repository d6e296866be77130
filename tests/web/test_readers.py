"""Files are inspected and stripped in processes of their own: one that takes its process down harms no other."""

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cloak.errors import CloakError, ResidueError, TooLargeError, UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.strip import strip_bytes
from cloak.inspect import document, inspect_bytes
from cloak.web.reader import PIXELS
from cloak.web.readers import Readers

from .hostile_reader import answer, told
from .uploads import photo

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files are read in the same process there")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
GOOD = photo()
BARE = strip_bytes(GOOD)
WAYS = {"inspect": lambda readers, data: readers.inspect(data, "a.jpg"), "strip": Readers.strip, "scan": Readers.scan}
PATIENT = 120
"""Seconds that nothing here takes, on a machine however crowded."""


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture
def readers():
    """Readers after which no process is left."""
    yield from _until_closed(Readers(seconds=PATIENT, program="hostile_reader"))


@pytest.fixture(scope="module")
def shared():
    """For many tests, as a process takes a third of a second to start."""
    yield from _until_closed(Readers(seconds=PATIENT, program="hostile_reader"))


@pytest.fixture
def hasty():
    """Such as end what takes more than eight seconds."""
    yield from _until_closed(Readers(seconds=8, program="hostile_reader"))


def _until_closed(readers):
    before = _children()
    yield readers
    readers.close()
    assert _children() <= before


def _well(readers):
    """Whatever happened, the next file is read as it should be."""
    removed, written = readers.strip(GOOD)
    assert (removed["container"], written) == ("jpeg", BARE)
    assert readers.inspect(GOOD, "a.jpg") == document.photo(inspect_bytes(GOOD, "a.jpg"))
    readers.scan(BARE)


def test_what_is_not_clean_or_no_photo_is_said_as_if_read_here(readers):
    with pytest.raises(ResidueError):
        readers.scan(GOOD)
    for data in (b"", b"hello", b"8BPS"):
        with pytest.raises((UnreadablePhotoError, UnsupportedPhotoError)) as here:
            strip_bytes(data)
        with pytest.raises((UnreadablePhotoError, UnsupportedPhotoError)) as there:
            readers.strip(data)
        assert (type(here.value), str(here.value)) == (type(there.value), str(there.value))
    _well(readers)


@pytest.mark.parametrize(("evil", "way"), [(b"segfault", "inspect"), (b"exits", "strip"), (b"segfault", "scan")])
def test_a_file_that_takes_its_reader_down_is_one_unreadable_file(readers, evil, way):
    before = _children()
    readers.start()
    with pytest.raises(UnreadablePhotoError, match="took its reader down"):
        WAYS[way](readers, BARE + evil)
    assert _children() <= before
    _well(readers)


@linux
@pytest.mark.parametrize("way", ["inspect", "strip"])
def test_a_file_that_wants_all_memory_is_too_large_and_its_reader_goes_on(readers, way):
    readers.start()
    first = _children()
    with pytest.raises(TooLargeError, match="not enough memory"):
        WAYS[way](readers, BARE + b"bomb")
    _well(readers)
    assert _children() == first


def test_files_that_never_end_are_ended_in_time_and_hold_up_no_other(hasty):
    before, said, begun = _children(), {}, time.monotonic()

    def read(evil, way):
        with pytest.raises(UnreadablePhotoError, match="too long"):
            WAYS[way](hasty, BARE + evil)
        said[evil] = time.monotonic() - begun

    threads = [threading.Thread(target=read, args=one) for one in ((b"endless", "strip"), (b"asleep", "inspect"))]
    for thread in threads:
        thread.start()
    while len(_children() - before) < 2:
        assert time.monotonic() - begun < PATIENT
    _well(hasty)
    for thread in threads:
        thread.join(PATIENT)
    assert all(6 < seconds < PATIENT for seconds in said.values())
    assert set(said) == {b"endless", b"asleep"}
    assert len(_children() - before) <= 1, "but the one that was well"
    _well(hasty)


LIES = {
    "nothing": answer(b""),
    "no JSON": answer(b"nonsense"),
    "one length": answer(b"[2]", b"{}"),
    "words for lengths": answer(b'["a", "b"]', b"{}"),
    "a list for a length": answer(b"[[2], 0]", b"{}"),
    "a length below nothing": answer(b"[-1, 2]", b"{}"),
    "a length that memory does not have": answer(b"[2, 1000000000000]", b"{}"),
    "a length beyond what there is": told(b'{"removed": [], "container": "jpeg"}', 1000),
    "a length without end": answer(b"[1e999, 0]", b"{}"),
    "a length that is no number": answer(b"[NaN, 0]", b"{}"),
    "a line of brackets": answer(b"[" * 1010),
    "a line longer than a pipe": answer(b"x" * 1_000_000),
    "text that is no text": told(b"\xff\xff"),
    "text that is no object": told(b"[]"),
    "text that is too deep": told(b"[" * 200_000),
    "an object with nothing in it": told(b"{}"),
    "an error without a message": told(b'{"error": "ResidueError"}'),
    "an error that there is not": told(b'{"error": "SystemExit", "message": "x"}'),
    "a format that there is not": told(b'{"removed": [], "container": "exe"}'),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_reader_that_lies_about_a_file_is_not_believed(shared, lie):
    with pytest.raises(UnreadablePhotoError):
        shared.strip(LIES[lie])
    _well(shared)


def test_what_is_no_answer_to_an_inspection_is_not_believed_either(readers):
    with pytest.raises(UnreadablePhotoError):
        readers.inspect(told(b'{"removed": [], "container": "jpeg"}'), "a.jpg")


def test_a_reader_that_leaves_at_once_is_an_error_and_not_waited_for(readers, monkeypatch):
    monkeypatch.setenv("LEAVES_AT_ONCE", "1")
    before, begun = _children(), time.monotonic()
    for read in WAYS.values():
        with pytest.raises(UnreadablePhotoError):
            read(readers, GOOD)
    assert time.monotonic() - begun < PATIENT
    assert _children() <= before
    monkeypatch.delenv("LEAVES_AT_ONCE")
    _well(readers)


def test_a_process_that_was_killed_while_idle_is_replaced(readers):
    before = _children()
    _well(readers)
    (first,) = _children() - before
    os.kill(first, 9)
    os.waitpid(first, 0)
    _well(readers)


@linux
def test_memory_and_time_are_limited_in_the_process_and_no_core_is_left():
    before = _children()
    readers = Readers(seconds=PATIENT)
    try:
        readers.inspect(GOOD, "a.jpg")
        (process,) = _children() - before
        lines = Path(f"/proc/{process}/limits").read_text("utf-8").splitlines()
        soft = {line[:26].strip(): line[26:].split()[0] for line in lines}
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        assert int(soft["Max data size"]) == min(2**30 + 32 * PIXELS, memory * 3 // 4)
        assert PATIENT <= int(soft["Max cpu time"]) < 2 * PATIENT
        assert soft["Max core file size"] == "0"
        assert Path(f"/proc/{process}/oom_score_adj").read_text("ascii") == "1000\n"
    finally:
        readers.close()


def test_where_no_process_can_be_started_the_error_says_what_to_do(monkeypatch, readers):
    def refuse(*_, **__):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", refuse)
        readers.start()
        with pytest.raises(CloakError, match="close other programs"):
            readers.strip(GOOD)
    _well(readers)


def _children():
    """The processes that this one has started and not waited for, those that are dead included."""
    command = ["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {int(line.split()[0]) for line in said.splitlines() if line.split()[1] != "ps"}
