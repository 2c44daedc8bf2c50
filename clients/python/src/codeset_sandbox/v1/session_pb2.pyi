from codeset_sandbox.v1 import sample_pb2 as _sample_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_STATE_UNSPECIFIED: _ClassVar[SessionState]
    SESSION_STATE_CREATING: _ClassVar[SessionState]
    SESSION_STATE_READY: _ClassVar[SessionState]
    SESSION_STATE_ERROR: _ClassVar[SessionState]
    SESSION_STATE_CLOSED: _ClassVar[SessionState]
    SESSION_STATE_EXPIRED: _ClassVar[SessionState]

class RootFiles(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROOT_FILES_UNSPECIFIED: _ClassVar[RootFiles]
    ROOT_FILES_EXACT: _ClassVar[RootFiles]
    ROOT_FILES_IMAGE: _ClassVar[RootFiles]

class LimitEnforcement(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LIMIT_ENFORCEMENT_UNSPECIFIED: _ClassVar[LimitEnforcement]
    LIMIT_ENFORCEMENT_ENFORCED: _ClassVar[LimitEnforcement]
    LIMIT_ENFORCEMENT_SAMPLED: _ClassVar[LimitEnforcement]
    LIMIT_ENFORCEMENT_NONE: _ClassVar[LimitEnforcement]
SESSION_STATE_UNSPECIFIED: SessionState
SESSION_STATE_CREATING: SessionState
SESSION_STATE_READY: SessionState
SESSION_STATE_ERROR: SessionState
SESSION_STATE_CLOSED: SessionState
SESSION_STATE_EXPIRED: SessionState
ROOT_FILES_UNSPECIFIED: RootFiles
ROOT_FILES_EXACT: RootFiles
ROOT_FILES_IMAGE: RootFiles
LIMIT_ENFORCEMENT_UNSPECIFIED: LimitEnforcement
LIMIT_ENFORCEMENT_ENFORCED: LimitEnforcement
LIMIT_ENFORCEMENT_SAMPLED: LimitEnforcement
LIMIT_ENFORCEMENT_NONE: LimitEnforcement

class Session(_message.Message):
    __slots__ = ("session_id", "state", "error", "sample", "environment", "labels", "env", "resources", "network", "workdir", "user", "engine", "create_time", "ready_time", "expire_time", "idle_timeout", "end_time", "snapshot_id", "feedback", "agent_may_verify", "agent_feedback", "max_verifications", "verifications_before")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class EnvEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    WORKDIR_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    READY_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    AGENT_MAY_VERIFY_FIELD_NUMBER: _ClassVar[int]
    AGENT_FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    MAX_VERIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    VERIFICATIONS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    state: SessionState
    error: str
    sample: _sample_pb2.SampleRef
    environment: _sample_pb2.Environment
    labels: _containers.ScalarMap[str, str]
    env: _containers.ScalarMap[str, str]
    resources: _sample_pb2.Resources
    network: _sample_pb2.NetworkMode
    workdir: str
    user: str
    engine: str
    create_time: _timestamp_pb2.Timestamp
    ready_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    idle_timeout: _duration_pb2.Duration
    end_time: _timestamp_pb2.Timestamp
    snapshot_id: str
    feedback: _sample_pb2.Feedback
    agent_may_verify: bool
    agent_feedback: _sample_pb2.Feedback
    max_verifications: int
    verifications_before: int
    def __init__(self, session_id: _Optional[str] = ..., state: _Optional[_Union[SessionState, str]] = ..., error: _Optional[str] = ..., sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ..., environment: _Optional[_Union[_sample_pb2.Environment, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., env: _Optional[_Mapping[str, str]] = ..., resources: _Optional[_Union[_sample_pb2.Resources, _Mapping]] = ..., network: _Optional[_Union[_sample_pb2.NetworkMode, str]] = ..., workdir: _Optional[str] = ..., user: _Optional[str] = ..., engine: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., ready_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., idle_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., snapshot_id: _Optional[str] = ..., feedback: _Optional[_Union[_sample_pb2.Feedback, str]] = ..., agent_may_verify: bool = ..., agent_feedback: _Optional[_Union[_sample_pb2.Feedback, str]] = ..., max_verifications: _Optional[int] = ..., verifications_before: _Optional[int] = ...) -> None: ...

class EngineCapabilities(_message.Message):
    __slots__ = ("engine", "runtime", "link", "user_namespace", "seccomp", "memory", "processes", "cpu", "disk", "public_network", "warnings", "separate_users", "renames_folders", "root_files")
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    USER_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SECCOMP_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    DISK_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_NETWORK_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    SEPARATE_USERS_FIELD_NUMBER: _ClassVar[int]
    RENAMES_FOLDERS_FIELD_NUMBER: _ClassVar[int]
    ROOT_FILES_FIELD_NUMBER: _ClassVar[int]
    engine: str
    runtime: str
    link: str
    user_namespace: bool
    seccomp: bool
    memory: LimitEnforcement
    processes: LimitEnforcement
    cpu: LimitEnforcement
    disk: LimitEnforcement
    public_network: bool
    warnings: _containers.RepeatedScalarFieldContainer[str]
    separate_users: bool
    renames_folders: bool
    root_files: RootFiles
    def __init__(self, engine: _Optional[str] = ..., runtime: _Optional[str] = ..., link: _Optional[str] = ..., user_namespace: bool = ..., seccomp: bool = ..., memory: _Optional[_Union[LimitEnforcement, str]] = ..., processes: _Optional[_Union[LimitEnforcement, str]] = ..., cpu: _Optional[_Union[LimitEnforcement, str]] = ..., disk: _Optional[_Union[LimitEnforcement, str]] = ..., public_network: bool = ..., warnings: _Optional[_Iterable[str]] = ..., separate_users: bool = ..., renames_folders: bool = ..., root_files: _Optional[_Union[RootFiles, str]] = ...) -> None: ...
