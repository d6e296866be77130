"""Connections that are not kept waiting: what uvicorn lacks against senders and readers that take for ever.

uvicorn closes a connection that is silent after an answer. It waits without end for the head of a first request, for
one that comes a byte a second, for the rest of a body that was refused, and for a reader that reads nothing.
"""

import asyncio
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""From a connection, or the last answer, to the end of the next request's head."""

STUCK_SECONDS = 60.0
"""For which a reader may take nothing of an answer."""

LINGER = 16 * 2**20
"""Bytes that are still taken of a body that was refused: whoever sends it may look for the answer at its end alone."""

MOST = 400
"""Connections at once: fewer than a process may have files open, since each decoder needs some."""


class Connection(H11Protocol):
    """A connection with deadlines; `uvicorn.Config(http=Connection)`."""

    _head: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None
    _unwanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; wait for a head."""
        super().connection_made(cast("asyncio.Transport", transport))
        if len(self.connections) > MOST:
            self.transport.abort()
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._forget_head()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what comes; of a body that nobody wants, not without end."""
        if self.cycle and self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY:
            self._unwanted += len(data)
            if self._unwanted > LINGER:
                self.transport.abort()
                return
        super().data_received(data)

    def handle_events(self) -> None:
        """Go through what came; if a head was among it, it is no longer waited for."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._forget_head()

    def on_response_complete(self) -> None:
        """Wait for the next head; behind it, the rest of a body that nobody wants counts as waiting."""
        self._unwanted = 0
        self._expect_head()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Wait for a reader, but not for ever."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(STUCK_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
        super().resume_writing()

    def _expect_head(self) -> None:
        self._forget_head()
        self._head = self.loop.call_later(HEAD_SECONDS, self._late)

    def _late(self) -> None:
        self.transport.close()  # once the last answer is out ...
        self.loop.call_later(STUCK_SECONDS, self.transport.abort)  # ... or will never be

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None
