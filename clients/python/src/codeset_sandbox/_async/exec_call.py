"""One command, streamed both ways, over as many connections as it takes."""

from __future__ import annotations

import time

from .. import methods
from .._config import backoff
from ..errors import CodesetError, DisconnectedError, ServerUnreachableError
from ..v1 import exec_pb2, session_service_pb2 as wire
from .connection import AsyncConnection
from .exec_input import AsyncExecInput
from .transport import Lock, Stream, sleep


class AsyncExecCall:
    """A connection that breaks is taken up again where it was, both ways, for as long as the connection's
    `reconnect_timeout`: `next` gives each byte of the outputs once and `started` once, and the command gets each byte
    of its input once. A start is sent with an exec_id, so that sent again it happens once."""

    def __init__(
        self,
        connection: AsyncConnection,
        first: wire.ExecRequest,
        *,
        stdout_offset: int = 0,
        stderr_offset: int = 0,
    ) -> None:
        self._connection = connection
        self._first = first
        start = first.WhichOneof("frame") == "start"
        self.session_id = first.start.session_id if start else first.attach.session_id
        self.exec_id = first.start.spec.exec_id if start else first.attach.exec_id
        self._pace = first.start.pace if start else first.attach.pace
        self.input = AsyncExecInput()
        self._stdout = stdout_offset
        self._stderr = stderr_offset
        self._lock = Lock()
        self._stream: Stream[wire.ExecResponse] | None = None
        self._streams = 0
        self._started = False
        self._give_up: float | None = None
        self._attempt = 0
        self._over = False
        self._exited: wire.ExecResponse | None = None

    async def next(self) -> wire.ExecResponse | None:
        """What the service says next, `exited` last; None behind that. Who is cancelled in it may go on with it."""
        async with self._lock:
            while not self._over:
                response = await self._read()
                if response is not None:
                    return response
            # Given once, also where who was to have it was cancelled while the stream ended.
            last, self._exited = self._exited, None
            return last

    async def signal(self, signal: str, timeout: float | None = None) -> None:
        """Sends a signal past any input that waits. While the connection is broken it waits for that."""
        if self._give_up is not None:
            ask = wire.GetExecRequest(session_id=self.session_id, exec_id=self.exec_id)
            await self._connection.call(methods.sessions.GetExec, ask, timeout)
        request = wire.SignalExecRequest(session_id=self.session_id, exec_id=self.exec_id, signal=signal)
        await self._connection.call(methods.sessions.SignalExec, request, timeout)

    async def close(self) -> None:
        """Ends the stream on this side; what that does to the command depends on its `detach`. Idempotent."""
        self._over = True
        await self._leave()
        await self.input.close()

    async def _read(self) -> wire.ExecResponse | None:
        """One message, or None where another look is due."""
        try:
            if self._stream is None:
                self._streams += 1
                frame = self._attach() if self._started else self._first
                self._stream = self._connection.bidi(methods.sessions.Exec, self.input.frames(frame))
            response = await self._connection.read(self._stream)
            if response is None:
                raise ServerUnreachableError("The stream ended before the command did.")
        except CodesetError as error:
            if self._over:
                return None
            await self._leave()
            await self._wait_after(error)
            return None
        except BaseException:
            # Cancelled in the middle: gRPC has given the stream up, and the next read attaches.
            await self._leave()
            raise
        self._give_up = None
        self._attempt = 0
        try:
            return await self._note(response)
        except BaseException:
            await self._leave()
            raise

    async def _note(self, response: wire.ExecResponse) -> wire.ExecResponse | None:
        frame = response.WhichOneof("frame")
        if frame == "output":
            self._advance(response.output.stream, response.output.offset + len(response.output.data))
        elif frame == "gap":
            self._advance(response.gap.stream, response.gap.to_offset)
        elif frame == "started":
            again = self._started
            self._started = True
            await self.input.resume(response.started.stdin_offset)
            return None if again else response
        elif frame == "exited":
            self._exited = response
            await self._finish()
            return None
        return response

    async def _finish(self) -> None:
        """Ends our side and lets the service end its own: a server takes many streams that are cancelled for an
        attack, and closes the connection."""
        self._over = True
        stream, self._stream = self._stream, None
        await self.input.close()
        try:
            if stream is not None:
                await self._connection.read(stream)
        except CodesetError:
            # The command's end is known.
            pass

    async def _wait_after(self, error: CodesetError) -> None:
        if not self._may_go_on(error):
            await self.close()
            raise error
        if error.reason == "STDIN_CLOSED":
            # The end of the input had arrived before the stream broke, or the command has closed it.
            await self.input.drop()
            return
        now = time.monotonic()
        wait = max(error.retry_after or 0.0, backoff(self._attempt))
        self._attempt += 1
        self._give_up = self._give_up or now + self._connection.reconnect_timeout
        if now + wait > self._give_up:
            await self.close()
            raise self._lost(error)
        await sleep(wait)

    def _may_go_on(self, error: CodesetError) -> bool:
        # Before the first answer there may be no server, or the start may be wrong.
        if error.code == "UNAVAILABLE":
            return self._started or self._connection.answered
        # The service has not noticed yet that the stream before is gone, which has the hold on stdin.
        return self._started and self._streams > 1 and error.reason in ("STDIN_BUSY", "STDIN_CLOSED")

    def _lost(self, error: CodesetError) -> CodesetError:
        if not self._started:
            return error
        return DisconnectedError(
            f"{error.message} It was not back in time; the command may run on as {self.exec_id}, and attaching takes "
            "it up.",
            session_id=self.session_id,
            exec_id=self.exec_id,
            stdout_offset=self._stdout,
            stderr_offset=self._stderr,
        )

    def _attach(self) -> wire.ExecRequest:
        return wire.ExecRequest(
            attach=wire.ExecAttach(
                session_id=self.session_id,
                exec_id=self.exec_id,
                stdout_offset=self._stdout,
                stderr_offset=self._stderr,
                pace=self._pace,
            )
        )

    def _advance(self, stream: int, offset: int) -> None:
        if stream == exec_pb2.OUTPUT_STREAM_STDERR:
            self._stderr = offset
        else:
            self._stdout = offset

    async def _leave(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await self.input.pause()
            stream.cancel()


async def killed(call: AsyncExecCall) -> None:
    """For who was cancelled: the command is killed as far as the service can be reached."""
    await call.signal("SIGKILL", 1.5)
