"""What the wire says, as what callers are given; and back."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Mapping, Sequence, Union

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from . import types
from .errors import FieldViolation, InvalidArgumentError
from .v1 import (
    exec_pb2,
    file_pb2,
    sample_pb2,
    session_pb2,
    snapshot_pb2,
    verification_pb2,
)

#: A line for bash, or a program and its arguments.
CommandLine = Union[str, Sequence[str]]
#: `[DATASET/]SAMPLE_ID[@VERSION]`, or a SampleInfo or SampleVersion.
SampleName = Union[str, types.SampleInfo, types.SampleVersion]


def word(enum: Any, prefix: str, value: int) -> str:
    """`PASSED` of VERIFICATION_STATE_PASSED."""
    try:
        return str(enum.Name(value))[len(prefix) :]
    except ValueError:
        return "UNRECOGNIZED"


def number(enum: Any, prefix: str, given: str, field: str) -> Any:
    """The number of a word that a caller gave, in upper or lower case. Raises InvalidArgumentError."""
    words = [name[len(prefix) :] for name in enum.keys() if not name.endswith("_UNSPECIFIED")]
    if given.upper() in words:
        return enum.Value(prefix + given.upper())
    description = f'"{given}" is none of {", ".join(words)}.'
    raise InvalidArgumentError(
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        f"{field}: {description}",
        violations=[FieldViolation(field, description)],
    )


def duration(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    nanos = round(seconds * 1e9)
    sign = -1 if nanos < 0 else 1
    return Duration(seconds=sign * (abs(nanos) // 10**9), nanos=sign * (abs(nanos) % 10**9))


def seconds_of(value: Duration) -> float:
    return float(value.seconds + value.nanos / 1e9)


def time_of(message: Any, field: str) -> datetime | None:
    if not message.HasField(field):
        return None
    value: Timestamp = getattr(message, field)
    return datetime.fromtimestamp(value.seconds, timezone.utc).replace(microsecond=value.nanos // 1000)


def bytes_of(data: str | bytes) -> bytes:
    return data.encode("utf-8", "surrogateescape") if isinstance(data, str) else bytes(data)


def sample_ref(sample: SampleName) -> sample_pb2.SampleRef:
    if not isinstance(sample, str):
        return sample_pb2.SampleRef(sample_id=sample.sample_id, version=sample.version)
    match = re.fullmatch(r"(?:([^/]*)/)?([^@]*)(?:@(\d+))?", sample)
    if match is None:
        raise InvalidArgumentError(
            "INVALID_ARGUMENT", "INVALID_FIELD", f'A sample is named [DATASET/]SAMPLE_ID[@VERSION], not "{sample}".'
        )
    dataset, sample_id, version = match.groups()
    return sample_pb2.SampleRef(sample_id=sample_id, version=int(version or 0), dataset=dataset or "")


def exec_spec(
    command: CommandLine,
    *,
    exec_id: str,
    lease: float,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    stdin: bool = False,
    timeout: float | None = None,
    idle_timeout: float | None = None,
    output_limit: int | None = None,
    kill_grace: float | None = None,
    stop_signal: str | None = None,
    shell: str | None = None,
    detach: bool = False,
    tty: bool | tuple[int, int] = False,
) -> exec_pb2.ExecSpec:
    spec = exec_pb2.ExecSpec(
        exec_id=exec_id,
        workdir=cwd or "",
        env=dict(env or {}),
        user=user or "",
        stdin=stdin,
        timeout=duration(timeout),
        idle_timeout=duration(idle_timeout),
        kill_grace=duration(kill_grace),
        lease=duration(lease),
        stop_signal=stop_signal or "",
        max_output_bytes=output_limit or 0,
        shell=shell or "",
        detach=detach,
    )
    if isinstance(command, str):
        spec.shell_line = command
    else:
        spec.argv.args.extend(command)
    if tty is True:
        spec.tty.SetInParent()
    elif tty:
        spec.tty.rows, spec.tty.columns = tty
    return spec


def limits_message(limits: types.Limits | None) -> sample_pb2.Resources | None:
    if limits is None:
        return None
    return sample_pb2.Resources(
        cpus=limits.cpus,
        memory_bytes=limits.memory_bytes,
        processes=limits.processes,
        disk_bytes=limits.disk_bytes,
    )


def limits_of(resources: sample_pb2.Resources) -> types.Limits:
    return types.Limits(resources.cpus, resources.memory_bytes, resources.processes, resources.disk_bytes)


def _version(message: Any) -> types.SampleVersion | None:
    if not message.HasField("sample"):
        return None
    return types.SampleVersion(message.sample.sample_id, message.sample.version)


def _network(mode: int) -> str:
    return word(sample_pb2.NetworkMode, "NETWORK_MODE_", mode).lower()


def session_info(session: session_pb2.Session) -> types.SessionInfo:
    return types.SessionInfo(
        session_id=session.session_id,
        state=word(session_pb2.SessionState, "SESSION_STATE_", session.state),
        error=session.error,
        sample=_version(session),
        snapshot_id=session.snapshot_id,
        labels=dict(session.labels),
        env=dict(session.env),
        limits=limits_of(session.resources),
        network=_network(session.network),
        workdir=session.workdir,
        user=session.user,
        engine=session.engine,
        max_verifications=session.max_verifications,
        create_time=time_of(session, "create_time"),
        ready_time=time_of(session, "ready_time"),
        expire_time=time_of(session, "expire_time"),
        idle_timeout=seconds_of(session.idle_timeout) if session.HasField("idle_timeout") else None,
        end_time=time_of(session, "end_time"),
    )


def snapshot_info(snapshot: snapshot_pb2.Snapshot) -> types.SnapshotInfo:
    return types.SnapshotInfo(
        snapshot_id=snapshot.snapshot_id,
        session_id=snapshot.session_id,
        sample=_version(snapshot),
        labels=dict(snapshot.labels),
        size_bytes=snapshot.size_bytes,
        engine=snapshot.engine,
        create_time=time_of(snapshot, "create_time"),
    )


def sample_info(sample: sample_pb2.Sample) -> types.SampleInfo:
    return types.SampleInfo(
        dataset=sample.dataset,
        sample_id=sample.sample_id,
        version=sample.version,
        latest=sample.latest,
        source_id=sample.source_id,
        description=sample.description,
        language=sample.language,
        tags=tuple(sample.tags),
        state=word(sample_pb2.SampleState, "SAMPLE_STATE_", sample.state),
        error=sample.error,
        task=sample.task,
        limits=limits_of(sample.resources),
        base_commit=sample.base_commit,
        digest=sample.digest,
        create_time=time_of(sample, "create_time"),
    )


def _status(message: Any) -> tuple[int | None, str | None]:
    status = message.WhichOneof("status")
    return (
        message.exit_code if status == "exit_code" else None,
        message.signal if status == "signal" else None,
    )


def reason_of(result: exec_pb2.ExecResult) -> str:
    return word(exec_pb2.ExitReason, "EXIT_REASON_", result.reason)


def command_exit(
    exec_id: str, result: exec_pb2.ExecResult, stdout_total: int, stderr_total: int
) -> types.CommandExit:
    exit_code, signal = _status(result)
    return types.CommandExit(
        exec_id=exec_id,
        reason=reason_of(result),
        exit_code=exit_code,
        signal=signal,
        message=result.message,
        shell_reset=result.shell_reset,
        cpu_time=seconds_of(result.cpu_time),
        peak_memory_bytes=result.peak_memory_bytes,
        stdout_total=stdout_total,
        stderr_total=stderr_total,
    )


def exec_info(told: exec_pb2.Exec) -> types.ExecInfo:
    ended = told.HasField("result")
    exit_code, signal = _status(told.result)
    return types.ExecInfo(
        exec_id=told.exec_id,
        session_id=told.session_id,
        state=word(exec_pb2.ExecState, "EXEC_STATE_", told.state),
        command=tuple(told.argv.args) if told.WhichOneof("command") == "argv" else told.shell_line,
        workdir=told.workdir,
        user=told.user,
        shell=told.shell,
        detach=told.detach,
        reason=reason_of(told.result) if ended else "",
        exit_code=exit_code,
        signal=signal,
        stdout_bytes=told.stdout_bytes,
        stderr_bytes=told.stderr_bytes,
        create_time=time_of(told, "create_time"),
        start_time=time_of(told, "start_time"),
        end_time=time_of(told, "end_time"),
    )


_FILE_TYPES: dict[int, str] = {
    file_pb2.FILE_TYPE_REGULAR: "file",
    file_pb2.FILE_TYPE_DIRECTORY: "directory",
    file_pb2.FILE_TYPE_SYMLINK: "symlink",
}


def file_info(file: file_pb2.FileInfo) -> types.FileInfo:
    return types.FileInfo(
        path=file.path,
        type=_FILE_TYPES.get(file.type, "other"),
        mode=file.mode,
        size=file.size_bytes,
        uid=file.uid,
        gid=file.gid,
        symlink_target=file.symlink_target,
        modify_time=time_of(file, "modify_time"),
    )


def _counts(counts: verification_pb2.TestCounts) -> types.Counts:
    return types.Counts(counts.total, counts.passed)


def verdict(told: verification_pb2.Verification) -> types.Verdict:
    result = told.result if told.HasField("result") else None
    found = result or verification_pb2.VerificationResult()
    exit_code, signal = _status(told)
    return types.Verdict(
        verification_id=told.verification_id,
        state=word(verification_pb2.VerificationState, "VERIFICATION_STATE_", told.state),
        score=None if result is None else result.score,
        scores=dict(found.scores),
        reason="" if result is None else word(verification_pb2.VerdictReason, "VERDICT_REASON_", result.reason),
        message=told.message,
        fault=word(verification_pb2.Fault, "FAULT_", told.fault),
        retryable=told.retryable,
        feedback=word(sample_pb2.Feedback, "FEEDBACK_", told.feedback),
        tests=tuple(
            types.TestVerdict(
                name=test.name,
                status=word(verification_pb2.TestStatus, "TEST_STATUS_", test.status),
                list=word(verification_pb2.TestList, "TEST_LIST_", test.list),
                duration=seconds_of(test.duration),
                message=test.message,
            )
            for test in found.tests
        ),
        tests_truncated=found.tests_truncated,
        fail_to_pass=_counts(found.fail_to_pass),
        pass_to_pass=_counts(found.pass_to_pass),
        fail_to_fail=_counts(found.fail_to_fail),
        attempt=told.attempt,
        sample=_version(told),
        session_id=told.session_id,
        snapshot_id=told.snapshot_id,
        subject_digest=told.subject_digest,
        sample_digest=told.sample_digest,
        environment_digest=told.environment_digest,
        log_digest=told.log_digest,
        engine=told.engine,
        runtime=told.runtime,
        service_version=told.service_version,
        exit_code=exit_code,
        signal=signal,
        create_time=time_of(told, "create_time"),
        start_time=time_of(told, "start_time"),
        end_time=time_of(told, "end_time"),
    )
