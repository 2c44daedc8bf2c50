# Made from _async/command.py by scripts/generate.py: change it there.
"""Commands: run to their end, or with their streams while they run."""

from __future__ import annotations

from typing import Iterator, Callable

from .. import methods
from .._collected import CollectedOutput
from .._convert import command_exit, duration
from ..errors import CodesetError, CommandFailedError, FailedPreconditionError
from ..types import CommandExit, CommandResult, OutputChunk
from ..v1 import exec_pb2, session_service_pb2 as wire
from .connection import Connection
from .exec_call import ExecCall, killed
from .transport import farewell, finish

#: How many bytes of each output are kept unless the caller says otherwise.
OUTPUT_BYTES = 16 * 1024 * 1024


def _name(stream: int) -> str:
    return "stderr" if stream == exec_pb2.OUTPUT_STREAM_STDERR else "stdout"


def _chunk(response: wire.ExecResponse) -> OutputChunk | None:
    frame = response.WhichOneof("frame")
    if frame == "output":
        return OutputChunk(_name(response.output.stream), response.output.offset, response.output.data)
    if frame == "gap":
        gap = response.gap
        return OutputChunk(_name(gap.stream), gap.from_offset, b"", gap.to_offset - gap.from_offset)
    return None


def _exit(call: ExecCall, response: wire.ExecResponse) -> CommandExit | None:
    if response.WhichOneof("frame") != "exited":
        return None
    exited = response.exited
    return command_exit(call.exec_id, exited.result, exited.stdout_bytes, exited.stderr_bytes)


class _Collector:
    """Both outputs of a command, as far as there is room."""

    def __init__(self, limit: int) -> None:
        self._stdout = CollectedOutput(limit)
        self._stderr = CollectedOutput(limit)

    def add(self, chunk: OutputChunk) -> None:
        output = self._stderr if chunk.stream == "stderr" else self._stdout
        if chunk.missing:
            output.skip(chunk.missing)
        else:
            output.add(chunk.data)

    def result(self, end: CommandExit) -> CommandResult:
        stdout, stderr = self._stdout.bytes(), self._stderr.bytes()
        return CommandResult(
            **vars(end),
            stdout_bytes=stdout,
            stderr_bytes=stderr,
            stdout=self._stdout.text(),
            stderr=self._stderr.text(),
            truncated=self._stdout.cut > 0 or self._stderr.cut > 0,
        )


def run_command(
    call: ExecCall,
    *,
    stdin: bytes | None,
    max_output_bytes: int,
    on_output: Callable[[OutputChunk], None] | None,
    check: bool,
) -> CommandResult:
    """Runs a command to its end; whoever is cancelled meanwhile has it killed."""
    collector = _Collector(max_output_bytes)
    try:
        if stdin is not None:
            call.input.write(stdin, wait=False)
            call.input.end()
        while True:
            response = call.next()
            if response is None:
                raise CodesetError("CANCELLED", "", "The client was closed.")
            chunk = _chunk(response)
            if chunk is not None:
                collector.add(chunk)
                if on_output is not None:
                    on_output(chunk)
                continue
            end = _exit(call, response)
            if end is not None:
                break
    except BaseException as error:
        if not isinstance(error, CodesetError):
            farewell(lambda: killed(call))
        call.close()
        raise
    result = collector.result(end)
    if check and not result.ok:
        raise CommandFailedError(result)
    return result


class RunningCommand:
    """A command that runs, with its streams. When the connection breaks, also when the service is killed and started
    again, it is taken up where it was: no byte of any of the three streams is lost or comes twice.

    Output that nobody reads holds the command: read `output`, or `wait()`, which drops it. At the end of its `with`
    block the command is ended, by its stop signal and then by SIGKILL; one that was attached or is `detach` is only
    left.

    >>> with session.exec(["tr", "a-z", "A-Z"], stdin=True) as p:
    ...     p.write("hello")
    ...     p.close_stdin()
    ...     for chunk in p.output:
    ...         print(chunk.text)
    HELLO
    """

    def __init__(
        self,
        connection: Connection,
        call: ExecCall,
        *,
        takes_stdin: bool,
        tty: bool | None,
        owned: bool,
        stop_signal: str,
        kill_grace: float,
    ) -> None:
        self._connection = connection
        self._call = call
        self._takes_stdin = takes_stdin
        self._tty = tty
        self._owned = owned
        self._stop_signal = stop_signal
        self._kill_grace = kill_grace
        self._left = False
        #: The command's id: `session.attach` takes it up by this.
        self.exec_id = call.exec_id
        #: How it ended; None while it runs, or while output of it has not been read.
        self.exit: CommandExit | None = None

    def start(self) -> RunningCommand:
        """For the session: comes back once the service has started or found the command."""
        try:
            self._call.next()
        except BaseException as error:
            if not isinstance(error, CodesetError) and self._owned:
                farewell(lambda: killed(self._call))
            self._call.close()
            raise
        return self

    @property
    def output(self) -> Iterator[OutputChunk]:
        """Both outputs in the order in which they came; ends with the command. A loop that was left is gone on with by
        the next. Raises DisconnectedError when the connection broke and was not back in `reconnect_timeout`."""
        return self._output()

    def _output(self) -> Iterator[OutputChunk]:
        while True:
            chunk = self.read()
            if chunk is None:
                return
            yield chunk

    def read(self) -> OutputChunk | None:
        """The next piece of output; None when the command has ended and all of it was read."""
        while self.exit is None:
            response = self._call.next()
            if response is None:
                return None
            chunk = _chunk(response)
            if chunk is not None:
                return chunk
            end = _exit(self._call, response)
            if end is not None:
                self.exit = end
        return None

    def write(self, data: str | bytes) -> None:
        """Sends input; comes back when the connection has taken most of it. Text is sent as UTF-8. What the command no
        longer reads is dropped. Raises FailedPreconditionError STDIN_CLOSED unless it was started with `stdin=True`."""
        if not self._takes_stdin:
            raise FailedPreconditionError(
                "FAILED_PRECONDITION",
                "STDIN_CLOSED",
                "This command was started without stdin: give `stdin=True`.",
            )
        self._call.input.write(data.encode() if isinstance(data, str) else data)

    def close_stdin(self) -> None:
        """No more input; on a terminal it types the end-of-file character. Idempotent."""
        self._call.input.end()

    def signal(self, signal: str = "SIGTERM") -> None:
        """Sends a signal to the command's process group, past input that waits. Comes back when it was delivered.
        Raises FailedPreconditionError EXEC_ENDED, InvalidArgumentError."""
        self._call.signal(signal)

    def kill(self) -> None:
        """Ends it at once, with SIGKILL."""
        self._call.signal("SIGKILL")

    def resize(self, rows: int, columns: int) -> None:
        """Gives its terminal another size. Raises FailedPreconditionError NO_TERMINAL when it has none."""
        for name, value in (("rows", rows), ("columns", columns)):
            if not 1 <= value <= 10_000:
                raise ValueError(f"{name} must be from 1 to 10,000, not {value}.")
        if self._tty is None:
            ask = wire.GetExecRequest(session_id=self._call.session_id, exec_id=self.exec_id)
            told = self._connection.call(methods.sessions.GetExec, ask)
            self._tty = told.exec.HasField("tty")
        if not self._tty:
            raise FailedPreconditionError(
                "FAILED_PRECONDITION", "NO_TERMINAL", "This command has no terminal: give `tty=True`."
            )
        self._call.input.resize(rows, columns)

    def wait(self) -> CommandExit:
        """Waits for its end, and drops what was not read of its output."""
        while self.read() is not None:
            pass
        return self._ended()

    def communicate(
        self, stdin: str | bytes | None = None, *, max_output_bytes: int = OUTPUT_BYTES
    ) -> CommandResult:
        """Sends `stdin` and its end, and gives what the command writes from now on with how it ended."""
        if stdin is not None:
            data = stdin.encode() if isinstance(stdin, str) else stdin
            self._call.input.write(data, wait=False)
        if self._takes_stdin:
            self._call.input.end()
        collector = _Collector(max_output_bytes)
        while True:
            chunk = self.read()
            if chunk is None:
                return collector.result(self._ended())
            collector.add(chunk)

    def disconnect(self) -> None:
        """Leaves the command: what is not `detach` is ended by the service after its lease unless somebody attaches
        meanwhile. Idempotent."""
        self._left = True
        self._call.close()

    def close(self) -> None:
        """Ends the command, the stop signal first and SIGKILL after its grace; a detached or attached one is only left.
        Idempotent; what the service can't be told is left to the command's lease."""
        running = self._owned and self.exit is None and not self._left
        self._left = True
        self._call.close()
        if not running:
            return
        try:
            grace = self._kill_grace
            self._call.signal(self._stop_signal, 10)
            ask = wire.WaitExecRequest(
                session_id=self._call.session_id,
                exec_id=self.exec_id,
                timeout=duration(grace),
                max_output_bytes=1,
            )
            told = self._connection.call(methods.sessions.WaitExec, ask, grace + 10)
            if told.exec.state in (exec_pb2.EXEC_STATE_STARTING, exec_pb2.EXEC_STATE_RUNNING):
                self._call.signal("SIGKILL", 10)
            else:
                end = told.exec
                self.exit = command_exit(self.exec_id, end.result, end.stdout_bytes, end.stderr_bytes)
        except CodesetError:
            # It has ended by itself, its session has, or the service is gone.
            pass

    def _ended(self) -> CommandExit:
        if self.exit is None:
            raise CodesetError("CANCELLED", "", "The command was left before it ended.")
        return self.exit

    def __enter__(self) -> RunningCommand:
        return self

    def __exit__(self, *exc: object) -> None:
        finish(self.close)
