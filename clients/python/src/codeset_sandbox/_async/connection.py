"""The three services of one server over one channel, with keys, deadlines, repetition and errors of classes."""

from __future__ import annotations

import re
import time
from typing import Any, AsyncIterator, Callable

from .._config import CHANNEL_OPTIONS, backoff, target_of
from .._method import Method, Request, Response
from .._status import error_of, late
from ..errors import CodesetError
from .transport import Channel, Failed, Stream, sleep

# Calls that may be sent twice when nobody answered the first time: they read, or end in the same state, or carry an
# id of the client's choice.
_REPEATABLE = re.compile(
    r"(Get\w+|List\w+|Stat|ReadFile|WriteFile|WaitExec|RunCommand|CreateSession|CreateSnapshot|StartVerification"
    r"|ExtendSession|CloseSessions?|CancelVerification)$"
)
# Those whose repetition is only harmless with the id.
_WITH_ID: dict[str, Callable[[Any], str]] = {
    "RunCommand": lambda request: str(request.spec.exec_id),
    "CreateSession": lambda request: str(request.request_id),
    "CreateSnapshot": lambda request: str(request.request_id),
    "StartVerification": lambda request: str(request.request_id),
}


class AsyncConnection:
    """Connects at the first call."""

    def __init__(self, address: str, api_key: str | None, reconnect_timeout: float) -> None:
        self.address = address
        self.reconnect_timeout = reconnect_timeout
        #: Whether the server has answered any call of this connection: before, there may be none at all.
        self.answered = False
        self._metadata = [] if api_key is None else [("authorization", f"Bearer {api_key}")]
        self._channel: Channel | None = None
        self._closed = False

    async def call(
        self, method: Method[Request, Response], request: Request, timeout: float | None = None
    ) -> Response:
        """A unary call, tried again where the service says when, and where the connection broke and it may be."""
        deadline = None if timeout is None else time.monotonic() + timeout
        repeatable = _REPEATABLE.match(method.name) is not None and (
            method.name not in _WITH_ID or _WITH_ID[method.name](request) != ""
        )
        give_up: float | None = None
        attempt = 0
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                answer = await self._open().unary(method, request, self._metadata, left)
                self.answered = True
                return answer
            except Failed as failed:
                error = self.told(failed)
            except ValueError as failed:
                raise self._unusable(failed) from None
            if timeout is not None and error.code == "DEADLINE_EXCEEDED" and not error.reason:
                raise late(timeout) from error
            broken = error.unreachable and repeatable and self.answered
            if error.retry_after is None and not broken:
                raise error
            now = time.monotonic()
            wait = max(error.retry_after or 0.0, backoff(attempt))
            attempt += 1
            give_up = give_up or now + self.reconnect_timeout
            if now + wait > give_up:
                raise error
            if deadline is not None and now + wait > deadline:
                raise late(timeout or 0.0) from error
            await sleep(wait)

    async def stream(
        self, method: Method[Request, Response], request: Request, timeout: float | None = None
    ) -> AsyncIterator[Response]:
        """The answers of a call, which is not tried again; leaving the loop ends it."""
        call = self._open().server_stream(method, request, self._metadata, timeout)
        try:
            while True:
                message = await self.read(call, timeout)
                if message is None:
                    return
                yield message
        finally:
            call.cancel()

    async def upload(
        self, method: Method[Request, Response], requests: AsyncIterator[Request], timeout: float | None = None
    ) -> Response:
        try:
            answer = await self._open().client_stream(method, requests, self._metadata, timeout)
        except Failed as failed:
            raise self.told(failed, timeout) from None
        self.answered = True
        return answer

    def bidi(self, method: Method[Request, Response], requests: AsyncIterator[Request]) -> Stream[Response]:
        return self._open().bidi(method, requests, self._metadata)

    async def read(self, call: Stream[Response], timeout: float | None = None) -> Response | None:
        """The next message of a stream; None at its end. Raises CodesetError."""
        try:
            message = await call.read()
        except Failed as failed:
            raise self.told(failed, timeout) from None
        self.answered = True
        return message

    async def close(self) -> None:
        self._closed = True
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def told(self, failed: Any, timeout: float | None = None) -> CodesetError:
        """The error of a call, by which it is known whether somebody is there."""
        if self._closed:
            return CodesetError("CANCELLED", "", "The client was closed.")
        lost = (
            f"The connection to the server at {self.address} broke."
            if self.answered
            else f"There is no server at {self.address}: start one with `codeset serve`, or name another address."
        )
        error = error_of(failed, lost)
        if not error.unreachable and error.code != "DEADLINE_EXCEEDED":
            self.answered = True
        if timeout is not None and error.code == "DEADLINE_EXCEEDED" and not error.reason:
            return late(timeout)
        return error

    def _open(self) -> Channel:
        if self._closed:
            raise CodesetError("CANCELLED", "", "The client was closed.")
        if self._channel is None:
            self._channel = Channel(target_of(self.address), CHANNEL_OPTIONS)
        return self._channel

    def _unusable(self, failed: ValueError) -> Exception:
        """What gRPC says of a channel that was closed meanwhile."""
        return self.told(failed) if self._closed else failed
