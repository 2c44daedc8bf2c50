"""inspect_ai on codeset: `sandbox="codeset"` runs each sample of an evaluation in a session of its own.

    Task(..., sandbox="codeset")                                   a sandbox on the host's own toolchain
    Task(..., sandbox=("codeset", "median-of-even-lists"))         a session of a registered sample
    Task(..., sandbox=("codeset", "image:python:3.12"))            an image; `snapshot:ID` and `host` likewise
    Task(..., sandbox=SandboxEnvironmentSpec("codeset", CodesetConfig(image=…, network="public")))

Without a config, `codeset_sample` in a sample's metadata names the sample. Where the server is and the key come from
the environment, as for `Client`. `verdict()` is a scorer that has the session verified by its sample's hidden tests.
It needs asyncio, inspect_ai's default backend.
"""

from __future__ import annotations

import errno
from typing import Any, Literal, Union, overload

import inspect_ai.util as util
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState
from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxConnection,
    SandboxEnvironment,
    SandboxEnvironmentConfigType,
    SandboxEnvironmentLimits,
    sandboxenv,
)
from pydantic import BaseModel

from . import AsyncClient, AsyncSession, CodesetError, CommandResult, InvalidArgumentError, Limits

_LABELS = {"harness": "inspect_ai"}

# Of an inspect_ai that has no such words yet, what they are made from.
_Unavailable: type[Exception] = getattr(util, "SandboxUnavailableError", RuntimeError)
_UserUnsupported: type[Exception] = getattr(util, "SandboxUserUnsupportedError", RuntimeError)


class CodesetConfig(BaseModel, frozen=True):
    """What sessions are made from: one of sample, image or host, and snapshot; see `Client.create_session`."""

    sample: str | None = None
    image: str | None = None
    host: bool | tuple[str, ...] = False
    snapshot: str | None = None
    setup: tuple[str, ...] = ()
    setup_network: str | None = None
    workdir: str | None = None
    user: str | None = None
    network: str | None = None
    env: dict[str, str] = {}
    #: How many seconds a session lives, from 1 to 7 days.
    ttl: float = 24 * 3600
    cpus: float = 0
    memory_bytes: int = 0
    #: Where the server is. Default: as for `Client`.
    address: str | None = None


def _config(config: SandboxEnvironmentConfigType | None, metadata: dict[str, str]) -> CodesetConfig:
    if isinstance(config, CodesetConfig):
        return config
    if config is None:
        sample = metadata.get("codeset_sample")
        return CodesetConfig(sample=sample) if sample else CodesetConfig(host=True)
    if not isinstance(config, str):
        raise TypeError(f"A codeset sandbox is configured by a string or a CodesetConfig, not {type(config).__name__}.")
    kind, _, name = config.partition(":")
    if config == "host":
        return CodesetConfig(host=True)
    if kind == "image":
        return CodesetConfig(image=name)
    if kind == "snapshot":
        return CodesetConfig(snapshot=name)
    return CodesetConfig(sample=name if kind == "sample" else config)


@sandboxenv(name="codeset")
class CodesetSandboxEnvironment(SandboxEnvironment):
    """One session, as inspect_ai sees it."""

    def __init__(self, client: AsyncClient, session: AsyncSession) -> None:
        super().__init__()
        self._client = client
        #: The session, for what inspect_ai has no word for: `sandbox().as_type(CodesetSandboxEnvironment).session`.
        self.session = session

    @classmethod
    def config_deserialize(cls, config: dict[str, Any]) -> BaseModel:
        return CodesetConfig(**config)

    @classmethod
    async def sample_init(
        cls, task_name: str, config: SandboxEnvironmentConfigType | None, metadata: dict[str, str]
    ) -> dict[str, SandboxEnvironment]:
        wanted = _config(config, metadata)
        client = AsyncClient(wanted.address)
        try:
            session = await client.create_session(
                sample=wanted.sample,
                image=wanted.image,
                host=wanted.host,
                snapshot=wanted.snapshot,
                setup=wanted.setup,
                setup_network=wanted.setup_network,
                workdir=wanted.workdir,
                user=wanted.user,
                network=wanted.network,
                env=wanted.env,
                ttl=wanted.ttl,
                limits=Limits(cpus=wanted.cpus, memory_bytes=wanted.memory_bytes),
                labels={**_LABELS, "task": task_name.encode()[:200].decode("utf-8", "ignore")},
            )
        except BaseException:
            await client.close()
            raise
        return {"default": cls(client, session)}

    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: SandboxEnvironmentConfigType | None,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,
    ) -> None:
        for environment in environments.values():
            ours = environment.as_type(CodesetSandboxEnvironment)
            try:
                await ours.session.close(timeout=30)
            finally:
                await ours._client.close()

    @classmethod
    async def cli_cleanup(cls, id: str | None) -> None:
        async with AsyncClient() as client:
            if id is not None:
                await client.session(id).close()
            else:
                await client.close_sessions(labels=_LABELS)

    async def exec(
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        limit = SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE
        try:
            result = await self.session.run(
                cmd,
                stdin=input,
                cwd=cwd,
                env=env,
                user=user,
                timeout=timeout,
                # Of more the last half is what inspect_ai is given.
                max_output_bytes=2 * limit,
            )
        except InvalidArgumentError as error:
            if any(violation.field.endswith("user") for violation in error.violations):
                raise _UserUnsupported(str(error)) from error
            raise
        except CodesetError as error:
            raise _unavailable(error) from error
        if result.reason == "TIMEOUT":
            raise TimeoutError(f"The command took longer than {timeout} s.")
        if result.reason == "START_FAILED":
            if user is not None and "no such user" in result.message:
                raise _UserUnsupported(result.message)
            if result.exit_code == 126:
                raise PermissionError(errno.EACCES, result.message, cmd[0])
        return ExecResult(
            success=result.ok,
            returncode=_returncode(result),
            stdout=_tail(result.stdout_bytes, limit),
            stderr=_tail(result.stderr_bytes, limit) or result.message,
        )

    async def write_file(self, file: str, contents: str | bytes) -> None:
        data = contents.encode("utf-8") if isinstance(contents, str) else contents
        await self._refuse_to_write(file)
        # Through the command's own redirection: it takes any size, and the file keeps its mode and its links.
        script = 'case "$1" in */*) mkdir -p -- "${1%/*}/" || exit 9;; esac; cat > "$1"'
        try:
            result = await self.session.run(["sh", "-c", script, "sh", file], stdin=data)
        except CodesetError as error:
            raise _unavailable(error) from error
        if not result.ok:
            raise OSError(errno.EIO, result.stderr.strip() or result.message, file)

    @overload
    async def read_file(self, file: str, text: Literal[True] = True) -> str: ...

    @overload
    async def read_file(self, file: str, text: Literal[False]) -> bytes: ...

    async def read_file(self, file: str, text: bool = True) -> Union[str, bytes]:
        limit = SandboxEnvironmentLimits.MAX_READ_FILE_SIZE
        try:
            data = await self.session.read_file(file, limit=limit + 1)
        except CodesetError as error:
            raise _os_error(error, file) from error
        if len(data) > limit:
            raise OutputLimitExceededError(SandboxEnvironmentLimits.MAX_READ_FILE_SIZE_STR, None)
        return data.decode("utf-8") if text else data

    async def connection(self, *, user: str | None = None) -> SandboxConnection:
        return SandboxConnection(type="codeset", command=f"codeset shell {self.session.id}")

    def default_polling_interval(self) -> float:
        return 0.2

    async def _refuse_to_write(self, file: str) -> None:
        script = 'if [ -d "$1" ]; then exit 21; elif [ -e "$1" ] && [ ! -w "$1" ]; then exit 13; fi'
        result = await self.session.run(["sh", "-c", script, "sh", file])
        if result.exit_code == 21:
            raise IsADirectoryError(errno.EISDIR, "Is a directory", file)
        if result.exit_code == 13:
            raise PermissionError(errno.EACCES, "Permission denied", file)


def _returncode(result: CommandResult) -> int:
    if result.exit_code is not None:
        return result.exit_code
    import signal

    number = getattr(signal, result.signal or "", None)
    return 128 + int(number) if number is not None else 125


def _tail(data: bytes, limit: int) -> str:
    return data[-limit:].decode("utf-8", "replace") if data else ""


def _os_error(error: CodesetError, file: str) -> Exception:
    if error.reason == "PATH_NOT_FOUND" or error.reason == "NOT_A_DIRECTORY":
        return FileNotFoundError(errno.ENOENT, "No such file or directory", file)
    if error.reason == "PATH_DENIED":
        return PermissionError(errno.EACCES, "Permission denied", file)
    if error.reason == "NOT_A_FILE":
        return IsADirectoryError(errno.EISDIR, "Is a directory", file)
    return _unavailable(error)


def _unavailable(error: CodesetError) -> Exception:
    """Of a session that is not there for now or for ever; anything else stays as it is."""
    gone = error.unreachable or error.reason.startswith("SESSION_") or error.code == "UNAVAILABLE"
    return _Unavailable(str(error)) if gone else error


@scorer(metrics=[accuracy(), stderr()])
def verdict() -> Scorer:
    """The score of the session's verification: 1 passes. A verification that could not judge is no score at all: it
    raises, so that the sample ends with an error and not with a failure of the model's."""

    async def score(state: TaskState, target: Target) -> Score:
        environment = util.sandbox().as_type(CodesetSandboxEnvironment)
        found = await environment.session.verify()
        if found.state in ("ERROR", "CANCELLED"):
            raise RuntimeError(f"The verification {found.verification_id} ended in {found.state}: {found.message}")
        if found.state == "ENDED":
            raise RuntimeError(
                f"The verification {found.verification_id} ended, and its score is not for this key to see "
                f"(feedback {found.feedback}): use an admin's, or a sample with feedback verdict or full."
            )
        failed = [test.name for test in found.tests if test.status not in ("PASSED", "XFAILED")]
        return Score(
            value=found.score or 0.0,
            explanation=found.message,
            metadata={
                "state": found.state,
                "fault": found.fault,
                "verification_id": found.verification_id,
                "failed_tests": failed[:100],
            },
        )

    return score
