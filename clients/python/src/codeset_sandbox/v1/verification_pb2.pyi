from codeset_sandbox.v1 import sample_pb2 as _sample_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VerificationState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERIFICATION_STATE_UNSPECIFIED: _ClassVar[VerificationState]
    VERIFICATION_STATE_PENDING: _ClassVar[VerificationState]
    VERIFICATION_STATE_RUNNING: _ClassVar[VerificationState]
    VERIFICATION_STATE_PASSED: _ClassVar[VerificationState]
    VERIFICATION_STATE_FAILED: _ClassVar[VerificationState]
    VERIFICATION_STATE_ERROR: _ClassVar[VerificationState]
    VERIFICATION_STATE_TIMED_OUT: _ClassVar[VerificationState]
    VERIFICATION_STATE_CANCELLED: _ClassVar[VerificationState]
    VERIFICATION_STATE_ENDED: _ClassVar[VerificationState]

class Fault(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAULT_UNSPECIFIED: _ClassVar[Fault]
    FAULT_NONE: _ClassVar[Fault]
    FAULT_SUBJECT: _ClassVar[Fault]
    FAULT_SAMPLE: _ClassVar[Fault]
    FAULT_SERVICE: _ClassVar[Fault]

class VerdictReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_REASON_UNSPECIFIED: _ClassVar[VerdictReason]
    VERDICT_REASON_RULE: _ClassVar[VerdictReason]
    VERDICT_REASON_TAMPERED: _ClassVar[VerdictReason]

class TestStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEST_STATUS_UNSPECIFIED: _ClassVar[TestStatus]
    TEST_STATUS_PASSED: _ClassVar[TestStatus]
    TEST_STATUS_FAILED: _ClassVar[TestStatus]
    TEST_STATUS_ERROR: _ClassVar[TestStatus]
    TEST_STATUS_SKIPPED: _ClassVar[TestStatus]
    TEST_STATUS_XFAILED: _ClassVar[TestStatus]
    TEST_STATUS_MISSING: _ClassVar[TestStatus]

class TestList(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEST_LIST_UNSPECIFIED: _ClassVar[TestList]
    TEST_LIST_FAIL_TO_PASS: _ClassVar[TestList]
    TEST_LIST_PASS_TO_PASS: _ClassVar[TestList]
    TEST_LIST_UNLISTED: _ClassVar[TestList]
    TEST_LIST_FAIL_TO_FAIL: _ClassVar[TestList]
VERIFICATION_STATE_UNSPECIFIED: VerificationState
VERIFICATION_STATE_PENDING: VerificationState
VERIFICATION_STATE_RUNNING: VerificationState
VERIFICATION_STATE_PASSED: VerificationState
VERIFICATION_STATE_FAILED: VerificationState
VERIFICATION_STATE_ERROR: VerificationState
VERIFICATION_STATE_TIMED_OUT: VerificationState
VERIFICATION_STATE_CANCELLED: VerificationState
VERIFICATION_STATE_ENDED: VerificationState
FAULT_UNSPECIFIED: Fault
FAULT_NONE: Fault
FAULT_SUBJECT: Fault
FAULT_SAMPLE: Fault
FAULT_SERVICE: Fault
VERDICT_REASON_UNSPECIFIED: VerdictReason
VERDICT_REASON_RULE: VerdictReason
VERDICT_REASON_TAMPERED: VerdictReason
TEST_STATUS_UNSPECIFIED: TestStatus
TEST_STATUS_PASSED: TestStatus
TEST_STATUS_FAILED: TestStatus
TEST_STATUS_ERROR: TestStatus
TEST_STATUS_SKIPPED: TestStatus
TEST_STATUS_XFAILED: TestStatus
TEST_STATUS_MISSING: TestStatus
TEST_LIST_UNSPECIFIED: TestList
TEST_LIST_FAIL_TO_PASS: TestList
TEST_LIST_PASS_TO_PASS: TestList
TEST_LIST_UNLISTED: TestList
TEST_LIST_FAIL_TO_FAIL: TestList

class Verification(_message.Message):
    __slots__ = ("verification_id", "state", "sample", "session_id", "scope", "subject_digest", "attempt", "result", "message", "fault", "retryable", "engine", "resources", "timeout", "runtime", "service_version", "log_bytes", "log_cut_bytes", "log_digest", "create_time", "start_time", "end_time", "exit_code", "signal", "pressure", "sample_digest", "environment_digest", "snapshot_id", "feedback", "stored_bytes", "log_expired", "subject_expired")
    VERIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    SERVICE_VERSION_FIELD_NUMBER: _ClassVar[int]
    LOG_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOG_CUT_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOG_DIGEST_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    PRESSURE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOG_EXPIRED_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_EXPIRED_FIELD_NUMBER: _ClassVar[int]
    verification_id: str
    state: VerificationState
    sample: _sample_pb2.SampleRef
    session_id: str
    scope: _sample_pb2.VerificationScope
    subject_digest: str
    attempt: int
    result: VerificationResult
    message: str
    fault: Fault
    retryable: bool
    engine: str
    resources: _sample_pb2.Resources
    timeout: _duration_pb2.Duration
    runtime: str
    service_version: str
    log_bytes: int
    log_cut_bytes: int
    log_digest: str
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    exit_code: int
    signal: str
    pressure: Pressure
    sample_digest: str
    environment_digest: str
    snapshot_id: str
    feedback: _sample_pb2.Feedback
    stored_bytes: StoredBytes
    log_expired: bool
    subject_expired: bool
    def __init__(self, verification_id: _Optional[str] = ..., state: _Optional[_Union[VerificationState, str]] = ..., sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ..., session_id: _Optional[str] = ..., scope: _Optional[_Union[_sample_pb2.VerificationScope, str]] = ..., subject_digest: _Optional[str] = ..., attempt: _Optional[int] = ..., result: _Optional[_Union[VerificationResult, _Mapping]] = ..., message: _Optional[str] = ..., fault: _Optional[_Union[Fault, str]] = ..., retryable: bool = ..., engine: _Optional[str] = ..., resources: _Optional[_Union[_sample_pb2.Resources, _Mapping]] = ..., timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., runtime: _Optional[str] = ..., service_version: _Optional[str] = ..., log_bytes: _Optional[int] = ..., log_cut_bytes: _Optional[int] = ..., log_digest: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., exit_code: _Optional[int] = ..., signal: _Optional[str] = ..., pressure: _Optional[_Union[Pressure, _Mapping]] = ..., sample_digest: _Optional[str] = ..., environment_digest: _Optional[str] = ..., snapshot_id: _Optional[str] = ..., feedback: _Optional[_Union[_sample_pb2.Feedback, str]] = ..., stored_bytes: _Optional[_Union[StoredBytes, _Mapping]] = ..., log_expired: bool = ..., subject_expired: bool = ...) -> None: ...

class StoredBytes(_message.Message):
    __slots__ = ("log", "subject")
    LOG_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    log: int
    subject: int
    def __init__(self, log: _Optional[int] = ..., subject: _Optional[int] = ...) -> None: ...

class Pressure(_message.Message):
    __slots__ = ("wall_time", "cpu_time", "cpu_throttled", "cpu_waited", "memory_peak_bytes", "out_of_memory_kills")
    WALL_TIME_FIELD_NUMBER: _ClassVar[int]
    CPU_TIME_FIELD_NUMBER: _ClassVar[int]
    CPU_THROTTLED_FIELD_NUMBER: _ClassVar[int]
    CPU_WAITED_FIELD_NUMBER: _ClassVar[int]
    MEMORY_PEAK_BYTES_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_MEMORY_KILLS_FIELD_NUMBER: _ClassVar[int]
    wall_time: _duration_pb2.Duration
    cpu_time: _duration_pb2.Duration
    cpu_throttled: _duration_pb2.Duration
    cpu_waited: _duration_pb2.Duration
    memory_peak_bytes: int
    out_of_memory_kills: int
    def __init__(self, wall_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., cpu_time: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., cpu_throttled: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., cpu_waited: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., memory_peak_bytes: _Optional[int] = ..., out_of_memory_kills: _Optional[int] = ...) -> None: ...

class VerificationResult(_message.Message):
    __slots__ = ("grading", "rule", "score", "tests", "tests_truncated", "fail_to_pass", "pass_to_pass", "fail_to_fail", "scores", "reason")
    class ScoresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    GRADING_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    TESTS_FIELD_NUMBER: _ClassVar[int]
    TESTS_TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    FAIL_TO_PASS_FIELD_NUMBER: _ClassVar[int]
    PASS_TO_PASS_FIELD_NUMBER: _ClassVar[int]
    FAIL_TO_FAIL_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    grading: _sample_pb2.Grading
    rule: str
    score: float
    tests: _containers.RepeatedCompositeFieldContainer[TestResult]
    tests_truncated: bool
    fail_to_pass: TestCounts
    pass_to_pass: TestCounts
    fail_to_fail: TestCounts
    scores: _containers.ScalarMap[str, float]
    reason: VerdictReason
    def __init__(self, grading: _Optional[_Union[_sample_pb2.Grading, str]] = ..., rule: _Optional[str] = ..., score: _Optional[float] = ..., tests: _Optional[_Iterable[_Union[TestResult, _Mapping]]] = ..., tests_truncated: bool = ..., fail_to_pass: _Optional[_Union[TestCounts, _Mapping]] = ..., pass_to_pass: _Optional[_Union[TestCounts, _Mapping]] = ..., fail_to_fail: _Optional[_Union[TestCounts, _Mapping]] = ..., scores: _Optional[_Mapping[str, float]] = ..., reason: _Optional[_Union[VerdictReason, str]] = ...) -> None: ...

class TestResult(_message.Message):
    __slots__ = ("name", "status", "list", "duration", "message", "reported_by_subject")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REPORTED_BY_SUBJECT_FIELD_NUMBER: _ClassVar[int]
    name: str
    status: TestStatus
    list: TestList
    duration: _duration_pb2.Duration
    message: str
    reported_by_subject: bool
    def __init__(self, name: _Optional[str] = ..., status: _Optional[_Union[TestStatus, str]] = ..., list: _Optional[_Union[TestList, str]] = ..., duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., message: _Optional[str] = ..., reported_by_subject: bool = ...) -> None: ...

class TestCounts(_message.Message):
    __slots__ = ("total", "passed")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    total: int
    passed: int
    def __init__(self, total: _Optional[int] = ..., passed: _Optional[int] = ...) -> None: ...
