"""Errors of this library from gRPC's."""

from __future__ import annotations

import re
from typing import Iterable, Protocol, Tuple, Union

import grpc
from google.rpc import error_details_pb2, status_pb2

from .errors import (
    AlreadyExistsError,
    CodesetError,
    DeadlineExceededError,
    FailedPreconditionError,
    FieldViolation,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    OutOfRangeError,
    PermissionDeniedError,
    ResourceExhaustedError,
    ServerUnreachableError,
    UnauthenticatedError,
    UnavailableError,
)

_CLASSES: dict[str, type[CodesetError]] = {
    "NOT_FOUND": NotFoundError,
    "INVALID_ARGUMENT": InvalidArgumentError,
    "ALREADY_EXISTS": AlreadyExistsError,
    "FAILED_PRECONDITION": FailedPreconditionError,
    "OUT_OF_RANGE": OutOfRangeError,
    "UNAUTHENTICATED": UnauthenticatedError,
    "PERMISSION_DENIED": PermissionDeniedError,
    "RESOURCE_EXHAUSTED": ResourceExhaustedError,
    "UNAVAILABLE": UnavailableError,
    "DEADLINE_EXCEEDED": DeadlineExceededError,
    "INTERNAL": InternalError,
}

# Codes that a connection which goes away leaves behind; the service's own answers always have a reason.
_LOST = {"UNAVAILABLE", "CANCELLED"}
# Of transports that were cut in the middle of a message.
_CUT = re.compile(r"RST_STREAM|GOAWAY|[Cc]onnection|Socket closed|half-close|EOS|endpoint|Internal error from Core")

_DETAILS = "grpc-status-details-bin"


class Ended(Protocol):
    """What every failed gRPC call tells, of threads and of asyncio."""

    def code(self) -> grpc.StatusCode: ...
    def details(self) -> Union[str, None]: ...
    def trailing_metadata(self) -> Union[Iterable[Tuple[str, Union[str, bytes]]], None]: ...


def error_of(ended: Ended, lost: str) -> CodesetError:
    """The error of a call. `lost`: the sentence for a server that is not there, or whose connection broke."""
    code = ended.code().name
    said = ended.details() or ""
    status = status_pb2.Status()
    for key, value in ended.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            status.ParseFromString(value)
    info = error_details_pb2.ErrorInfo()
    retry = error_details_pb2.RetryInfo()
    bad = error_details_pb2.BadRequest()
    retry_after: float | None = None
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            detail.Unpack(bad)
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            detail.Unpack(retry)
            retry_after = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    on_the_way = code in _LOST or (code in ("INTERNAL", "UNKNOWN") and _CUT.search(said) is not None)
    if not info.reason and on_the_way:
        return ServerUnreachableError(f"{lost} ({said})" if said else lost)
    return _CLASSES.get(code, CodesetError)(
        code,
        info.reason,
        said or f"The call failed with {code}.",
        violations=[FieldViolation(field.field, field.description) for field in bad.field_violations],
        retry_after=retry_after,
        metadata=dict(info.metadata),
    )


def late(timeout: float) -> DeadlineExceededError:
    """What a call throws whose `timeout` has passed."""
    return DeadlineExceededError(
        "DEADLINE_EXCEEDED", "", f"It took longer than the {timeout:g} s that timeout allows."
    )


def reason_class(reason: str) -> tuple[str, type[CodesetError]]:
    """Of an error that came without a status, in a ForkSession."""
    if re.search(r"_LIMIT$|^DISK_FULL$|^TOO_LARGE$", reason):
        return "RESOURCE_EXHAUSTED", ResourceExhaustedError
    return "UNAVAILABLE", UnavailableError
