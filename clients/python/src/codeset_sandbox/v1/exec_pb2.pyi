from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutputPace(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTPUT_PACE_UNSPECIFIED: _ClassVar[OutputPace]
    OUTPUT_PACE_BACKPRESSURE: _ClassVar[OutputPace]
    OUTPUT_PACE_DETACHED: _ClassVar[OutputPace]

class OutputStream(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTPUT_STREAM_UNSPECIFIED: _ClassVar[OutputStream]
    OUTPUT_STREAM_STDOUT: _ClassVar[OutputStream]
    OUTPUT_STREAM_STDERR: _ClassVar[OutputStream]

class ExecState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXEC_STATE_UNSPECIFIED: _ClassVar[ExecState]
    EXEC_STATE_STARTING: _ClassVar[ExecState]
    EXEC_STATE_RUNNING: _ClassVar[ExecState]
    EXEC_STATE_EXITED: _ClassVar[ExecState]
    EXEC_STATE_LOST: _ClassVar[ExecState]

class ExitReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXIT_REASON_UNSPECIFIED: _ClassVar[ExitReason]
    EXIT_REASON_EXITED: _ClassVar[ExitReason]
    EXIT_REASON_SIGNALLED: _ClassVar[ExitReason]
    EXIT_REASON_TIMEOUT: _ClassVar[ExitReason]
    EXIT_REASON_CANCELLED: _ClassVar[ExitReason]
    EXIT_REASON_OUT_OF_MEMORY: _ClassVar[ExitReason]
    EXIT_REASON_SESSION_ENDED: _ClassVar[ExitReason]
    EXIT_REASON_LOST: _ClassVar[ExitReason]
    EXIT_REASON_START_FAILED: _ClassVar[ExitReason]
    EXIT_REASON_IDLE_TIMEOUT: _ClassVar[ExitReason]
    EXIT_REASON_OUTPUT_LIMIT: _ClassVar[ExitReason]
OUTPUT_PACE_UNSPECIFIED: OutputPace
OUTPUT_PACE_BACKPRESSURE: OutputPace
OUTPUT_PACE_DETACHED: OutputPace
OUTPUT_STREAM_UNSPECIFIED: OutputStream
OUTPUT_STREAM_STDOUT: OutputStream
OUTPUT_STREAM_STDERR: OutputStream
EXEC_STATE_UNSPECIFIED: ExecState
EXEC_STATE_STARTING: ExecState
EXEC_STATE_RUNNING: ExecState
EXEC_STATE_EXITED: ExecState
EXEC_STATE_LOST: ExecState
EXIT_REASON_UNSPECIFIED: ExitReason
EXIT_REASON_EXITED: ExitReason
EXIT_REASON_SIGNALLED: ExitReason
EXIT_REASON_TIMEOUT: ExitReason
EXIT_REASON_CANCELLED: ExitReason
EXIT_REASON_OUT_OF_MEMORY: ExitReason
EXIT_REASON_SESSION_ENDED: ExitReason
EXIT_REASON_LOST: ExitReason
EXIT_REASON_START_FAILED: ExitReason
EXIT_REASON_IDLE_TIMEOUT: ExitReason
EXIT_REASON_OUTPUT_LIMIT: ExitReason

class ExecSpec(_message.Message):
    __slots__ = ("exec_id", "argv", "shell_line", "env", "workdir", "user", "stdin", "timeout", "kill_grace", "stop_signal", "detach", "tty", "idle_timeout", "max_output_bytes", "lease", "shell")
    class EnvEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    EXEC_ID_FIELD_NUMBER: _ClassVar[int]
    ARGV_FIELD_NUMBER: _ClassVar[int]
    SHELL_LINE_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    WORKDIR_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    STDIN_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    KILL_GRACE_FIELD_NUMBER: _ClassVar[int]
    STOP_SIGNAL_FIELD_NUMBER: _ClassVar[int]
    DETACH_FIELD_NUMBER: _ClassVar[int]
    TTY_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_BYTES_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    SHELL_FIELD_NUMBER: _ClassVar[int]
    exec_id: str
    argv: Argv
    shell_line: str
    env: _containers.ScalarMap[str, str]
    workdir: str
    user: str
    stdin: bool
    timeout: _duration_pb2.Duration
    kill_grace: _duration_pb2.Duration
    stop_signal: str
    detach: bool
    tty: TerminalSize
    idle_timeout: _duration_pb2.Duration
    max_output_bytes: int
    lease: _duration_pb2.Duration
    shell: str
    def __init__(self, exec_id: _Optional[str] = ..., argv: _Optional[_Union[Argv, _Mapping]] = ..., shell_line: _Optional[str] = ..., env: _Optional[_Mapping[str, str]] = ..., workdir: _Optional[str] = ..., user: _Optional[str] = ..., stdin: bool = ..., timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., kill_grace: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., stop_signal: _Optional[str] = ..., detach: bool = ..., tty: _Optional[_Union[TerminalSize, _Mapping]] = ..., idle_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_output_bytes: _Optional[int] = ..., lease: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., shell: _Optional[str] = ...) -> None: ...

class TerminalSize(_message.Message):
    __slots__ = ("rows", "columns")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    columns: int
    def __init__(self, rows: _Optional[int] = ..., columns: _Optional[int] = ...) -> None: ...

class Argv(_message.Message):
    __slots__ = ("args",)
    ARGS_FIELD_NUMBER: _ClassVar[int]
    args: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, args: _Optional[_Iterable[str]] = ...) -> None: ...

class Exec(_message.Message):
    __slots__ = ("exec_id", "session_id", "state", "argv", "shell_line", "workdir", "user", "detach", "create_time", "start_time", "end_time", "result", "stdout_bytes", "stderr_bytes", "tty", "shell")
    EXEC_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ARGV_FIELD_NUMBER: _ClassVar[int]
    SHELL_LINE_FIELD_NUMBER: _ClassVar[int]
    WORKDIR_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    DETACH_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    STDOUT_BYTES_FIELD_NUMBER: _ClassVar[int]
    STDERR_BYTES_FIELD_NUMBER: _ClassVar[int]
    TTY_FIELD_NUMBER: _ClassVar[int]
    SHELL_FIELD_NUMBER: _ClassVar[int]
    exec_id: str
    session_id: str
    state: ExecState
    argv: Argv
    shell_line: str
    workdir: str
    user: str
    detach: bool
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    result: ExecResult
    stdout_bytes: int
    stderr_bytes: int
    tty: TerminalSize
    shell: str
    def __init__(self, exec_id: _Optional[str] = ..., session_id: _Optional[str] = ..., state: _Optional[_Union[ExecState, str]] = ..., argv: _Optional[_Union[Argv, _Mapping]] = ..., shell_line: _Optional[str] = ..., workdir: _Optional[str] = ..., user: _Optional[str] = ..., detach: bool = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., result: _Optional[_Union[ExecResult, _Mapping]] = ..., stdout_bytes: _Optional[int] = ..., stderr_bytes: _Optional[int] = ..., tty: _Optional[_Union[TerminalSize, _Mapping]] = ..., shell: _Optional[str] = ...) -> None: ...

class ExecResult(_message.Message):
    __slots__ = ("reason", "exit_code", "signal", "message", "cpu_time", "peak_memory_bytes", "shell_reset")
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CPU_TIME_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHELL_RESET_FIELD_NUMBER: _ClassVar[int]
    reason: ExitReason
    exit_code: int
    signal: str
    message: str
    cpu_time: _duration_pb2.Duration
    peak_memory_bytes: int
    shell_reset: bool
    def __init__(self, reason: _Optional[_Union[ExitReason, str]] = ..., exit_code: _Optional[int] = ..., signal: _Optional[str] = ..., message: _Optional[str] = ..., cpu_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., peak_memory_bytes: _Optional[int] = ..., shell_reset: bool = ...) -> None: ...

class CapturedOutput(_message.Message):
    __slots__ = ("head", "tail", "tail_offset", "total_bytes")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    TAIL_OFFSET_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    head: bytes
    tail: bytes
    tail_offset: int
    total_bytes: int
    def __init__(self, head: _Optional[bytes] = ..., tail: _Optional[bytes] = ..., tail_offset: _Optional[int] = ..., total_bytes: _Optional[int] = ...) -> None: ...
