from codeset_sandbox.v1 import sample_pb2 as _sample_pb2
from codeset_sandbox.v1 import verification_pb2 as _verification_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PrefetchOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PREFETCH_OUTCOME_UNSPECIFIED: _ClassVar[PrefetchOutcome]
    PREFETCH_OUTCOME_READY: _ClassVar[PrefetchOutcome]
    PREFETCH_OUTCOME_NOT_NEEDED: _ClassVar[PrefetchOutcome]
    PREFETCH_OUTCOME_SKIPPED: _ClassVar[PrefetchOutcome]
    PREFETCH_OUTCOME_FAILED: _ClassVar[PrefetchOutcome]

class AuditAttemptOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIT_ATTEMPT_OUTCOME_UNSPECIFIED: _ClassVar[AuditAttemptOutcome]
    AUDIT_ATTEMPT_OUTCOME_HELD: _ClassVar[AuditAttemptOutcome]
    AUDIT_ATTEMPT_OUTCOME_THROUGH: _ClassVar[AuditAttemptOutcome]
    AUDIT_ATTEMPT_OUTCOME_UNTRIED: _ClassVar[AuditAttemptOutcome]
    AUDIT_ATTEMPT_OUTCOME_SKIPPED: _ClassVar[AuditAttemptOutcome]

class LeakKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEAK_KIND_UNSPECIFIED: _ClassVar[LeakKind]
    LEAK_KIND_SOLUTION: _ClassVar[LeakKind]
    LEAK_KIND_HIDDEN_FILE: _ClassVar[LeakKind]
    LEAK_KIND_EXPECTED_VALUE: _ClassVar[LeakKind]
    LEAK_KIND_TEST_NAME: _ClassVar[LeakKind]

class AuditArea(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIT_AREA_UNSPECIFIED: _ClassVar[AuditArea]
    AUDIT_AREA_TASK: _ClassVar[AuditArea]
    AUDIT_AREA_WORKSPACE: _ClassVar[AuditArea]
    AUDIT_AREA_OUTSIDE: _ClassVar[AuditArea]
    AUDIT_AREA_GIT: _ClassVar[AuditArea]
    AUDIT_AREA_ENVIRONMENT: _ClassVar[AuditArea]
PREFETCH_OUTCOME_UNSPECIFIED: PrefetchOutcome
PREFETCH_OUTCOME_READY: PrefetchOutcome
PREFETCH_OUTCOME_NOT_NEEDED: PrefetchOutcome
PREFETCH_OUTCOME_SKIPPED: PrefetchOutcome
PREFETCH_OUTCOME_FAILED: PrefetchOutcome
AUDIT_ATTEMPT_OUTCOME_UNSPECIFIED: AuditAttemptOutcome
AUDIT_ATTEMPT_OUTCOME_HELD: AuditAttemptOutcome
AUDIT_ATTEMPT_OUTCOME_THROUGH: AuditAttemptOutcome
AUDIT_ATTEMPT_OUTCOME_UNTRIED: AuditAttemptOutcome
AUDIT_ATTEMPT_OUTCOME_SKIPPED: AuditAttemptOutcome
LEAK_KIND_UNSPECIFIED: LeakKind
LEAK_KIND_SOLUTION: LeakKind
LEAK_KIND_HIDDEN_FILE: LeakKind
LEAK_KIND_EXPECTED_VALUE: LeakKind
LEAK_KIND_TEST_NAME: LeakKind
AUDIT_AREA_UNSPECIFIED: AuditArea
AUDIT_AREA_TASK: AuditArea
AUDIT_AREA_WORKSPACE: AuditArea
AUDIT_AREA_OUTSIDE: AuditArea
AUDIT_AREA_GIT: AuditArea
AUDIT_AREA_ENVIRONMENT: AuditArea

class ListDatasetsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDatasetsResponse(_message.Message):
    __slots__ = ("datasets", "next_page_token")
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    datasets: _containers.RepeatedCompositeFieldContainer[_sample_pb2.Dataset]
    next_page_token: str
    def __init__(self, datasets: _Optional[_Iterable[_Union[_sample_pb2.Dataset, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListSamplesRequest(_message.Message):
    __slots__ = ("dataset", "search", "tags", "language", "page_size", "page_token")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    search: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    language: str
    page_size: int
    page_token: str
    def __init__(self, dataset: _Optional[str] = ..., search: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., language: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSamplesResponse(_message.Message):
    __slots__ = ("samples", "next_page_token", "total_size")
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    samples: _containers.RepeatedCompositeFieldContainer[_sample_pb2.Sample]
    next_page_token: str
    total_size: int
    def __init__(self, samples: _Optional[_Iterable[_Union[_sample_pb2.Sample, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ...) -> None: ...

class GetSampleRequest(_message.Message):
    __slots__ = ("sample", "view")
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.SampleRef
    view: _sample_pb2.SampleView
    def __init__(self, sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ..., view: _Optional[_Union[_sample_pb2.SampleView, str]] = ...) -> None: ...

class GetSampleResponse(_message.Message):
    __slots__ = ("sample",)
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.Sample
    def __init__(self, sample: _Optional[_Union[_sample_pb2.Sample, _Mapping]] = ...) -> None: ...

class UploadRepositoryRequest(_message.Message):
    __slots__ = ("header", "data")
    class Header(_message.Message):
        __slots__ = ("sha256", "size_bytes")
        SHA256_FIELD_NUMBER: _ClassVar[int]
        SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
        sha256: str
        size_bytes: int
        def __init__(self, sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: UploadRepositoryRequest.Header
    data: bytes
    def __init__(self, header: _Optional[_Union[UploadRepositoryRequest.Header, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class UploadRepositoryResponse(_message.Message):
    __slots__ = ("sha256", "size_bytes", "already_present")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ALREADY_PRESENT_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    size_bytes: int
    already_present: bool
    def __init__(self, sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., already_present: bool = ...) -> None: ...

class RegisterSampleRequest(_message.Message):
    __slots__ = ("header", "data")
    class Header(_message.Message):
        __slots__ = ("request_id", "codebase")
        REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
        CODEBASE_FIELD_NUMBER: _ClassVar[int]
        request_id: str
        codebase: _sample_pb2.RepositoryRef
        def __init__(self, request_id: _Optional[str] = ..., codebase: _Optional[_Union[_sample_pb2.RepositoryRef, _Mapping]] = ...) -> None: ...
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: RegisterSampleRequest.Header
    data: bytes
    def __init__(self, header: _Optional[_Union[RegisterSampleRequest.Header, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class RegisterSampleResponse(_message.Message):
    __slots__ = ("sample", "created")
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.Sample
    created: bool
    def __init__(self, sample: _Optional[_Union[_sample_pb2.Sample, _Mapping]] = ..., created: bool = ...) -> None: ...

class WatchSampleRequest(_message.Message):
    __slots__ = ("sample",)
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.SampleRef
    def __init__(self, sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ...) -> None: ...

class WatchSampleResponse(_message.Message):
    __slots__ = ("sample", "stage")
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.Sample
    stage: _sample_pb2.StageEvent
    def __init__(self, sample: _Optional[_Union[_sample_pb2.Sample, _Mapping]] = ..., stage: _Optional[_Union[_sample_pb2.StageEvent, _Mapping]] = ...) -> None: ...

class DownloadSampleRequest(_message.Message):
    __slots__ = ("sample",)
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.SampleRef
    def __init__(self, sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ...) -> None: ...

class DownloadSampleResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class DeleteSampleRequest(_message.Message):
    __slots__ = ("sample",)
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.SampleRef
    def __init__(self, sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ...) -> None: ...

class DeleteSampleResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PrefetchSamplesRequest(_message.Message):
    __slots__ = ("dataset", "samples", "max_bytes")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    samples: _containers.RepeatedCompositeFieldContainer[_sample_pb2.SampleRef]
    max_bytes: int
    def __init__(self, dataset: _Optional[str] = ..., samples: _Optional[_Iterable[_Union[_sample_pb2.SampleRef, _Mapping]]] = ..., max_bytes: _Optional[int] = ...) -> None: ...

class PrefetchSamplesResponse(_message.Message):
    __slots__ = ("sample", "stage", "result")
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.SampleRef
    stage: _sample_pb2.StageEvent
    result: PrefetchResult
    def __init__(self, sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ..., stage: _Optional[_Union[_sample_pb2.StageEvent, _Mapping]] = ..., result: _Optional[_Union[PrefetchResult, _Mapping]] = ...) -> None: ...

class PrefetchResult(_message.Message):
    __slots__ = ("outcome", "message")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    outcome: PrefetchOutcome
    message: str
    def __init__(self, outcome: _Optional[_Union[PrefetchOutcome, str]] = ..., message: _Optional[str] = ...) -> None: ...

class ValidateSampleRequest(_message.Message):
    __slots__ = ("sample", "runs", "concurrency", "subject")
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.SampleRef
    runs: int
    concurrency: int
    subject: _sample_pb2.ValidationSubject
    def __init__(self, sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ..., runs: _Optional[int] = ..., concurrency: _Optional[int] = ..., subject: _Optional[_Union[_sample_pb2.ValidationSubject, str]] = ...) -> None: ...

class ValidateSampleResponse(_message.Message):
    __slots__ = ("sample", "run", "validation")
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.SampleRef
    run: ValidationRun
    validation: _sample_pb2.Validation
    def __init__(self, sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ..., run: _Optional[_Union[ValidationRun, _Mapping]] = ..., validation: _Optional[_Union[_sample_pb2.Validation, _Mapping]] = ...) -> None: ...

class ValidationRun(_message.Message):
    __slots__ = ("subject", "run", "as_expected", "verification")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    AS_EXPECTED_FIELD_NUMBER: _ClassVar[int]
    VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    subject: _sample_pb2.ValidationSubject
    run: int
    as_expected: bool
    verification: _verification_pb2.Verification
    def __init__(self, subject: _Optional[_Union[_sample_pb2.ValidationSubject, str]] = ..., run: _Optional[int] = ..., as_expected: bool = ..., verification: _Optional[_Union[_verification_pb2.Verification, _Mapping]] = ...) -> None: ...

class AuditSampleRequest(_message.Message):
    __slots__ = ("sample", "cheats", "skip_cheats", "concurrency")
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    CHEATS_FIELD_NUMBER: _ClassVar[int]
    SKIP_CHEATS_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.SampleRef
    cheats: _containers.RepeatedScalarFieldContainer[str]
    skip_cheats: bool
    concurrency: int
    def __init__(self, sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ..., cheats: _Optional[_Iterable[str]] = ..., skip_cheats: bool = ..., concurrency: _Optional[int] = ...) -> None: ...

class AuditSampleResponse(_message.Message):
    __slots__ = ("sample", "finding", "audit", "attempt")
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    FINDING_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.SampleRef
    finding: AuditFinding
    audit: Audit
    attempt: AuditAttempt
    def __init__(self, sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ..., finding: _Optional[_Union[AuditFinding, _Mapping]] = ..., audit: _Optional[_Union[Audit, _Mapping]] = ..., attempt: _Optional[_Union[AuditAttempt, _Mapping]] = ...) -> None: ...

class Audit(_message.Message):
    __slots__ = ("verdict", "summary", "pieces", "places", "findings", "finding_count", "unsearched", "end_time", "attempts", "counts")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    PLACES_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    FINDING_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNSEARCHED_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    verdict: _sample_pb2.AuditVerdict
    summary: str
    pieces: int
    places: int
    findings: _containers.RepeatedCompositeFieldContainer[AuditFinding]
    finding_count: int
    unsearched: _containers.RepeatedScalarFieldContainer[str]
    end_time: _timestamp_pb2.Timestamp
    attempts: _containers.RepeatedCompositeFieldContainer[AuditAttempt]
    counts: _sample_pb2.AuditCounts
    def __init__(self, verdict: _Optional[_Union[_sample_pb2.AuditVerdict, str]] = ..., summary: _Optional[str] = ..., pieces: _Optional[int] = ..., places: _Optional[int] = ..., findings: _Optional[_Iterable[_Union[AuditFinding, _Mapping]]] = ..., finding_count: _Optional[int] = ..., unsearched: _Optional[_Iterable[str]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[AuditAttempt, _Mapping]]] = ..., counts: _Optional[_Union[_sample_pb2.AuditCounts, _Mapping]] = ...) -> None: ...

class AuditAttempt(_message.Message):
    __slots__ = ("cheat", "family", "title", "way", "outcome", "judged", "message", "closed_by")
    CHEAT_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    WAY_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CLOSED_BY_FIELD_NUMBER: _ClassVar[int]
    cheat: str
    family: str
    title: str
    way: int
    outcome: AuditAttemptOutcome
    judged: AuditJudgement
    message: str
    closed_by: str
    def __init__(self, cheat: _Optional[str] = ..., family: _Optional[str] = ..., title: _Optional[str] = ..., way: _Optional[int] = ..., outcome: _Optional[_Union[AuditAttemptOutcome, str]] = ..., judged: _Optional[_Union[AuditJudgement, _Mapping]] = ..., message: _Optional[str] = ..., closed_by: _Optional[str] = ...) -> None: ...

class AuditJudgement(_message.Message):
    __slots__ = ("verification_id", "state", "fault", "reason")
    VERIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    verification_id: str
    state: _verification_pb2.VerificationState
    fault: _verification_pb2.Fault
    reason: _verification_pb2.VerdictReason
    def __init__(self, verification_id: _Optional[str] = ..., state: _Optional[_Union[_verification_pb2.VerificationState, str]] = ..., fault: _Optional[_Union[_verification_pb2.Fault, str]] = ..., reason: _Optional[_Union[_verification_pb2.VerdictReason, str]] = ...) -> None: ...

class AuditFinding(_message.Message):
    __slots__ = ("kind", "hint", "area", "path", "source", "pieces", "excerpt", "closed_by")
    KIND_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    AREA_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    EXCERPT_FIELD_NUMBER: _ClassVar[int]
    CLOSED_BY_FIELD_NUMBER: _ClassVar[int]
    kind: LeakKind
    hint: bool
    area: AuditArea
    path: str
    source: str
    pieces: int
    excerpt: str
    closed_by: str
    def __init__(self, kind: _Optional[_Union[LeakKind, str]] = ..., hint: bool = ..., area: _Optional[_Union[AuditArea, str]] = ..., path: _Optional[str] = ..., source: _Optional[str] = ..., pieces: _Optional[int] = ..., excerpt: _Optional[str] = ..., closed_by: _Optional[str] = ...) -> None: ...
