"""A live sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Mapping

from .. import methods
from .._config import new_id
from .._convert import (
    CommandLine,
    bytes_of,
    duration,
    exec_info,
    exec_spec,
    number,
    session_info,
    snapshot_info,
)
from ..types import CommandResult, ExecInfo, OutputChunk, SessionInfo, SnapshotInfo, Verdict
from ..v1 import exec_pb2, sample_pb2, session_service_pb2 as wire, verification_service_pb2
from .command import OUTPUT_BYTES, AsyncRunningCommand, run_command
from .connection import AsyncConnection
from .exec_call import AsyncExecCall
from .files import AsyncSessionFiles
from .transport import Opening, finish, opening
from .verify import verify

if TYPE_CHECKING:
    from .fork import AsyncForkResult, AsyncForks

_KILL_GRACE = 2.0


class AsyncSession(AsyncSessionFiles):
    """A live sandbox. One that was created or forked here is closed at the end of its `with` block; one that was only
    named (`client.session(id)`) lives on.

    >>> async with client.create_session(sample="median-of-even-lists") as session:
    ...     result = await session.run("git log --oneline")
    ...     print(result.exit_code, result.stdout)
    """

    def __init__(
        self, connection: AsyncConnection, session_id: str, agent_token: str = "", *, owned: bool
    ) -> None:
        super().__init__(connection, session_id)
        #: A key for this session's commands and files alone, to be given to an agent. Empty unless this client made the
        #: session: it is shown once.
        self.agent_token = agent_token
        self._owned = owned

    async def run(
        self,
        command: CommandLine,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        stdin: str | bytes | None = None,
        timeout: float | None = None,
        idle_timeout: float | None = None,
        output_limit: int | None = None,
        max_output_bytes: int = OUTPUT_BYTES,
        on_output: Callable[[OutputChunk], None] | None = None,
        check: bool = False,
        shell: str | None = None,
        kill_grace: float | None = None,
        stop_signal: str | None = None,
        lease: float | None = None,
        exec_id: str | None = None,
    ) -> CommandResult:
        """Runs a command to its end and gives what it wrote. A command that fails is an answer: look at `exit_code`,
        `signal` and `reason`, or say `check=True`. It goes on over a broken connection and a restart of the service;
        when this call is cancelled (asyncio.CancelledError, KeyboardInterrupt) it is killed.

        command: a string is a line for bash (sh where there is none), a sequence a program and its arguments.
        cwd: absolute or relative to the session's working directory; default: there.
        env: variables on top of the session's.
        user: `agent`, `root` (the sandbox's own) or a name the image has; default: the session's.
        stdin: the whole input; default: none, it reads /dev/null.
        timeout: seconds that it may run; then it is ended with reason TIMEOUT. Default: while the session lives.
        idle_timeout: seconds without a byte of output or input; then it is ended with IDLE_TIMEOUT. Default: none.
        output_limit: bytes that it may write; then it is killed with OUTPUT_LIMIT. Default: none.
        max_output_bytes: how many bytes of each output are kept, of more the first and the last half. Default 16 MiB.
        on_output: sees each piece as it comes.
        shell: a remembering shell by name, see `shell`.
        kill_grace: seconds between `stop_signal` (SIGTERM) and SIGKILL when it is being ended. Default 2.
        lease: seconds that it goes on after its connection broke. Default: `reconnect_timeout`, 10 at least.
        exec_id: an id of your choice, unique in the session. Default: a new one.

        Raises CommandFailedError (with `check`), InvalidArgumentError, NotFoundError, FailedPreconditionError
        SESSION_ENDED, DisconnectedError.
        """
        spec = exec_spec(
            command,
            exec_id=exec_id or new_id("exe"),
            lease=self._lease(lease),
            cwd=cwd,
            env=env,
            user=user,
            stdin=stdin is not None,
            timeout=timeout,
            idle_timeout=idle_timeout,
            output_limit=output_limit,
            kill_grace=kill_grace,
            stop_signal=stop_signal,
            shell=shell,
        )
        start = wire.ExecStart(session_id=self.id, spec=spec)
        return await run_command(
            AsyncExecCall(self._connection, wire.ExecRequest(start=start)),
            stdin=None if stdin is None else bytes_of(stdin),
            max_output_bytes=max_output_bytes,
            on_output=on_output,
            check=check,
        )

    def exec(
        self,
        command: CommandLine,
        *,
        stdin: bool = False,
        tty: bool | tuple[int, int] = False,
        detach: bool = False,
        pace: str = "backpressure",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        timeout: float | None = None,
        idle_timeout: float | None = None,
        output_limit: int | None = None,
        shell: str | None = None,
        kill_grace: float | None = None,
        stop_signal: str | None = None,
        lease: float | None = None,
        exec_id: str | None = None,
    ) -> Opening[AsyncRunningCommand]:
        """Starts a command whose streams are used while it runs; comes back once it was started. At the end of its
        `with` block it is ended, unless it is `detach`. A program that can't be executed ends with START_FAILED.

        stdin: whether `write` will be used. Default: it reads /dev/null.
        tty: True, or (rows, columns): a terminal, which is its stdin, stdout and stderr; all output is stdout.
        detach: whether it goes on when this program or its connection goes.
        pace: `backpressure`: it waits for who reads its output; `detached`: it does not, and what was not read in time
        is a chunk with `missing`.
        The others as in `run`, and its errors.

        >>> async with session.exec("npm start") as p:
        ...     async for chunk in p.output:
        ...         if "listening" in chunk.text:
        ...             break
        """
        terminal = tty is not False
        spec = exec_spec(
            command,
            exec_id=exec_id or new_id("exe"),
            lease=self._lease(lease),
            cwd=cwd,
            env=env,
            user=user,
            stdin=stdin,
            timeout=timeout,
            idle_timeout=idle_timeout,
            output_limit=output_limit,
            kill_grace=kill_grace,
            stop_signal=stop_signal,
            shell=shell,
            detach=detach,
            tty=tty,
        )
        start = wire.ExecStart(session_id=self.id, spec=spec, pace=_pace(pace))
        command_made = AsyncRunningCommand(
            self._connection,
            AsyncExecCall(self._connection, wire.ExecRequest(start=start)),
            takes_stdin=stdin or terminal,
            tty=terminal,
            owned=not detach,
            stop_signal=stop_signal or ("SIGHUP" if terminal else "SIGTERM"),
            kill_grace=_KILL_GRACE if kill_grace is None else kill_grace,
        )
        return opening(command_made.start())

    def attach(
        self,
        exec_id: str,
        *,
        stdout_offset: int = 0,
        stderr_offset: int = 0,
        stdin: bool = False,
        pace: str = "backpressure",
    ) -> Opening[AsyncRunningCommand]:
        """Takes part in a command that was started, here or by somebody else: its outputs from the offsets on as far as
        they are kept, and its end. Leaving it does nothing to it. `stdin`: whether `write` will be used, by one writer
        at a time. Raises NotFoundError EXEC_NOT_FOUND, OutOfRangeError OFFSET_OUT_OF_RANGE."""
        attach = wire.ExecAttach(
            session_id=self.id,
            exec_id=exec_id,
            stdout_offset=stdout_offset,
            stderr_offset=stderr_offset,
            pace=_pace(pace),
        )
        call = AsyncExecCall(
            self._connection,
            wire.ExecRequest(attach=attach),
            stdout_offset=stdout_offset,
            stderr_offset=stderr_offset,
        )
        command = AsyncRunningCommand(
            self._connection, call, takes_stdin=stdin, tty=None, owned=False, stop_signal="", kill_grace=0
        )
        return opening(command.start())

    def shell(self, name: str = "main") -> AsyncShell:
        """A shell that remembers: its commands run one after another in the same bash (sh where there is none), so that
        directory, variables, functions and activated environments last. Each still has its own outputs, status and
        time-out; after one that had to be killed, or that ended the shell, `shell_reset` is true.

        >>> main = session.shell()
        >>> await main.run("cd /tmp && export WHO=me")
        >>> print((await main.run("echo $WHO in $PWD")).stdout)
        me in /tmp
        """
        return AsyncShell(self, name)

    async def list_execs(self, *, timeout: float | None = None) -> AsyncIterator[ExecInfo]:
        """The session's commands, newest first, ended ones included, page after page as they are read."""
        token = ""
        while True:
            ask = wire.ListExecsRequest(session_id=self.id, page_size=200, page_token=token)
            page = await self._connection.call(methods.sessions.ListExecs, ask, timeout)
            for told in page.execs:
                yield exec_info(told)
            token = page.next_page_token
            if token == "":
                return

    def fork(
        self,
        count: int = 1,
        *,
        labels: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        secret_env: Mapping[str, str] | None = None,
        ttl: float | None = None,
        idle_timeout: float | None = None,
        request_id: str | None = None,
    ) -> Opening[AsyncForks]:
        """Makes up to 256 sessions whose files begin as this one's are now; its commands go on. Processes are not
        copied, nor what lies in /tmp, /run and /dev/shm. All of them or none: when one can't be made the others are
        closed. They are closed together at the end of the block. Raises FailedPreconditionError, ResourceExhaustedError
        SESSION_LIMIT or DISK_FULL, UnavailableError.

        >>> async with session.fork(8) as forks:
        ...     await asyncio.gather(*(fork.run("./try") for fork in forks.sessions))
        """
        from .fork import fork_all

        request = fork_request(count, labels, env, secret_env, ttl, idle_timeout, request_id)
        request.session_id = self.id
        return opening(fork_all(self._connection, request))

    def fork_each(
        self,
        count: int = 1,
        *,
        labels: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        secret_env: Mapping[str, str] | None = None,
        ttl: float | None = None,
        idle_timeout: float | None = None,
        request_id: str | None = None,
    ) -> AsyncIterator[AsyncForkResult]:
        """As `fork`, one by one as they are made: each with its session or the error in its place. Whoever takes a
        session from here closes it."""
        from .fork import fork_each

        request = fork_request(count, labels, env, secret_env, ttl, idle_timeout, request_id)
        request.session_id = self.id
        return fork_each(self._connection, request)

    async def snapshot(
        self,
        *,
        labels: Mapping[str, str] | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> SnapshotInfo:
        """Keeps the session's files as they are now, also for when it has ended: `client.create_session(snapshot=…)` and
        `client.fork(…)` make sessions from them. Raises FailedPreconditionError, ResourceExhaustedError."""
        request = wire.CreateSnapshotRequest(
            session_id=self.id, request_id=request_id or new_id("req"), labels=dict(labels or {})
        )
        answer = await self._connection.call(methods.sessions.CreateSnapshot, request, timeout)
        return snapshot_info(answer.snapshot)

    async def verify(
        self,
        *,
        on_log: Callable[[bytes], None] | None = None,
        scope: str | None = None,
        feedback: str | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Verdict:
        """Judges what the session holds at this moment by the sample's hidden tests, in a sandbox of its own; the session
        is not changed. Cancelling the call, or its `timeout` in seconds, cancels the verification.

        on_log: sees the script's log as it is written; an attempt that had to be begun anew begins its log anew.
        scope: `patch`, `workspace` or `filesystem`. Default: as the sample says.
        feedback: what who has no admin's key is shown at most, `none`, `verdict` or `full`.

        Raises FailedPreconditionError SAMPLE_NOT_FOUND (made from an environment alone), ResourceExhaustedError
        VERIFICATION_LIMIT or SESSION_VERIFICATION_LIMIT, PermissionDeniedError (with an agent's token, unless the
        session has `agent_may_verify`), DeadlineExceededError.
        """
        request = verification_request(scope, feedback, request_id)
        request.session_id = self.id
        return await verify(self._connection, request, on_log, timeout)

    async def info(self, *, timeout: float | None = None) -> SessionInfo:
        """The session as it is now. Raises NotFoundError SESSION_NOT_FOUND."""
        ask = wire.GetSessionRequest(session_id=self.id)
        return session_info((await self._connection.call(methods.sessions.GetSession, ask, timeout)).session)

    async def extend(self, ttl: float, *, timeout: float | None = None) -> SessionInfo:
        """Gives it another time to live in seconds, counted from now; 1 s to 7 days, also shorter than what was left.
        Raises FailedPreconditionError SESSION_ENDED."""
        request = wire.ExtendSessionRequest(session_id=self.id, ttl=duration(ttl))
        answer = await self._connection.call(methods.sessions.ExtendSession, request, timeout)
        return session_info(answer.session)

    async def close(self, *, timeout: float | None = None) -> None:
        """Closes it: ends what runs and removes its sandbox. Idempotent; verifications that were started go on."""
        request = wire.CloseSessionRequest(session_id=self.id)
        await self._connection.call(methods.sessions.CloseSession, request, timeout)

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._owned:
            await finish(self.close)

    def _lease(self, given: float | None) -> float:
        return min(3600.0, max(10.0, self._connection.reconnect_timeout)) if given is None else given


class AsyncShell:
    """Commands in one remembering shell, see `AsyncSession.shell`."""

    def __init__(self, session: AsyncSession, name: str) -> None:
        self._session = session
        self.name = name

    async def run(
        self,
        command: CommandLine,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        stdin: str | bytes | None = None,
        timeout: float | None = None,
        idle_timeout: float | None = None,
        output_limit: int | None = None,
        max_output_bytes: int = OUTPUT_BYTES,
        on_output: Callable[[OutputChunk], None] | None = None,
        check: bool = False,
    ) -> CommandResult:
        """As `AsyncSession.run`; `cwd` and `env` last as by `cd` and `export`."""
        return await self._session.run(
            command,
            cwd=cwd,
            env=env,
            user=user,
            stdin=stdin,
            timeout=timeout,
            idle_timeout=idle_timeout,
            output_limit=output_limit,
            max_output_bytes=max_output_bytes,
            on_output=on_output,
            check=check,
            shell=self.name,
        )

    def exec(
        self,
        command: CommandLine,
        *,
        stdin: bool = False,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        timeout: float | None = None,
    ) -> Opening[AsyncRunningCommand]:
        """As `AsyncSession.exec`, in this shell."""
        return self._session.exec(
            command, stdin=stdin, cwd=cwd, env=env, user=user, timeout=timeout, shell=self.name
        )


def _pace(pace: str) -> Any:
    return number(exec_pb2.OutputPace, "OUTPUT_PACE_", pace, "pace")


def fork_request(
    count: int,
    labels: Mapping[str, str] | None,
    env: Mapping[str, str] | None,
    secret_env: Mapping[str, str] | None,
    ttl: float | None,
    idle_timeout: float | None,
    request_id: str | None,
) -> wire.ForkSessionRequest:
    return wire.ForkSessionRequest(
        count=count,
        request_id=request_id or new_id("req"),
        labels=dict(labels or {}),
        env=dict(env or {}),
        secret_env=dict(secret_env or {}),
        ttl=duration(ttl),
        idle_timeout=duration(idle_timeout),
    )


def verification_request(
    scope: str | None, feedback: str | None, request_id: str | None
) -> verification_service_pb2.StartVerificationRequest:
    request = verification_service_pb2.StartVerificationRequest(request_id=request_id or new_id("req"))
    if scope is not None:
        request.scope = number(sample_pb2.VerificationScope, "VERIFICATION_SCOPE_", scope, "scope")
    if feedback is not None:
        request.feedback = number(sample_pb2.Feedback, "FEEDBACK_", feedback, "feedback")
    return request
