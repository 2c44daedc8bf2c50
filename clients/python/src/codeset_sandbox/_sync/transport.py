"""gRPC on threads, and what of threads the rest of this package uses. `_async/transport.py` is the same on asyncio."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Generic, Iterator, Sequence, TypeVar

import grpc

from .._method import Method, Request, Response

T = TypeVar("T")
Metadata = Sequence["tuple[str, str]"]
Failed = grpc.RpcError
Condition = threading.Condition
Lock = threading.Lock


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def gather(works: Sequence[Callable[[], None]]) -> None:
    """All of them side by side; the first error once all have ended."""
    if not works:
        return
    with ThreadPoolExecutor(max_workers=min(16, len(works))) as pool:
        futures = [pool.submit(work) for work in works]
    for future in futures:
        future.result()


def farewell(work: Callable[[], object], seconds: float = 2.0) -> None:
    """Ends something for who was interrupted: takes two seconds at most unless told otherwise, and never fails."""
    thread = threading.Thread(target=_quietly, args=(work,), daemon=True)
    thread.start()
    thread.join(seconds)


def finish(work: Callable[[], None]) -> None:
    """Does what ends a `with` block."""
    work()


def in_thread(work: Callable[[], T]) -> T:
    """Asyncio's side does it beside its event loop."""
    return work()


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:  # noqa: BLE001 - nobody is left to tell
        pass


class Stream(Generic[Response]):
    """What a call answers, message by message."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def read(self) -> Response | None:
        """The next message; None at the end. Raises Failed."""
        return next(self._call, None)

    def cancel(self) -> None:
        self._call.cancel()


class Channel:
    """One connection."""

    def __init__(self, target: str, options: Sequence[tuple[str, int]]) -> None:
        self._channel = grpc.insecure_channel(target, options=list(options))
        self._calls: dict[str, Any] = {}

    def unary(
        self, method: Method[Request, Response], request: Request, metadata: Metadata, timeout: float | None
    ) -> Response:
        call = self._callable("unary_unary", method)
        return call(request, metadata=metadata, timeout=timeout)  # type: ignore[no-any-return]

    def server_stream(
        self, method: Method[Request, Response], request: Request, metadata: Metadata, timeout: float | None
    ) -> Stream[Response]:
        call = self._callable("unary_stream", method)
        return Stream(call(request, metadata=metadata, timeout=timeout))

    def client_stream(
        self,
        method: Method[Request, Response],
        requests: Iterator[Request],
        metadata: Metadata,
        timeout: float | None,
    ) -> Response:
        call = self._callable("stream_unary", method)
        return call(requests, metadata=metadata, timeout=timeout)  # type: ignore[no-any-return]

    def bidi(
        self, method: Method[Request, Response], requests: Iterator[Request], metadata: Metadata
    ) -> Stream[Response]:
        call = self._callable("stream_stream", method)
        return Stream(call(requests, metadata=metadata))

    def close(self) -> None:
        self._channel.close()

    def _callable(self, kind: str, method: Method[Any, Any]) -> Any:
        if method.path not in self._calls:
            self._calls[method.path] = getattr(self._channel, kind)(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )
        return self._calls[method.path]
