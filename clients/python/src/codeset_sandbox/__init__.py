"""Sandboxes for AI coding agents, from a codeset server.

>>> from codeset_sandbox import Client
>>> with Client() as client, client.create_session(sample="median-of-even-lists") as session:
...     print(session.run("ls").stdout)

`AsyncClient` is the same for asyncio, word for word.
"""

from . import methods
from ._async.client import AsyncClient
from ._async.command import AsyncRunningCommand
from ._async.fork import AsyncForkResult, AsyncForks
from ._async.samples import AsyncSamples
from ._async.session import AsyncSession, AsyncShell
from ._sync.client import Client
from ._sync.command import RunningCommand
from ._sync.fork import ForkResult, Forks
from ._sync.samples import Samples
from ._sync.session import Session, Shell
from .errors import (
    AlreadyExistsError,
    CodesetError,
    CommandFailedError,
    DeadlineExceededError,
    DisconnectedError,
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
from .types import (
    CommandExit,
    CommandResult,
    Counts,
    Dataset,
    ExecInfo,
    FileInfo,
    Limits,
    OutputChunk,
    SampleInfo,
    SampleVersion,
    SessionInfo,
    SnapshotInfo,
    TestVerdict,
    Verdict,
)

__version__ = "0.1.0"

__all__ = [
    "AlreadyExistsError",
    "AsyncClient",
    "AsyncForkResult",
    "AsyncForks",
    "AsyncRunningCommand",
    "AsyncSamples",
    "AsyncSession",
    "AsyncShell",
    "Client",
    "CodesetError",
    "CommandExit",
    "CommandFailedError",
    "CommandResult",
    "Counts",
    "Dataset",
    "DeadlineExceededError",
    "DisconnectedError",
    "ExecInfo",
    "FailedPreconditionError",
    "FieldViolation",
    "FileInfo",
    "ForkResult",
    "Forks",
    "InternalError",
    "InvalidArgumentError",
    "Limits",
    "NotFoundError",
    "OutOfRangeError",
    "OutputChunk",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "RunningCommand",
    "SampleInfo",
    "SampleVersion",
    "Samples",
    "ServerUnreachableError",
    "Session",
    "SessionInfo",
    "Shell",
    "SnapshotInfo",
    "TestVerdict",
    "UnauthenticatedError",
    "UnavailableError",
    "Verdict",
    "__version__",
    "methods",
]
