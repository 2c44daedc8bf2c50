"""gRPC on asyncio, and what of asyncio the rest of this package uses. `_sync/transport.py` is the same on threads."""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterator, Awaitable, Callable, Generator, Generic, Sequence, TypeVar

import grpc
import grpc.aio

from .._method import Method, Request, Response

T = TypeVar("T")
Metadata = Sequence["tuple[str, str]"]
Failed = grpc.aio.AioRpcError
Condition = asyncio.Condition
Lock = asyncio.Lock

_FAREWELL = 2.0


async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def gather(works: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """All of them side by side; the first error once all have ended."""
    for result in await asyncio.gather(*(work() for work in works), return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def farewell(work: Callable[[], Awaitable[object]], seconds: float = _FAREWELL) -> None:
    """Ends something for who was cancelled: takes two seconds at most unless told otherwise, and never fails. Who is
    cancelled again meanwhile, as anyio does it all the time, stays until it is done."""
    await _over(asyncio.ensure_future(work()), seconds)


async def finish(work: Callable[[], Awaitable[None]]) -> None:
    """Does what ends a `with` block; who is cancelled, before or meanwhile, stays two seconds at most until it is done."""
    task = asyncio.ensure_future(work())
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await _over(task, _FAREWELL)
        raise


async def _over(task: asyncio.Future[Any], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not task.done() and loop.time() < end:
        try:
            await asyncio.wait({task}, timeout=max(0.0, end - loop.time()))
        except asyncio.CancelledError:
            # Our caller goes on with the cancellation that it has had.
            pass
    if task.done():
        # Taken, so that nobody warns of it.
        task.cancelled() or task.exception()
    else:
        task.cancel()


async def in_thread(work: Callable[[], T]) -> T:
    """What would keep the event loop waiting for a disk."""
    return await asyncio.to_thread(work)


class Opening(Generic[T]):
    """What is awaited for the thing itself, or entered with `async with`, which also leaves it at the end."""

    def __init__(self, work: Awaitable[T]) -> None:
        self._work = work
        self._made: Any = None

    def __await__(self) -> Generator[Any, None, T]:
        return self._work.__await__()

    async def __aenter__(self) -> T:
        self._made = await self._work
        await self._made.__aenter__()
        return self._made  # type: ignore[no-any-return]

    async def __aexit__(self, *exc: object) -> None:
        await self._made.__aexit__(*exc)


def opening(work: Awaitable[T]) -> Opening[T]:
    return Opening(work)


class Stream(Generic[Response]):
    """What a call answers, message by message."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def read(self) -> Response | None:
        """The next message; None at the end. Raises Failed."""
        message = await self._call.read()
        if message is not grpc.aio.EOF:
            return message  # type: ignore[no-any-return]
        return None

    def cancel(self) -> None:
        self._call.cancel()


class Channel:
    """One connection. Made in the event loop that uses it."""

    def __init__(self, target: str, options: Sequence[tuple[str, int]]) -> None:
        self._channel = grpc.aio.insecure_channel(target, options=list(options))
        self._calls: dict[str, Any] = {}

    async def unary(
        self, method: Method[Request, Response], request: Request, metadata: Metadata, timeout: float | None
    ) -> Response:
        call = self._callable("unary_unary", method)
        return await call(request, metadata=metadata, timeout=timeout)  # type: ignore[no-any-return]

    def server_stream(
        self, method: Method[Request, Response], request: Request, metadata: Metadata, timeout: float | None
    ) -> Stream[Response]:
        call = self._callable("unary_stream", method)
        return Stream(call(request, metadata=metadata, timeout=timeout))

    async def client_stream(
        self,
        method: Method[Request, Response],
        requests: AsyncIterator[Request],
        metadata: Metadata,
        timeout: float | None,
    ) -> Response:
        call = self._callable("stream_unary", method)
        return await call(requests, metadata=metadata, timeout=timeout)  # type: ignore[no-any-return]

    def bidi(
        self, method: Method[Request, Response], requests: AsyncIterator[Request], metadata: Metadata
    ) -> Stream[Response]:
        call = self._callable("stream_stream", method)
        return Stream(call(requests, metadata=metadata))

    async def close(self) -> None:
        await self._channel.close()

    def _callable(self, kind: str, method: Method[Any, Any]) -> Any:
        if method.path not in self._calls:
            self._calls[method.path] = getattr(self._channel, kind)(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )
        return self._calls[method.path]
