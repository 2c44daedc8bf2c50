# Made by scripts/generate.py from the proto files.
"""Every RPC of the three services, for `Client.call`: what this library has no method of its own for."""

from __future__ import annotations

from ._method import Method
from .v1 import sample_service_pb2, session_service_pb2, verification_service_pb2


class samples:
    """codeset.v1.SampleService"""

    ListDatasets = Method("/codeset.v1.SampleService/ListDatasets", sample_service_pb2.ListDatasetsRequest, sample_service_pb2.ListDatasetsResponse)
    ListSamples = Method("/codeset.v1.SampleService/ListSamples", sample_service_pb2.ListSamplesRequest, sample_service_pb2.ListSamplesResponse)
    GetSample = Method("/codeset.v1.SampleService/GetSample", sample_service_pb2.GetSampleRequest, sample_service_pb2.GetSampleResponse)
    UploadRepository = Method("/codeset.v1.SampleService/UploadRepository", sample_service_pb2.UploadRepositoryRequest, sample_service_pb2.UploadRepositoryResponse)
    RegisterSample = Method("/codeset.v1.SampleService/RegisterSample", sample_service_pb2.RegisterSampleRequest, sample_service_pb2.RegisterSampleResponse)
    WatchSample = Method("/codeset.v1.SampleService/WatchSample", sample_service_pb2.WatchSampleRequest, sample_service_pb2.WatchSampleResponse)
    DownloadSample = Method("/codeset.v1.SampleService/DownloadSample", sample_service_pb2.DownloadSampleRequest, sample_service_pb2.DownloadSampleResponse)
    DeleteSample = Method("/codeset.v1.SampleService/DeleteSample", sample_service_pb2.DeleteSampleRequest, sample_service_pb2.DeleteSampleResponse)
    PrefetchSamples = Method("/codeset.v1.SampleService/PrefetchSamples", sample_service_pb2.PrefetchSamplesRequest, sample_service_pb2.PrefetchSamplesResponse)
    ValidateSample = Method("/codeset.v1.SampleService/ValidateSample", sample_service_pb2.ValidateSampleRequest, sample_service_pb2.ValidateSampleResponse)
    AuditSample = Method("/codeset.v1.SampleService/AuditSample", sample_service_pb2.AuditSampleRequest, sample_service_pb2.AuditSampleResponse)


class sessions:
    """codeset.v1.SessionService"""

    CreateSession = Method("/codeset.v1.SessionService/CreateSession", session_service_pb2.CreateSessionRequest, session_service_pb2.CreateSessionResponse)
    GetSession = Method("/codeset.v1.SessionService/GetSession", session_service_pb2.GetSessionRequest, session_service_pb2.GetSessionResponse)
    ListSessions = Method("/codeset.v1.SessionService/ListSessions", session_service_pb2.ListSessionsRequest, session_service_pb2.ListSessionsResponse)
    WatchSession = Method("/codeset.v1.SessionService/WatchSession", session_service_pb2.WatchSessionRequest, session_service_pb2.WatchSessionResponse)
    ExtendSession = Method("/codeset.v1.SessionService/ExtendSession", session_service_pb2.ExtendSessionRequest, session_service_pb2.ExtendSessionResponse)
    CloseSession = Method("/codeset.v1.SessionService/CloseSession", session_service_pb2.CloseSessionRequest, session_service_pb2.CloseSessionResponse)
    CloseSessions = Method("/codeset.v1.SessionService/CloseSessions", session_service_pb2.CloseSessionsRequest, session_service_pb2.CloseSessionsResponse)
    ForkSession = Method("/codeset.v1.SessionService/ForkSession", session_service_pb2.ForkSessionRequest, session_service_pb2.ForkSessionResponse)
    CreateSnapshot = Method("/codeset.v1.SessionService/CreateSnapshot", session_service_pb2.CreateSnapshotRequest, session_service_pb2.CreateSnapshotResponse)
    GetSnapshot = Method("/codeset.v1.SessionService/GetSnapshot", session_service_pb2.GetSnapshotRequest, session_service_pb2.GetSnapshotResponse)
    ListSnapshots = Method("/codeset.v1.SessionService/ListSnapshots", session_service_pb2.ListSnapshotsRequest, session_service_pb2.ListSnapshotsResponse)
    DeleteSnapshot = Method("/codeset.v1.SessionService/DeleteSnapshot", session_service_pb2.DeleteSnapshotRequest, session_service_pb2.DeleteSnapshotResponse)
    Exec = Method("/codeset.v1.SessionService/Exec", session_service_pb2.ExecRequest, session_service_pb2.ExecResponse)
    RunCommand = Method("/codeset.v1.SessionService/RunCommand", session_service_pb2.RunCommandRequest, session_service_pb2.RunCommandResponse)
    WaitExec = Method("/codeset.v1.SessionService/WaitExec", session_service_pb2.WaitExecRequest, session_service_pb2.WaitExecResponse)
    ListExecs = Method("/codeset.v1.SessionService/ListExecs", session_service_pb2.ListExecsRequest, session_service_pb2.ListExecsResponse)
    GetExec = Method("/codeset.v1.SessionService/GetExec", session_service_pb2.GetExecRequest, session_service_pb2.GetExecResponse)
    SignalExec = Method("/codeset.v1.SessionService/SignalExec", session_service_pb2.SignalExecRequest, session_service_pb2.SignalExecResponse)
    ReadFile = Method("/codeset.v1.SessionService/ReadFile", session_service_pb2.ReadFileRequest, session_service_pb2.ReadFileResponse)
    WriteFile = Method("/codeset.v1.SessionService/WriteFile", session_service_pb2.WriteFileRequest, session_service_pb2.WriteFileResponse)
    Stat = Method("/codeset.v1.SessionService/Stat", session_service_pb2.StatRequest, session_service_pb2.StatResponse)
    ListDirectory = Method("/codeset.v1.SessionService/ListDirectory", session_service_pb2.ListDirectoryRequest, session_service_pb2.ListDirectoryResponse)
    Move = Method("/codeset.v1.SessionService/Move", session_service_pb2.MoveRequest, session_service_pb2.MoveResponse)
    Remove = Method("/codeset.v1.SessionService/Remove", session_service_pb2.RemoveRequest, session_service_pb2.RemoveResponse)
    UploadArchive = Method("/codeset.v1.SessionService/UploadArchive", session_service_pb2.UploadArchiveRequest, session_service_pb2.UploadArchiveResponse)
    DownloadArchive = Method("/codeset.v1.SessionService/DownloadArchive", session_service_pb2.DownloadArchiveRequest, session_service_pb2.DownloadArchiveResponse)
    ReplaceInFile = Method("/codeset.v1.SessionService/ReplaceInFile", session_service_pb2.ReplaceInFileRequest, session_service_pb2.ReplaceInFileResponse)
    ApplyPatch = Method("/codeset.v1.SessionService/ApplyPatch", session_service_pb2.ApplyPatchRequest, session_service_pb2.ApplyPatchResponse)
    GetDiff = Method("/codeset.v1.SessionService/GetDiff", session_service_pb2.GetDiffRequest, session_service_pb2.GetDiffResponse)


class verifications:
    """codeset.v1.VerificationService"""

    StartVerification = Method("/codeset.v1.VerificationService/StartVerification", verification_service_pb2.StartVerificationRequest, verification_service_pb2.StartVerificationResponse)
    GetVerification = Method("/codeset.v1.VerificationService/GetVerification", verification_service_pb2.GetVerificationRequest, verification_service_pb2.GetVerificationResponse)
    ListVerifications = Method("/codeset.v1.VerificationService/ListVerifications", verification_service_pb2.ListVerificationsRequest, verification_service_pb2.ListVerificationsResponse)
    WatchVerification = Method("/codeset.v1.VerificationService/WatchVerification", verification_service_pb2.WatchVerificationRequest, verification_service_pb2.WatchVerificationResponse)
    CancelVerification = Method("/codeset.v1.VerificationService/CancelVerification", verification_service_pb2.CancelVerificationRequest, verification_service_pb2.CancelVerificationResponse)
    DeleteVerification = Method("/codeset.v1.VerificationService/DeleteVerification", verification_service_pb2.DeleteVerificationRequest, verification_service_pb2.DeleteVerificationResponse)
