# Made from _async/exec_call.py by scripts/generate.py: change it there.
"""One command, streamed both ways, over as many connections as it takes."""

from __future__ import annotations

import time

from .. import methods
from .._config import backoff
from ..errors import CodesetError, DisconnectedError, ServerUnreachableError
from ..v1 import exec_pb2, session_service_pb2 as wire
from .connection import Connection
from .exec_input import ExecInput
from .transport import Lock, Stream, sleep


class ExecCall:
    """A connection that breaks is taken up again where it was, both ways, for as long as the connection's
    `reconnect_timeout`: `next` gives each byte of the outputs once and `started` once, and the command gets each byte
    of its input once. A start is sent with an exec_id, so that sent again it happens once."""

    def __init__(
        self,
        connection: Connection,
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
        self.input = ExecInput()
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

    def next(self) -> wire.ExecResponse | None:
        """What the service says next, `exited` last; None behind that. Who is cancelled in it may go on with it."""
        with self._lock:
            while not self._over:
                response = self._read()
                if response is not None:
                    return response
            # Given once, also where who was to have it was cancelled while the stream ended.
            last, self._exited = self._exited, None
            return last

    def signal(self, signal: str, timeout: float | None = None) -> None:
        """Sends a signal past any input that waits. While the connection is broken it waits for that."""
        if self._give_up is not None:
            ask = wire.GetExecRequest(session_id=self.session_id, exec_id=self.exec_id)
            self._connection.call(methods.sessions.GetExec, ask, timeout)
        request = wire.SignalExecRequest(session_id=self.session_id, exec_id=self.exec_id, signal=signal)
        self._connection.call(methods.sessions.SignalExec, request, timeout)

    def close(self) -> None:
        """Ends the stream on this side; what that does to the command depends on its `detach`. Idempotent."""
        self._over = True
        self._leave()
        self.input.close()

    def _read(self) -> wire.ExecResponse | None:
        """One message, or None where another look is due."""
        try:
            if self._stream is None:
                self._streams += 1
                frame = self._attach() if self._started else self._first
                self._stream = self._connection.bidi(methods.sessions.Exec, self.input.frames(frame))
            response = self._connection.read(self._stream)
            if response is None:
                raise ServerUnreachableError("The stream ended before the command did.")
        except CodesetError as error:
            if self._over:
                return None
            self._leave()
            self._wait_after(error)
            return None
        except BaseException:
            # Cancelled in the middle: gRPC has given the stream up, and the next read attaches.
            self._leave()
            raise
        self._give_up = None
        self._attempt = 0
        try:
            return self._note(response)
        except BaseException:
            self._leave()
            raise

    def _note(self, response: wire.ExecResponse) -> wire.ExecResponse | None:
        frame = response.WhichOneof("frame")
        if frame == "output":
            self._advance(response.output.stream, response.output.offset + len(response.output.data))
        elif frame == "gap":
            self._advance(response.gap.stream, response.gap.to_offset)
        elif frame == "started":
            again = self._started
            self._started = True
            self.input.resume(response.started.stdin_offset)
            return None if again else response
        elif frame == "exited":
            self._exited = response
            self._finish()
            return None
        return response

    def _finish(self) -> None:
        """Ends our side and lets the service end its own: a server takes many streams that are cancelled for an
        attack, and closes the connection."""
        self._over = True
        stream, self._stream = self._stream, None
        self.input.close()
        try:
            if stream is not None:
                self._connection.read(stream)
        except CodesetError:
            # The command's end is known.
            pass

    def _wait_after(self, error: CodesetError) -> None:
        if not self._may_go_on(error):
            self.close()
            raise error
        if error.reason == "STDIN_CLOSED":
            # The end of the input had arrived before the stream broke, or the command has closed it.
            self.input.drop()
            return
        now = time.monotonic()
        wait = max(error.retry_after or 0.0, backoff(self._attempt))
        self._attempt += 1
        self._give_up = self._give_up or now + self._connection.reconnect_timeout
        if now + wait > self._give_up:
            self.close()
            raise self._lost(error)
        sleep(wait)

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

    def _leave(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            self.input.pause()
            stream.cancel()


def killed(call: ExecCall) -> None:
    """For who was cancelled: the command is killed as far as the service can be reached."""
    call.signal("SIGKILL", 1.5)
