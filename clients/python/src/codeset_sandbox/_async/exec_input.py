"""What a client sends to a command while it runs, over all the streams that carry it."""

from __future__ import annotations

from collections import deque
from typing import AsyncIterator

from ..errors import CodesetError
from ..v1 import exec_pb2, session_service_pb2 as wire
from .transport import Condition

_PIECE = 64 * 1024
#: Several times what can lie between this client and the sandbox: the windows and queues on the way.
_KEPT = 16 * 1024 * 1024
#: How much waits to be sent before `write` does.
_ROOM = 1024 * 1024


class AsyncExecInput:
    """What was sent is kept as far back as a service that died may have lost it; each stream begins where the service
    says that it stands."""

    def __init__(self) -> None:
        self._changed = Condition()
        # (offset, data), in order and without holes; offsets count from our own first byte.
        self._pieces: deque[tuple[int, bytes]] = deque()
        #: How many of the pieces were given to the present stream.
        self._sent = 0
        self._end = 0
        #: How many bytes others had sent before our first.
        self._base: int | None = None
        self._ending = False
        self._end_sent = False
        self._size: tuple[int, int] | None = None
        self._size_sent = True
        self._closed = False
        #: The stream that carries now; ready once the service said where it stands.
        self._stream = 0
        self._ready = False

    async def write(self, data: bytes, *, wait: bool = True) -> None:
        """Comes back when the connection has taken most of it: on a command that reads slowly that is later."""
        view = memoryview(data)
        async with self._changed:
            for at in range(0, len(view), _PIECE):
                if self._closed or self._ending:
                    return
                piece = bytes(view[at : at + _PIECE])
                self._pieces.append((self._end, piece))
                self._end += len(piece)
                self._changed.notify_all()
                while wait and not self._closed and self._unsent() > _ROOM:
                    await self._changed.wait()

    async def end(self) -> None:
        """No more input after what was written. Idempotent."""
        async with self._changed:
            self._ending = True
            self._changed.notify_all()

    async def resize(self, rows: int, columns: int) -> None:
        """The terminal's new size; only the latest counts."""
        async with self._changed:
            self._size = (rows, columns)
            self._size_sent = False
            self._changed.notify_all()

    async def close(self) -> None:
        """Input goes nowhere any more. Idempotent."""
        async with self._changed:
            self._closed = True
            self._ready = False
            self._stream += 1
            self._pieces.clear()
            self._sent = 0
            self._changed.notify_all()

    async def drop(self) -> None:
        """What waits is dropped: the command takes no more input, but the stream goes on."""
        async with self._changed:
            self._pieces.clear()
            self._sent = 0
            self._closed = True
            self._changed.notify_all()

    async def pause(self) -> None:
        """Ends the frames of the present stream."""
        async with self._changed:
            self._stream += 1
            self._ready = False
            self._changed.notify_all()

    async def resume(self, offset: int) -> None:
        """The present stream goes on at this byte of the command's stdin."""
        async with self._changed:
            if self._base is None:
                self._base = offset
            at = offset - self._base
            kept = self._pieces[0][0] if self._pieces else self._end
            if at < kept and not self._closed:
                raise CodesetError(
                    "DATA_LOSS",
                    "",
                    f"The service lost stdin from byte {offset} on; what is kept here begins at {self._base + kept}.",
                )
            self._sent = sum(1 for begin, data in self._pieces if begin + len(data) <= at)
            self._end_sent = False
            self._size_sent = self._size is None
            self._ready = True
            self._changed.notify_all()

    async def frames(self, first: wire.ExecRequest) -> AsyncIterator[wire.ExecRequest]:
        """The messages of a new stream, instead of the one before. They go on when `resume` is called."""
        async with self._changed:
            self._stream += 1
            stream = self._stream
            self._ready = False
            self._changed.notify_all()
        yield first
        while True:
            async with self._changed:
                while True:
                    if self._stream != stream:
                        return
                    frame = self._next() if self._ready else None
                    if frame is not None:
                        break
                    await self._changed.wait()
                self._changed.notify_all()
            yield frame

    def _unsent(self) -> int:
        return self._end - (self._pieces[self._sent][0] if self._sent < len(self._pieces) else self._end)

    def _next(self) -> wire.ExecRequest | None:
        if self._size is not None and not self._size_sent:
            self._size_sent = True
            rows, columns = self._size
            size = exec_pb2.TerminalSize(rows=rows, columns=columns)
            return wire.ExecRequest(resize=wire.ExecResize(size=size))
        if self._sent < len(self._pieces):
            offset, data = self._pieces[self._sent]
            self._sent += 1
            while self._sent > 1 and offset - self._pieces[0][0] > _KEPT:
                self._pieces.popleft()
                self._sent -= 1
            return wire.ExecRequest(stdin=wire.ExecStdin(offset=(self._base or 0) + offset, data=data))
        if self._ending and not self._end_sent and not self._closed:
            self._end_sent = True
            return wire.ExecRequest(end_of_input=wire.ExecEndOfInput())
        return None
