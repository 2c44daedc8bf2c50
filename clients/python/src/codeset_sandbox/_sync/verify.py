# Made from _async/verify.py by scripts/generate.py: change it there.
"""Judging: a verification that is started, followed and, when its caller gives up, cancelled."""

from __future__ import annotations

import time
from typing import Callable

from .. import methods
from .._config import backoff
from .._convert import verdict
from .._status import late
from ..errors import CodesetError
from ..types import Verdict
from ..v1 import verification_pb2, verification_service_pb2 as wire
from .connection import Connection
from .transport import farewell, sleep

_FINAL = {
    verification_pb2.VERIFICATION_STATE_PASSED,
    verification_pb2.VERIFICATION_STATE_FAILED,
    verification_pb2.VERIFICATION_STATE_ERROR,
    verification_pb2.VERIFICATION_STATE_TIMED_OUT,
    verification_pb2.VERIFICATION_STATE_CANCELLED,
    verification_pb2.VERIFICATION_STATE_ENDED,
}


def verify(
    connection: Connection,
    request: wire.StartVerificationRequest,
    on_log: Callable[[bytes], None] | None,
    timeout: float | None,
) -> Verdict:
    """To its end, over restarts of the service. Who is cancelled, or late, has it cancelled."""
    deadline = None if timeout is None else time.monotonic() + timeout
    verification_id = ""
    try:
        started = connection.call(methods.verifications.StartVerification, request, timeout)
        verification_id = started.verification.verification_id
        return verdict(_watch(connection, verification_id, on_log, deadline))
    except BaseException as error:
        late_now = isinstance(error, CodesetError) and error.code == "DEADLINE_EXCEEDED"
        if late_now or not isinstance(error, CodesetError):
            farewell(lambda: _cancel(connection, request, verification_id))
        if late_now and timeout is not None:
            raise late(timeout) from error
        raise


def _cancel(
    connection: Connection, request: wire.StartVerificationRequest, verification_id: str
) -> None:
    if verification_id == "":
        # Whether it was started is not known: its request id tells, or starts the one that is cancelled next.
        again = connection.call(methods.verifications.StartVerification, request, 1.0)
        verification_id = again.verification.verification_id
    cancel = wire.CancelVerificationRequest(verification_id=verification_id)
    connection.call(methods.verifications.CancelVerification, cancel, 1.0)


def _watch(
    connection: Connection,
    verification_id: str,
    on_log: Callable[[bytes], None] | None,
    deadline: float | None,
) -> verification_pb2.Verification:
    latest: verification_pb2.Verification | None = None
    offset = 0
    give_up: float | None = None
    attempt = 0
    while True:
        ask = wire.WatchVerificationRequest(verification_id=verification_id, log_offset=offset)
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            # Of one that has ended the log comes behind its first message, too.
            first = True
            for message in connection.stream(methods.verifications.WatchVerification, ask, left):
                give_up = None
                attempt = 0
                if message.WhichOneof("event") == "log":
                    offset = message.log.offset + len(message.log.data)
                    if on_log is not None:
                        on_log(message.log.data)
                    continue
                latest = message.verification
                # The log came before it; the stream's end waits for what is cleared away.
                if not first and latest.state in _FINAL:
                    return latest
                first = False
            if latest is None:
                raise CodesetError("INTERNAL", "", "The server answered without a verification.")
            return latest
        except CodesetError as error:
            # The verdict is there; `log_expired` says what became of the log.
            if error.reason == "VERIFICATION_LOG_EXPIRED" and latest is not None:
                return latest
            if error.reason == "OFFSET_OUT_OF_RANGE" and offset > 0:
                # A restarted service began the log anew.
                offset = 0
                continue
            now = time.monotonic()
            give_up = give_up or now + connection.reconnect_timeout
            wait = backoff(attempt)
            attempt += 1
            if error.code != "UNAVAILABLE" or now + wait > give_up:
                raise
        sleep(wait)
