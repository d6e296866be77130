"""Memory that was freed goes back to the system, where its library can do that."""

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from cloak.web import trim

FREED = """
import ctypes, mmap, os, threading, time
from cloak.web.trim import Trim

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
SIZE, COUNT, THREADS = 50_000, 800, 4  # 160 MB in blocks that are too small to be mapped singly
freed = threading.Barrier(THREADS + 1)

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE >> 20

def work():
    blocks = [libc.malloc(SIZE) for _ in range(COUNT)]
    for block in blocks:
        ctypes.memset(block, 1, SIZE)
    for block in blocks[:-1]:  # the last one holds the others where they are, as what a photo leaves does
        libc.free(block)
    freed.wait()
    freed.wait()

first = resident()
threads = [threading.Thread(target=work) for _ in range(THREADS)]
for thread in threads:
    thread.start()
freed.wait()
kept, end = resident(), time.monotonic() + 60
trim = Trim()
trim.start()
while resident() > first + 40 and time.monotonic() < end:
    time.sleep(0.05)
left = resident()
freed.wait()
trim.end()
print(kept - first, left - first)
"""


def _has_it():
    return sys.platform == "linux" and hasattr(trim.ctypes.CDLL(None), "malloc_trim")


@pytest.mark.skipif(not _has_it(), reason="glibc has it")
def test_memory_that_threads_have_freed_goes_back_to_the_system():
    done = subprocess.run([sys.executable, "-P", "-c", FREED], capture_output=True, text=True, check=True)
    kept, left = map(int, done.stdout.split())
    assert kept > 120, "the library has given it back by itself: this shows nothing"
    assert left < 40


def test_nothing_is_done_where_nothing_was_computed(monkeypatch):
    calls = []
    library = SimpleNamespace(malloc_trim=calls.append)
    monkeypatch.setattr(trim, "sys", SimpleNamespace(platform="linux"))
    monkeypatch.setattr(trim, "ctypes", SimpleNamespace(CDLL=lambda _: library))
    monkeypatch.setattr(trim, "EVERY", 0.001)
    one, end = trim.Trim(), time.monotonic() + 120
    begun = time.process_time()
    one.start()
    while len(calls) < 4:  # computes
        assert time.monotonic() < end
    one.end()
    assert set(calls) == {0}
    assert len(calls) <= 2 + (time.process_time() - begun) / trim._BUSY


@pytest.mark.parametrize(("platform", "library"), [("darwin", None), ("win32", None), ("linux", SimpleNamespace())])
def test_where_the_library_cannot_it_ends_by_itself(monkeypatch, platform, library):
    """On other systems no library is loaded at all: this one would fail; on musl it is, and has no such function."""
    monkeypatch.setattr(trim, "sys", SimpleNamespace(platform=platform))
    monkeypatch.setattr(trim, "ctypes", SimpleNamespace(CDLL=lambda _: library if library else 1 / 0))
    monkeypatch.setattr(trim, "EVERY", 0.001)
    one = trim.Trim()
    one.start()
    one._thread.join(120)
    assert not one._thread.is_alive()
    one.end()


def test_it_ends_at_once_when_told_to_and_where_it_never_began(monkeypatch):
    monkeypatch.setattr(trim, "EVERY", 3600.0)
    trim.Trim().end()
    one = trim.Trim()
    one.start()
    ending = threading.Thread(target=one.end)
    ending.start()
    ending.join(120)
    assert not ending.is_alive()
