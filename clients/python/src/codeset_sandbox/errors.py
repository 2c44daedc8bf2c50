"""How calls fail: each kind that one may want to catch is a class, and every one has the service's reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping, Sequence

if TYPE_CHECKING:
    from .types import CommandResult


@dataclass(frozen=True)
class FieldViolation:
    """A field of the request that the service could not take."""

    #: The field as the proto names it, `spec.workdir`.
    field: str
    #: What is wrong with it.
    description: str


class CodesetError(Exception):
    """A call failed. `str(error)` is the service's sentence for people, and says what to do.

    >>> try:
    ...     client.session("ses_none").info()
    ... except NotFoundError as error:
    ...     print(error.reason)
    SESSION_NOT_FOUND
    """

    def __init__(
        self,
        code: str,
        reason: str,
        message: str,
        *,
        violations: Sequence[FieldViolation] = (),
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        #: The gRPC status by name, `NOT_FOUND`; empty for what is no call's failure.
        self.code = code
        #: As in the proto's ErrorReason, `SESSION_NOT_FOUND`; empty when it is not the service's own answer.
        self.reason = reason
        self.message = message
        #: The fields that were wrong; empty unless `reason` is INVALID_FIELD or INVALID_MANIFEST.
        self.violations = tuple(violations)
        #: After how many seconds trying again makes sense; None when it does not help.
        self.retry_after = retry_after
        #: What the service told for programs, `{"id": "ses_…"}` for instance.
        self.metadata: dict[str, str] = dict(metadata or {})

    def __reduce__(self) -> Any:
        # Of another process (multiprocessing, Ray) it comes as it was.
        return _again, (type(self), self.args, self.__dict__)

    @property
    def unreachable(self) -> bool:
        """Nobody answered: no server there, or the connection broke."""
        return self.code == "UNAVAILABLE" and self.reason == ""


def _again(kind: type[CodesetError], args: tuple[Any, ...], state: Mapping[str, Any]) -> CodesetError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class NotFoundError(CodesetError):
    """What was named is not there, or not for this key to see."""


class InvalidArgumentError(CodesetError):
    """Fields or content were wrong; `violations` names the fields."""


class AlreadyExistsError(CodesetError):
    """The id was used for something else, or the destination exists."""


class FailedPreconditionError(CodesetError):
    """The thing is not in a state that allows this: SESSION_ENDED, EXEC_ENDED, SAMPLE_NOT_READY."""


class OutOfRangeError(CodesetError):
    """An offset lies beyond the end."""


class UnauthenticatedError(CodesetError):
    """No key, or one that is unknown, revoked or of an ended session."""


class PermissionDeniedError(CodesetError):
    """The key's role may not do this."""


class ResourceExhaustedError(CodesetError):
    """A limit or a disk is full; `retry_after` says when there may be room."""


class UnavailableError(CodesetError):
    """The service answered that it can't do it now: it is stopping, or its engine failed."""


class DeadlineExceededError(CodesetError):
    """It took longer than allowed: a `timeout` of the call, or a limit of the service."""


class InternalError(CodesetError):
    """A defect of the service; its log has more under the id in the message."""


class ServerUnreachableError(CodesetError):
    """Nobody answered: there is no server at the address, or the connection to it broke."""

    def __init__(self, message: str) -> None:
        super().__init__("UNAVAILABLE", "", message)


class DisconnectedError(ServerUnreachableError):
    """A command's stream broke and could not be taken up again in `reconnect_timeout`.

    The command may run on: `session.attach(error.exec_id, stdout_offset=error.stdout_offset,
    stderr_offset=error.stderr_offset)` goes on where this one stopped.
    """

    def __init__(
        self, message: str, *, session_id: str, exec_id: str, stdout_offset: int, stderr_offset: int
    ) -> None:
        super().__init__(message)
        self.session_id = session_id
        self.exec_id = exec_id
        #: How many bytes of each output were received.
        self.stdout_offset = stdout_offset
        self.stderr_offset = stderr_offset


class CommandFailedError(CodesetError):
    """A command that was run with `check=True` did not exit with 0; `reason` is why it ended."""

    def __init__(self, result: CommandResult) -> None:
        how = (
            f"exited with {result.exit_code}"
            if result.reason == "EXITED"
            else f"ended with {result.reason}" + (f": {result.message}" if result.message else "")
        )
        tail = (result.stderr or result.stdout).strip()[-500:]
        super().__init__("", result.reason, f"The command {how}." + (f" It wrote: {tail}" if tail else ""))
        #: The command's result, as without `check`.
        self.result = result
