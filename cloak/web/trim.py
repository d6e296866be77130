"""Give freed memory back to the system.

glibc keeps what threads free for their next needs, in an arena for each, and photos of many sizes leave gaps that
nothing fits: on 60 sizes in four threads a process grew from .7 to 2.7 GB, and with this stays at 1.0. Mapping large
blocks singly (`M_MMAP_THRESHOLD`) would do the same, and make the search for a cloak half as slow again.
"""

import ctypes
import sys
import threading
import time

EVERY = 1.0
"""Seconds between two times; nothing is done where nothing was computed meanwhile."""

_BUSY = 0.1
"""Seconds of processor time from which something was."""


class Trim:
    """Gives back memory from time to time, in a thread, where the system's library can (glibc)."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cloak-trim", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Stop; also if it never began."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
        spent = 0.0
        while trim and not self._over.wait(EVERY):
            if (now := time.process_time()) - spent > _BUSY:
                trim(0)
                spent = now
