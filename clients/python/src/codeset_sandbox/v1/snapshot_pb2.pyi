from codeset_sandbox.v1 import sample_pb2 as _sample_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Snapshot(_message.Message):
    __slots__ = ("snapshot_id", "session_id", "sample", "environment", "labels", "create_time", "size_bytes", "resources", "network", "env", "engine", "transient")
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
    SNAPSHOT_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    TRANSIENT_FIELD_NUMBER: _ClassVar[int]
    snapshot_id: str
    session_id: str
    sample: _sample_pb2.SampleRef
    environment: _sample_pb2.Environment
    labels: _containers.ScalarMap[str, str]
    create_time: _timestamp_pb2.Timestamp
    size_bytes: int
    resources: _sample_pb2.Resources
    network: _sample_pb2.NetworkMode
    env: _containers.ScalarMap[str, str]
    engine: str
    transient: bool
    def __init__(self, snapshot_id: _Optional[str] = ..., session_id: _Optional[str] = ..., sample: _Optional[_Union[_sample_pb2.SampleRef, _Mapping]] = ..., environment: _Optional[_Union[_sample_pb2.Environment, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., size_bytes: _Optional[int] = ..., resources: _Optional[_Union[_sample_pb2.Resources, _Mapping]] = ..., network: _Optional[_Union[_sample_pb2.NetworkMode, str]] = ..., env: _Optional[_Mapping[str, str]] = ..., engine: _Optional[str] = ..., transient: bool = ...) -> None: ...
