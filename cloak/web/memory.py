"""How many bytes of photos the server holds, and may hold."""

import threading

from cloak.web.errors import memory_full


class Memory:
    """Counts bytes; safe to use from threads.

    Args:
        most: bytes that may be held together.
    """

    def __init__(self, most: int) -> None:
        self.most, self._held = most, 0
        self._mutex = threading.Lock()

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return self._held

    def take(self, count: int) -> "Held":
        """Count some bytes in; they count until `Held.release`.

        Raises:
            RefusedError: there is no room for them.
        """
        held = Held(self)
        held.grow(count)
        return held

    def add(self, count: int, *, force: bool = False) -> None:
        """Count bytes in, or out where negative; with `force` whatever the limit says."""
        with self._mutex:
            if count > 0 and not force and self._held + count > self.most:
                raise memory_full()
            self._held += count


class Held:
    """Bytes that are counted."""

    def __init__(self, memory: Memory) -> None:
        self._memory, self.count = memory, 0

    def grow(self, count: int, *, force: bool = False) -> None:
        """Count more bytes in.

        Raises:
            RefusedError: there is no room for them.
        """
        self._memory.add(count, force=force)
        self.count += count

    def release(self) -> None:
        """Count them out; once is enough, twice does no harm."""
        count, self.count = self.count, 0
        self._memory.add(-count)
