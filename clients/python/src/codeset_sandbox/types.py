"""What the service tells, as plain frozen dataclasses. Times are aware datetimes in UTC, durations seconds, sizes bytes.

Words of state are those of the proto (`READY`, `PASSED`), and `UNRECOGNIZED` for one of a newer server.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Mapping, Sequence


@dataclass(frozen=True)
class Limits:
    """The limits of one sandbox. In requests 0 means: the sample's own, or the service's default."""

    #: Processors, may be fractional.
    cpus: float = 0
    memory_bytes: int = 0
    #: Processes and threads.
    processes: int = 0
    #: What the sandbox may write to disk.
    disk_bytes: int = 0


@dataclass(frozen=True)
class SampleVersion:
    """Names one version of a sample."""

    sample_id: str
    version: int


@dataclass(frozen=True)
class SampleInfo:
    """A sample as the service sees it."""

    dataset: str
    sample_id: str
    version: int
    #: Whether it is the highest version.
    latest: bool
    #: As its origin spells it.
    source_id: str
    description: str
    language: str
    tags: Sequence[str]
    #: PREPARING, READY or ERROR.
    state: str
    #: Why its preparation failed; else empty.
    error: str
    #: The task for the agent, Markdown; empty in lists.
    task: str
    limits: Limits
    #: The commit that the codebase stands at; empty until it is unpacked.
    base_commit: str
    digest: str
    create_time: datetime | None


@dataclass(frozen=True)
class Dataset:
    name: str
    sample_count: int


@dataclass(frozen=True)
class SessionInfo:
    """A session as the service sees it."""

    session_id: str
    #: CREATING, READY, ERROR, CLOSED or EXPIRED.
    state: str
    #: Why it is in state ERROR, or was when it ended; else empty.
    error: str
    #: None when it was made from an environment alone.
    sample: SampleVersion | None
    #: The snapshot that its files began as; empty for none.
    snapshot_id: str
    labels: Mapping[str, str]
    #: The extra variables given at creation, secret ones never among them.
    env: Mapping[str, str]
    limits: Limits
    #: `none` or `public`.
    network: str
    #: Where commands run that name no place.
    workdir: str
    #: Who runs commands that name nobody.
    user: str
    #: What made the sandbox, `local` or `docker`; empty until it is known.
    engine: str
    #: How many verifications it may have; 0: any number.
    max_verifications: int
    create_time: datetime | None
    #: None until it is READY.
    ready_time: datetime | None
    #: When its time to live ends.
    expire_time: datetime | None
    #: None when there is no such limit.
    idle_timeout: float | None
    #: None until it is CLOSED or EXPIRED.
    end_time: datetime | None


@dataclass(frozen=True)
class SnapshotInfo:
    """What a session's files were at one moment."""

    snapshot_id: str
    #: The session that it was taken of, which may have ended.
    session_id: str
    sample: SampleVersion | None
    labels: Mapping[str, str]
    #: What was copied for it, without what it shares.
    size_bytes: int
    engine: str
    create_time: datetime | None


@dataclass(frozen=True)
class OutputChunk:
    """Bytes that a command wrote; or, with `missing`, a hole where bytes are no longer there."""

    #: `stdout` or `stderr`. With a terminal everything is `stdout`.
    stream: str
    #: Where `data` begins in that output, in bytes from 0.
    offset: int
    data: bytes
    #: How many bytes from `offset` on are lost; then `data` is empty.
    missing: int = 0

    @property
    def text(self) -> str:
        """`data` as UTF-8; a character that is cut at the end of a chunk reads U+FFFD."""
        return self.data.decode("utf-8", "replace")


@dataclass(frozen=True)
class CommandExit:
    """How a command ended. A command that fails is an answer, not an error."""

    exec_id: str
    #: EXITED, SIGNALLED, TIMEOUT, CANCELLED, OUT_OF_MEMORY, SESSION_ENDED, LOST, START_FAILED, IDLE_TIMEOUT or
    #: OUTPUT_LIMIT.
    reason: str
    #: 0 to 255; None when a signal ended it, or nobody knows. 127 not found, 126 not executable.
    exit_code: int | None
    #: The signal that ended it, `SIGKILL`.
    signal: str | None
    #: A sentence for START_FAILED and LOST; else empty.
    message: str
    #: Whether what its `shell` remembered is lost: the next command begins anew.
    shell_reset: bool
    #: User and system time of it and its children, in seconds.
    cpu_time: float
    #: The largest resident set; 0 when unknown.
    peak_memory_bytes: int
    #: How many bytes it wrote.
    stdout_total: int
    stderr_total: int

    @property
    def ok(self) -> bool:
        """Whether it exited by itself, with 0."""
        return self.reason == "EXITED" and self.exit_code == 0


@dataclass(frozen=True)
class CommandResult(CommandExit):
    """A command that has ended, and what it wrote."""

    #: As it was written; where bytes are missing their place is not marked.
    stdout_bytes: bytes = b""
    stderr_bytes: bytes = b""
    #: As UTF-8; where bytes had to be left out, a line says how many.
    stdout: str = ""
    stderr: str = ""
    #: Whether bytes of either output are missing.
    truncated: bool = False


@dataclass(frozen=True)
class ExecInfo:
    """A command of a session, as lists show it."""

    exec_id: str
    session_id: str
    #: STARTING, RUNNING, EXITED or LOST.
    state: str
    #: The shell line, or the program and its arguments; cut to 4 KiB.
    command: str | Sequence[str]
    workdir: str
    user: str
    #: The remembering shell; empty for none.
    shell: str
    detach: bool
    #: Why it ended; empty while it has not.
    reason: str
    exit_code: int | None
    signal: str | None
    stdout_bytes: int
    stderr_bytes: int
    create_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None


@dataclass(frozen=True)
class FileInfo:
    """What is known of a file."""

    path: str
    #: `file`, `directory`, `symlink` or `other`.
    type: str
    #: Permission bits.
    mode: int
    size: int
    uid: int
    gid: int
    #: Where a symbolic link points; else empty.
    symlink_target: str
    modify_time: datetime | None


@dataclass(frozen=True)
class Counts:
    """How many tests of a list there are, and how many of them did what it asks: failed, in `fail_to_fail`."""

    total: int
    passed: int


@dataclass(frozen=True)
class TestVerdict:
    """One test of a verification."""

    __test__ = False

    name: str
    #: PASSED, FAILED, ERROR, SKIPPED, XFAILED or MISSING (it is listed, but in no report).
    status: str
    #: FAIL_TO_PASS, PASS_TO_PASS, FAIL_TO_FAIL or UNLISTED.
    list: str
    #: As the report says; 0 when it does not.
    duration: float
    #: What the report says of a failure.
    message: str


@dataclass(frozen=True)
class Verdict:
    """A verification and what it found."""

    verification_id: str
    #: PENDING, RUNNING; PASSED, FAILED, ERROR, TIMED_OUT, CANCELLED; ENDED: how is not for this key.
    state: str
    #: 0 to 1; None when no rule could decide.
    score: float | None
    #: What a reward file says, by name.
    scores: Mapping[str, float]
    #: What decided: RULE, or TAMPERED; empty: nothing yet.
    reason: str
    #: What happened, in a sentence.
    message: str
    #: NONE, SUBJECT, SAMPLE or SERVICE; the last two are never to be counted against an agent.
    fault: str
    #: Whether the same verification, started again, may end otherwise.
    retryable: bool
    #: What this key is shown: NONE, VERDICT or FULL.
    feedback: str
    #: Every test that was reported or listed; empty in lists of verifications.
    tests: Sequence[TestVerdict]
    tests_truncated: bool
    fail_to_pass: Counts
    pass_to_pass: Counts
    fail_to_fail: Counts
    #: Which run this is, from 1.
    attempt: int
    sample: SampleVersion | None
    #: The session that was judged; empty when a patch was.
    session_id: str
    snapshot_id: str
    #: SHA-256 of what was judged, of the sample's version, of its environment and of the log.
    subject_digest: str
    sample_digest: str
    environment_digest: str
    log_digest: str
    engine: str
    runtime: str
    service_version: str
    #: How the sample's script ended.
    exit_code: int | None
    signal: str | None
    create_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None

    @property
    def passed(self) -> bool:
        """Whether `state` is PASSED. Of one that is ENDED it is False and means nothing."""
        return self.state == "PASSED"
