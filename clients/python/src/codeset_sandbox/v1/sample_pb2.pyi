from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SampleState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SAMPLE_STATE_UNSPECIFIED: _ClassVar[SampleState]
    SAMPLE_STATE_PREPARING: _ClassVar[SampleState]
    SAMPLE_STATE_READY: _ClassVar[SampleState]
    SAMPLE_STATE_ERROR: _ClassVar[SampleState]

class SampleView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SAMPLE_VIEW_UNSPECIFIED: _ClassVar[SampleView]
    SAMPLE_VIEW_BASIC: _ClassVar[SampleView]
    SAMPLE_VIEW_FULL: _ClassVar[SampleView]

class NetworkMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NETWORK_MODE_UNSPECIFIED: _ClassVar[NetworkMode]
    NETWORK_MODE_NONE: _ClassVar[NetworkMode]
    NETWORK_MODE_PUBLIC: _ClassVar[NetworkMode]

class History(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HISTORY_UNSPECIFIED: _ClassVar[History]
    HISTORY_PAST: _ClassVar[History]
    HISTORY_SQUASHED: _ClassVar[History]

class VerificationScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERIFICATION_SCOPE_UNSPECIFIED: _ClassVar[VerificationScope]
    VERIFICATION_SCOPE_PATCH: _ClassVar[VerificationScope]
    VERIFICATION_SCOPE_WORKSPACE: _ClassVar[VerificationScope]
    VERIFICATION_SCOPE_FILESYSTEM: _ClassVar[VerificationScope]

class Feedback(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FEEDBACK_UNSPECIFIED: _ClassVar[Feedback]
    FEEDBACK_NONE: _ClassVar[Feedback]
    FEEDBACK_VERDICT: _ClassVar[Feedback]
    FEEDBACK_FULL: _ClassVar[Feedback]

class Grading(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRADING_UNSPECIFIED: _ClassVar[Grading]
    GRADING_EXIT_CODE: _ClassVar[Grading]
    GRADING_ALL_LISTED: _ClassVar[Grading]
    GRADING_SWE_BENCH: _ClassVar[Grading]
    GRADING_REWARD_FILE: _ClassVar[Grading]

class ReportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPORT_FORMAT_UNSPECIFIED: _ClassVar[ReportFormat]
    REPORT_FORMAT_JUNIT: _ClassVar[ReportFormat]
    REPORT_FORMAT_TAP: _ClassVar[ReportFormat]
    REPORT_FORMAT_GO_JSON: _ClassVar[ReportFormat]

class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STAGE_UNSPECIFIED: _ClassVar[Stage]
    STAGE_QUEUED: _ClassVar[Stage]
    STAGE_CODEBASE: _ClassVar[Stage]
    STAGE_SETUP: _ClassVar[Stage]
    STAGE_PREPARE: _ClassVar[Stage]
    STAGE_SANDBOX: _ClassVar[Stage]
    STAGE_DONE: _ClassVar[Stage]
    STAGE_IMAGE: _ClassVar[Stage]

class ValidationVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VALIDATION_VERDICT_UNSPECIFIED: _ClassVar[ValidationVerdict]
    VALIDATION_VERDICT_VALID: _ClassVar[ValidationVerdict]
    VALIDATION_VERDICT_INVALID: _ClassVar[ValidationVerdict]
    VALIDATION_VERDICT_NO_REFERENCE: _ClassVar[ValidationVerdict]
    VALIDATION_VERDICT_INCONCLUSIVE: _ClassVar[ValidationVerdict]

class ValidationSubject(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VALIDATION_SUBJECT_UNSPECIFIED: _ClassVar[ValidationSubject]
    VALIDATION_SUBJECT_UNTOUCHED: _ClassVar[ValidationSubject]
    VALIDATION_SUBJECT_REFERENCE: _ClassVar[ValidationSubject]

class ValidationProblemKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VALIDATION_PROBLEM_KIND_UNSPECIFIED: _ClassVar[ValidationProblemKind]
    VALIDATION_PROBLEM_KIND_REFERENCE_NOT_PASSED: _ClassVar[ValidationProblemKind]
    VALIDATION_PROBLEM_KIND_UNTOUCHED_NOT_FAILED: _ClassVar[ValidationProblemKind]
    VALIDATION_PROBLEM_KIND_FLAKY_VERDICT: _ClassVar[ValidationProblemKind]
    VALIDATION_PROBLEM_KIND_FLAKY_TEST: _ClassVar[ValidationProblemKind]
    VALIDATION_PROBLEM_KIND_MISSING_TEST: _ClassVar[ValidationProblemKind]
    VALIDATION_PROBLEM_KIND_ALREADY_PASSES: _ClassVar[ValidationProblemKind]
    VALIDATION_PROBLEM_KIND_NOT_AS_LISTED: _ClassVar[ValidationProblemKind]
    VALIDATION_PROBLEM_KIND_UNLISTED_FAILURE: _ClassVar[ValidationProblemKind]

class AuditVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIT_VERDICT_UNSPECIFIED: _ClassVar[AuditVerdict]
    AUDIT_VERDICT_CLEAN: _ClassVar[AuditVerdict]
    AUDIT_VERDICT_LEAKS: _ClassVar[AuditVerdict]
    AUDIT_VERDICT_INCONCLUSIVE: _ClassVar[AuditVerdict]
    AUDIT_VERDICT_FOOLED: _ClassVar[AuditVerdict]
SAMPLE_STATE_UNSPECIFIED: SampleState
SAMPLE_STATE_PREPARING: SampleState
SAMPLE_STATE_READY: SampleState
SAMPLE_STATE_ERROR: SampleState
SAMPLE_VIEW_UNSPECIFIED: SampleView
SAMPLE_VIEW_BASIC: SampleView
SAMPLE_VIEW_FULL: SampleView
NETWORK_MODE_UNSPECIFIED: NetworkMode
NETWORK_MODE_NONE: NetworkMode
NETWORK_MODE_PUBLIC: NetworkMode
HISTORY_UNSPECIFIED: History
HISTORY_PAST: History
HISTORY_SQUASHED: History
VERIFICATION_SCOPE_UNSPECIFIED: VerificationScope
VERIFICATION_SCOPE_PATCH: VerificationScope
VERIFICATION_SCOPE_WORKSPACE: VerificationScope
VERIFICATION_SCOPE_FILESYSTEM: VerificationScope
FEEDBACK_UNSPECIFIED: Feedback
FEEDBACK_NONE: Feedback
FEEDBACK_VERDICT: Feedback
FEEDBACK_FULL: Feedback
GRADING_UNSPECIFIED: Grading
GRADING_EXIT_CODE: Grading
GRADING_ALL_LISTED: Grading
GRADING_SWE_BENCH: Grading
GRADING_REWARD_FILE: Grading
REPORT_FORMAT_UNSPECIFIED: ReportFormat
REPORT_FORMAT_JUNIT: ReportFormat
REPORT_FORMAT_TAP: ReportFormat
REPORT_FORMAT_GO_JSON: ReportFormat
STAGE_UNSPECIFIED: Stage
STAGE_QUEUED: Stage
STAGE_CODEBASE: Stage
STAGE_SETUP: Stage
STAGE_PREPARE: Stage
STAGE_SANDBOX: Stage
STAGE_DONE: Stage
STAGE_IMAGE: Stage
VALIDATION_VERDICT_UNSPECIFIED: ValidationVerdict
VALIDATION_VERDICT_VALID: ValidationVerdict
VALIDATION_VERDICT_INVALID: ValidationVerdict
VALIDATION_VERDICT_NO_REFERENCE: ValidationVerdict
VALIDATION_VERDICT_INCONCLUSIVE: ValidationVerdict
VALIDATION_SUBJECT_UNSPECIFIED: ValidationSubject
VALIDATION_SUBJECT_UNTOUCHED: ValidationSubject
VALIDATION_SUBJECT_REFERENCE: ValidationSubject
VALIDATION_PROBLEM_KIND_UNSPECIFIED: ValidationProblemKind
VALIDATION_PROBLEM_KIND_REFERENCE_NOT_PASSED: ValidationProblemKind
VALIDATION_PROBLEM_KIND_UNTOUCHED_NOT_FAILED: ValidationProblemKind
VALIDATION_PROBLEM_KIND_FLAKY_VERDICT: ValidationProblemKind
VALIDATION_PROBLEM_KIND_FLAKY_TEST: ValidationProblemKind
VALIDATION_PROBLEM_KIND_MISSING_TEST: ValidationProblemKind
VALIDATION_PROBLEM_KIND_ALREADY_PASSES: ValidationProblemKind
VALIDATION_PROBLEM_KIND_NOT_AS_LISTED: ValidationProblemKind
VALIDATION_PROBLEM_KIND_UNLISTED_FAILURE: ValidationProblemKind
AUDIT_VERDICT_UNSPECIFIED: AuditVerdict
AUDIT_VERDICT_CLEAN: AuditVerdict
AUDIT_VERDICT_LEAKS: AuditVerdict
AUDIT_VERDICT_INCONCLUSIVE: AuditVerdict
AUDIT_VERDICT_FOOLED: AuditVerdict

class Sample(_message.Message):
    __slots__ = ("dataset", "sample_id", "version", "latest", "source_id", "description", "language", "tags", "state", "error", "task", "environment", "resources", "history", "base_commit", "verification", "hidden", "digest", "create_time", "validation", "disagreement", "audit")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    BASE_COMMIT_FIELD_NUMBER: _ClassVar[int]
    VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENT_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    sample_id: str
    version: int
    latest: bool
    source_id: str
    description: str
    language: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    state: SampleState
    error: str
    task: str
    environment: Environment
    resources: Resources
    history: History
    base_commit: str
    verification: VerificationPolicy
    hidden: HiddenParts
    digest: str
    create_time: _timestamp_pb2.Timestamp
    validation: Validation
    disagreement: Disagreement
    audit: AuditOutline
    def __init__(self, dataset: _Optional[str] = ..., sample_id: _Optional[str] = ..., version: _Optional[int] = ..., latest: bool = ..., source_id: _Optional[str] = ..., description: _Optional[str] = ..., language: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., state: _Optional[_Union[SampleState, str]] = ..., error: _Optional[str] = ..., task: _Optional[str] = ..., environment: _Optional[_Union[Environment, _Mapping]] = ..., resources: _Optional[_Union[Resources, _Mapping]] = ..., history: _Optional[_Union[History, str]] = ..., base_commit: _Optional[str] = ..., verification: _Optional[_Union[VerificationPolicy, _Mapping]] = ..., hidden: _Optional[_Union[HiddenParts, _Mapping]] = ..., digest: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., validation: _Optional[_Union[Validation, _Mapping]] = ..., disagreement: _Optional[_Union[Disagreement, _Mapping]] = ..., audit: _Optional[_Union[AuditOutline, _Mapping]] = ...) -> None: ...

class SampleRef(_message.Message):
    __slots__ = ("sample_id", "version", "dataset")
    SAMPLE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    sample_id: str
    version: int
    dataset: str
    def __init__(self, sample_id: _Optional[str] = ..., version: _Optional[int] = ..., dataset: _Optional[str] = ...) -> None: ...

class Dataset(_message.Message):
    __slots__ = ("name", "sample_count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    sample_count: int
    def __init__(self, name: _Optional[str] = ..., sample_count: _Optional[int] = ...) -> None: ...

class Environment(_message.Message):
    __slots__ = ("host", "image", "dockerfile", "context", "setup", "prepare", "setup_network", "network", "env", "workdir", "user")
    class EnvEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    HOST_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    DOCKERFILE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SETUP_FIELD_NUMBER: _ClassVar[int]
    PREPARE_FIELD_NUMBER: _ClassVar[int]
    SETUP_NETWORK_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    WORKDIR_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    host: HostToolchain
    image: str
    dockerfile: str
    context: str
    setup: _containers.RepeatedScalarFieldContainer[str]
    prepare: _containers.RepeatedScalarFieldContainer[str]
    setup_network: NetworkMode
    network: NetworkMode
    env: _containers.ScalarMap[str, str]
    workdir: str
    user: str
    def __init__(self, host: _Optional[_Union[HostToolchain, _Mapping]] = ..., image: _Optional[str] = ..., dockerfile: _Optional[str] = ..., context: _Optional[str] = ..., setup: _Optional[_Iterable[str]] = ..., prepare: _Optional[_Iterable[str]] = ..., setup_network: _Optional[_Union[NetworkMode, str]] = ..., network: _Optional[_Union[NetworkMode, str]] = ..., env: _Optional[_Mapping[str, str]] = ..., workdir: _Optional[str] = ..., user: _Optional[str] = ...) -> None: ...

class HostToolchain(_message.Message):
    __slots__ = ("requires",)
    REQUIRES_FIELD_NUMBER: _ClassVar[int]
    requires: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, requires: _Optional[_Iterable[str]] = ...) -> None: ...

class Resources(_message.Message):
    __slots__ = ("cpus", "memory_bytes", "processes", "disk_bytes")
    CPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    DISK_BYTES_FIELD_NUMBER: _ClassVar[int]
    cpus: float
    memory_bytes: int
    processes: int
    disk_bytes: int
    def __init__(self, cpus: _Optional[float] = ..., memory_bytes: _Optional[int] = ..., processes: _Optional[int] = ..., disk_bytes: _Optional[int] = ...) -> None: ...

class VerificationPolicy(_message.Message):
    __slots__ = ("timeout", "scope", "grading", "network", "feedback", "max_verifications")
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    GRADING_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    MAX_VERIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    timeout: _duration_pb2.Duration
    scope: VerificationScope
    grading: Grading
    network: NetworkMode
    feedback: Feedback
    max_verifications: int
    def __init__(self, timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., scope: _Optional[_Union[VerificationScope, str]] = ..., grading: _Optional[_Union[Grading, str]] = ..., network: _Optional[_Union[NetworkMode, str]] = ..., feedback: _Optional[_Union[Feedback, str]] = ..., max_verifications: _Optional[int] = ...) -> None: ...

class HiddenParts(_message.Message):
    __slots__ = ("command", "fail_to_pass", "pass_to_pass", "protected_paths", "remove", "report_format", "report_paths", "has_solution", "fail_to_fail", "keep", "has_canary")
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    FAIL_TO_PASS_FIELD_NUMBER: _ClassVar[int]
    PASS_TO_PASS_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_PATHS_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    REPORT_FORMAT_FIELD_NUMBER: _ClassVar[int]
    REPORT_PATHS_FIELD_NUMBER: _ClassVar[int]
    HAS_SOLUTION_FIELD_NUMBER: _ClassVar[int]
    FAIL_TO_FAIL_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    HAS_CANARY_FIELD_NUMBER: _ClassVar[int]
    command: _containers.RepeatedScalarFieldContainer[str]
    fail_to_pass: _containers.RepeatedScalarFieldContainer[str]
    pass_to_pass: _containers.RepeatedScalarFieldContainer[str]
    protected_paths: _containers.RepeatedScalarFieldContainer[str]
    remove: _containers.RepeatedScalarFieldContainer[str]
    report_format: ReportFormat
    report_paths: _containers.RepeatedScalarFieldContainer[str]
    has_solution: bool
    fail_to_fail: _containers.RepeatedScalarFieldContainer[str]
    keep: _containers.RepeatedScalarFieldContainer[str]
    has_canary: bool
    def __init__(self, command: _Optional[_Iterable[str]] = ..., fail_to_pass: _Optional[_Iterable[str]] = ..., pass_to_pass: _Optional[_Iterable[str]] = ..., protected_paths: _Optional[_Iterable[str]] = ..., remove: _Optional[_Iterable[str]] = ..., report_format: _Optional[_Union[ReportFormat, str]] = ..., report_paths: _Optional[_Iterable[str]] = ..., has_solution: bool = ..., fail_to_fail: _Optional[_Iterable[str]] = ..., keep: _Optional[_Iterable[str]] = ..., has_canary: bool = ...) -> None: ...

class RepositoryRef(_message.Message):
    __slots__ = ("sha256", "commit")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    commit: str
    def __init__(self, sha256: _Optional[str] = ..., commit: _Optional[str] = ...) -> None: ...

class StageEvent(_message.Message):
    __slots__ = ("time", "stage", "message", "done_bytes", "total_bytes")
    TIME_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    stage: Stage
    message: str
    done_bytes: int
    total_bytes: int
    def __init__(self, time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., stage: _Optional[_Union[Stage, str]] = ..., message: _Optional[str] = ..., done_bytes: _Optional[int] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class Validation(_message.Message):
    __slots__ = ("verdict", "summary", "runs", "concurrency", "untouched", "reference", "problems", "problem_count", "end_time")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    UNTOUCHED_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    verdict: ValidationVerdict
    summary: str
    runs: int
    concurrency: int
    untouched: ValidationCount
    reference: ValidationCount
    problems: _containers.RepeatedCompositeFieldContainer[ValidationProblem]
    problem_count: int
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, verdict: _Optional[_Union[ValidationVerdict, str]] = ..., summary: _Optional[str] = ..., runs: _Optional[int] = ..., concurrency: _Optional[int] = ..., untouched: _Optional[_Union[ValidationCount, _Mapping]] = ..., reference: _Optional[_Union[ValidationCount, _Mapping]] = ..., problems: _Optional[_Iterable[_Union[ValidationProblem, _Mapping]]] = ..., problem_count: _Optional[int] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ValidationCount(_message.Message):
    __slots__ = ("judged", "as_expected", "errors")
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    AS_EXPECTED_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    judged: int
    as_expected: int
    errors: int
    def __init__(self, judged: _Optional[int] = ..., as_expected: _Optional[int] = ..., errors: _Optional[int] = ...) -> None: ...

class ValidationProblem(_message.Message):
    __slots__ = ("kind", "subject", "test", "seen", "message")
    class SeenEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    kind: ValidationProblemKind
    subject: ValidationSubject
    test: str
    seen: _containers.ScalarMap[str, int]
    message: str
    def __init__(self, kind: _Optional[_Union[ValidationProblemKind, str]] = ..., subject: _Optional[_Union[ValidationSubject, str]] = ..., test: _Optional[str] = ..., seen: _Optional[_Mapping[str, int]] = ..., message: _Optional[str] = ...) -> None: ...

class Disagreement(_message.Message):
    __slots__ = ("subject_digest", "passed_verification_id", "failed_verification_id", "time")
    SUBJECT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PASSED_VERIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    FAILED_VERIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    subject_digest: str
    passed_verification_id: str
    failed_verification_id: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, subject_digest: _Optional[str] = ..., passed_verification_id: _Optional[str] = ..., failed_verification_id: _Optional[str] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AuditOutline(_message.Message):
    __slots__ = ("verdict", "summary", "finding_count", "counts", "through", "end_time")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    FINDING_COUNT_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    THROUGH_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    verdict: AuditVerdict
    summary: str
    finding_count: int
    counts: AuditCounts
    through: _containers.RepeatedScalarFieldContainer[str]
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, verdict: _Optional[_Union[AuditVerdict, str]] = ..., summary: _Optional[str] = ..., finding_count: _Optional[int] = ..., counts: _Optional[_Union[AuditCounts, _Mapping]] = ..., through: _Optional[_Iterable[str]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AuditCounts(_message.Message):
    __slots__ = ("held", "through", "untried", "skipped")
    HELD_FIELD_NUMBER: _ClassVar[int]
    THROUGH_FIELD_NUMBER: _ClassVar[int]
    UNTRIED_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    held: int
    through: int
    untried: int
    skipped: int
    def __init__(self, held: _Optional[int] = ..., through: _Optional[int] = ..., untried: _Optional[int] = ..., skipped: _Optional[int] = ...) -> None: ...
