from codeset_sandbox.v1 import sample_pb2 as _sample_pb2
from codeset_sandbox.v1 import verification_pb2 as _verification_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PatchSubject(_message.Message):
    __slots__ = ("sample", "diff")
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    DIFF_FIELD_NUMBER: _ClassVar[int]
    sample: _sample_pb2.SampleRef
    diff: bytes
    def __init__(self, sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ..., diff: _Optional[bytes] = ...) -> None: ...

class StartVerificationRequest(_message.Message):
    __slots__ = ("request_id", "session_id", "patch", "snapshot_id", "scope", "feedback")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PATCH_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    session_id: str
    patch: PatchSubject
    snapshot_id: str
    scope: _sample_pb2.VerificationScope
    feedback: _sample_pb2.Feedback
    def __init__(self, request_id: _Optional[str] = ..., session_id: _Optional[str] = ..., patch: _Optional[_Union[PatchSubject, _Mapping]] = ..., snapshot_id: _Optional[str] = ..., scope: _Optional[_Union[_sample_pb2.VerificationScope, str]] = ..., feedback: _Optional[_Union[_sample_pb2.Feedback, str]] = ...) -> None: ...

class StartVerificationResponse(_message.Message):
    __slots__ = ("verification",)
    VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    verification: _verification_pb2.Verification
    def __init__(self, verification: _Optional[_Union[_verification_pb2.Verification, _Mapping]] = ...) -> None: ...

class GetVerificationRequest(_message.Message):
    __slots__ = ("verification_id",)
    VERIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    verification_id: str
    def __init__(self, verification_id: _Optional[str] = ...) -> None: ...

class GetVerificationResponse(_message.Message):
    __slots__ = ("verification",)
    VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    verification: _verification_pb2.Verification
    def __init__(self, verification: _Optional[_Union[_verification_pb2.Verification, _Mapping]] = ...) -> None: ...

class ListVerificationsRequest(_message.Message):
    __slots__ = ("session_id", "sample_id", "states", "page_size", "page_token")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_ID_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    sample_id: str
    states: _containers.RepeatedScalarFieldContainer[_verification_pb2.VerificationState]
    page_size: int
    page_token: str
    def __init__(self, session_id: _Optional[str] = ..., sample_id: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_verification_pb2.VerificationState, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListVerificationsResponse(_message.Message):
    __slots__ = ("verifications", "next_page_token", "total_size")
    VERIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    verifications: _containers.RepeatedCompositeFieldContainer[_verification_pb2.Verification]
    next_page_token: str
    total_size: int
    def __init__(self, verifications: _Optional[_Iterable[_Union[_verification_pb2.Verification, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ...) -> None: ...

class WatchVerificationRequest(_message.Message):
    __slots__ = ("verification_id", "log_offset")
    VERIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    LOG_OFFSET_FIELD_NUMBER: _ClassVar[int]
    verification_id: str
    log_offset: int
    def __init__(self, verification_id: _Optional[str] = ..., log_offset: _Optional[int] = ...) -> None: ...

class WatchVerificationResponse(_message.Message):
    __slots__ = ("verification", "log")
    VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    verification: _verification_pb2.Verification
    log: VerificationLog
    def __init__(self, verification: _Optional[_Union[_verification_pb2.Verification, _Mapping]] = ..., log: _Optional[_Union[VerificationLog, _Mapping]] = ...) -> None: ...

class VerificationLog(_message.Message):
    __slots__ = ("attempt", "offset", "data")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    offset: int
    data: bytes
    def __init__(self, attempt: _Optional[int] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class CancelVerificationRequest(_message.Message):
    __slots__ = ("verification_id",)
    VERIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    verification_id: str
    def __init__(self, verification_id: _Optional[str] = ...) -> None: ...

class CancelVerificationResponse(_message.Message):
    __slots__ = ("verification",)
    VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    verification: _verification_pb2.Verification
    def __init__(self, verification: _Optional[_Union[_verification_pb2.Verification, _Mapping]] = ...) -> None: ...

class DeleteVerificationRequest(_message.Message):
    __slots__ = ("verification_id",)
    VERIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    verification_id: str
    def __init__(self, verification_id: _Optional[str] = ...) -> None: ...

class DeleteVerificationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
