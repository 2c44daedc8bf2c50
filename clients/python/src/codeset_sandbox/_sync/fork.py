# Made from _async/fork.py by scripts/generate.py: change it there.
"""Forks: sessions whose files begin as another's."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Iterator, Sequence

from .. import methods
from .._config import backoff
from .._convert import seconds_of
from .._status import reason_class
from ..errors import CodesetError
from ..v1 import session_service_pb2 as wire
from .connection import Connection
from .session import Session
from .transport import farewell, finish, gather, sleep

#: For how many seconds who was cancelled sees to it that none is left.
_UNFORK = 10.0


@dataclass(frozen=True)
class ForkResult:
    """What became of one of the sessions: exactly one of `session` and `error` is there."""

    #: From 0 to `count` - 1.
    index: int
    session: Session | None
    error: CodesetError | None


class Forks:
    """Forked sessions, which are closed together at the end of their `with` block."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self.sessions = tuple(sessions)

    def close(self) -> None:
        """Closes all of them. Idempotent."""
        close_all(self.sessions)

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *exc: object) -> None:
        finish(self.close)


def close_all(sessions: Sequence[Session]) -> None:
    gather([session.close for session in sessions])


def fork_all(connection: Connection, request: wire.ForkSessionRequest) -> Forks:
    """All of them or none."""
    made: dict[int, Session] = {}
    failure: CodesetError | None = None
    try:
        for result in fork_each(connection, request):
            if result.session is not None:
                made[result.index] = result.session
            failure = failure or result.error
        if failure is not None:
            raise failure
    except BaseException as error:
        if not isinstance(error, Exception):
            farewell(lambda: _unfork(connection, request), _UNFORK)
            raise
        try:
            close_all(list(made.values()))
        except CodesetError:
            # What failed first is what is worth telling.
            pass
        raise
    return Forks([made[index] for index in sorted(made)])


def _unfork(connection: Connection, request: wire.ForkSessionRequest) -> None:
    """Closes all of them. The request's id gives those again that were made, and the others as they are made: the
    service makes them to the end whatever becomes of the call."""
    for answer in connection.stream(methods.sessions.ForkSession, request):
        if answer.WhichOneof("result") == "forked":
            close = wire.CloseSessionRequest(session_id=answer.forked.session.session_id)
            connection.call(methods.sessions.CloseSession, close, 1.0)


def fork_each(
    connection: Connection, request: wire.ForkSessionRequest
) -> Iterator[ForkResult]:
    """Over restarts of the service: the request's id gives the same sessions again, and what can't be made now is tried
    again when the service says so."""
    told: set[int] = set()
    give_up: float | None = None
    attempt = 0
    while True:
        failed: dict[int, wire.ForkError] = {}
        broken: CodesetError | None = None
        try:
            for answer in connection.stream(methods.sessions.ForkSession, request):
                if answer.index in told:
                    continue
                if answer.WhichOneof("result") == "error":
                    failed[answer.index] = answer.error
                    continue
                told.add(answer.index)
                session = Session(
                    connection, answer.forked.session.session_id, answer.forked.agent_token, owned=True
                )
                yield ForkResult(answer.index, session, None)
        except CodesetError as error:
            # Before the first answer of all there may be no server.
            if error.code != "UNAVAILABLE" or not connection.answered:
                raise
            broken = error
        if len(told) >= max(1, request.count):
            return
        delays = [seconds_of(error.retry_delay) for error in failed.values() if error.retryable]
        now = time.monotonic()
        give_up = give_up or now + connection.reconnect_timeout
        retry_after = (broken.retry_after or 0.0) if broken is not None else 0.0
        wait = max([retry_after, backoff(attempt), *delays])
        attempt += 1
        if (broken is None and not delays) or now + wait > give_up:
            if broken is not None:
                raise broken
            for index, fork_error in failed.items():
                yield ForkResult(index, None, _error_of(fork_error))
            return
        sleep(wait)


def _error_of(error: wire.ForkError) -> CodesetError:
    code, kind = reason_class(error.reason)
    retry_after = seconds_of(error.retry_delay) if error.retryable else None
    return kind(code, error.reason, error.message, retry_after=retry_after)


