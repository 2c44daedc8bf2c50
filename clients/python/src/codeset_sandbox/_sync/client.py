# Made from _async/client.py by scripts/generate.py: change it there.
"""A codeset server."""

from __future__ import annotations

import os
from typing import Iterator, Callable, Mapping, Sequence

from .. import methods
from .._config import address_of, api_key_of, new_id
from .._convert import (
    SampleName,
    bytes_of,
    duration,
    limits_message,
    number,
    sample_ref,
    session_info,
    snapshot_info,
    verdict,
)
from .._method import Method, Request, Response
from ..errors import DeadlineExceededError, FailedPreconditionError, PermissionDeniedError, ServerUnreachableError
from ..types import Limits, SessionInfo, SnapshotInfo, Verdict
from ..v1 import sample_pb2, session_pb2, session_service_pb2 as wire, verification_pb2, verification_service_pb2
from .connection import Connection
from .fork import ForkResult, Forks, fork_all, fork_each
from .samples import Samples
from .session import Session, fork_request, verification_request
from .transport import farewell
from .verify import verify

_CONNECT = 10.0


class Client:
    """A codeset server.

    >>> with Client() as client:
    ...     with client.create_session(sample="median-of-even-lists") as session:
    ...         print((session.run("ls")).stdout)

    address: `HOST:PORT` or `unix:PATH`. Default: CODESET_ADDRESS, else 127.0.0.1:50051.
    api_key: an admin's or runner's key, or a session's agent token. Default: CODESET_API_KEY, else the `admin.key` in
    the server's data folder where this user may read it.
    data_dir: that folder. Default: CODESET_DATA_DIR, else where `codeset serve` has it.
    reconnect_timeout: for how many seconds calls and streams are taken up again when the connection breaks; 0: never.
    """

    def __init__(
        self,
        address: str | None = None,
        api_key: str | None = None,
        *,
        data_dir: str | os.PathLike[str] | None = None,
        reconnect_timeout: float = 30.0,
    ) -> None:
        self.address = address_of(address)
        self._connection = Connection(self.address, api_key_of(api_key, data_dir), reconnect_timeout)
        #: The samples of the server.
        self.samples = Samples(self._connection)

    def connect(self, *, timeout: float = _CONNECT) -> None:
        """Finds out that a server is there and takes the key; the start of a `with` block does so. Raises
        ServerUnreachableError, UnauthenticatedError."""
        try:
            ask = wire.ListSessionsRequest(page_size=1)
            self._connection.call(methods.sessions.ListSessions, ask, timeout)
        except PermissionDeniedError:
            # An agent's token is good, only not for this.
            pass
        except DeadlineExceededError:
            if self._connection.answered:
                raise
            raise ServerUnreachableError(f"No server answered at {self.address} within {timeout:g} s.") from None

    def create_session(
        self,
        *,
        sample: SampleName | None = None,
        image: str | None = None,
        host: bool | Sequence[str] = False,
        snapshot: str | None = None,
        setup: Sequence[str] = (),
        setup_network: str | None = None,
        workdir: str | None = None,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        secret_env: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        ttl: float | None = None,
        idle_timeout: float | None = None,
        limits: Limits | None = None,
        network: str | None = None,
        agent_may_verify: str | None = None,
        feedback: str | None = None,
        max_verifications: int = 0,
        request_id: str | None = None,
        wait: bool = True,
        timeout: float | None = None,
    ) -> Session:
        """Makes a session and waits until it is READY; it is closed at the end of its `with` block.

        From one of: sample: `[DATASET/]SAMPLE_ID[@VERSION]`; snapshot: an id; or an environment alone, with an empty
        workspace: image: a container image; host: True for the host's own toolchain, or the programs it must have
        (with an image beside it, the local engine takes the host).
        setup: with an environment: shell lines that run once as root; setup_network, workdir, user: of those.
        env: variables for every command. secret_env: such that nobody can read back.
        ttl: how many seconds it lives; 1 s to 7 days, default 30 minutes. idle_timeout: default none.
        limits: each at most the sample's. network: `none` or `public`; default: the environment's own.
        agent_may_verify: what its agent is shown of verifications, `none`, `verdict` or `full`, which it may then start.
        feedback: what who has no admin's key is shown of them. max_verifications: 0: as the sample says.
        request_id: the same id again gives the same session. Default: a new one.
        wait: False gives it while it is CREATING. timeout: of the call, in seconds; what is not there by then is closed,
        unless it has a request_id of yours, by which it is taken up.

        Raises ValueError unless exactly one source is named; NotFoundError; FailedPreconditionError SESSION_NOT_READY
        (its sandbox could not be made; it is closed), SAMPLE_NOT_READY, ENGINE_UNSUPPORTED, ENVIRONMENT_UNMET;
        ResourceExhaustedError SESSION_LIMIT; InvalidArgumentError.
        """
        environment = bool(image) or host is not False
        if (sample is not None) + (snapshot is not None) + environment != 1:
            raise ValueError("Name what the session is made from: one of sample, image or host, and snapshot.")
        request = wire.CreateSessionRequest(
            request_id=request_id or new_id("req"),
            labels=dict(labels or {}),
            env=dict(env or {}),
            secret_env=dict(secret_env or {}),
            ttl=duration(ttl),
            idle_timeout=duration(idle_timeout),
            resources=limits_message(limits),
            max_verifications=max_verifications,
            return_immediately=not wait,
        )
        if sample is not None:
            request.sample.CopyFrom(sample_ref(sample))
        elif snapshot is not None:
            request.snapshot_id = snapshot
        else:
            made = sample_pb2.Environment(
                image=image or "", setup=setup, workdir=workdir or "", user=user or ""
            )
            if host is not False:
                made.host.SetInParent()
                made.host.requires.extend([] if host is True else host)
            if setup_network is not None:
                made.setup_network = _network(setup_network, "environment.setup_network")
            if network is not None:
                made.network = _network(network, "environment.network")
            request.environment.CopyFrom(made)
        if network is not None:
            request.network = _network(network, "network")
        if agent_may_verify is not None:
            request.agent_may_verify = True
            request.agent_feedback = _feedback(agent_may_verify, "agent_may_verify")
        if feedback is not None:
            request.feedback = _feedback(feedback, "feedback")
        return (self._create_session(request, timeout, named=bool(request_id)))

    def _create_session(
        self, request: wire.CreateSessionRequest, timeout: float | None, named: bool
    ) -> Session:
        try:
            answer = self._connection.call(methods.sessions.CreateSession, request, timeout)
        except BaseException as error:
            late = isinstance(error, DeadlineExceededError) and not named
            if late or not isinstance(error, Exception):
                # The id gives the session that was made, or makes the one that is closed next.
                farewell(lambda: self._uncreate(request))
            raise
        session = Session(
            self._connection, answer.session.session_id, answer.agent_token, owned=True
        )
        if answer.session.state != session_pb2.SESSION_STATE_ERROR:
            return session
        session.close()
        raise FailedPreconditionError(
            "FAILED_PRECONDITION",
            "SESSION_NOT_READY",
            f"The session could not be made: {answer.session.error}",
            metadata={"id": answer.session.session_id},
        )

    def _uncreate(self, request: wire.CreateSessionRequest) -> None:
        again = wire.CreateSessionRequest()
        again.CopyFrom(request)
        again.return_immediately = True
        answer = self._connection.call(methods.sessions.CreateSession, again, 1.0)
        close = wire.CloseSessionRequest(session_id=answer.session.session_id)
        self._connection.call(methods.sessions.CloseSession, close, 1.0)

    def session(self, session_id: str) -> Session:
        """A session that is there, made by whomever; nothing is asked of the server yet. It lives on after its block."""
        return Session(self._connection, session_id, owned=False)

    def list_sessions(
        self,
        *,
        labels: Mapping[str, str] | None = None,
        sample_id: str = "",
        states: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Iterator[SessionInfo]:
        """Sessions that fit, newest first, page after page as they are read. `states`: only in these, `READY` …"""
        numbers = [number(session_pb2.SessionState, "SESSION_STATE_", state, "states") for state in states]
        token = ""
        while True:
            ask = wire.ListSessionsRequest(
                labels=dict(labels or {}), sample_id=sample_id, states=numbers, page_size=200, page_token=token
            )
            page = self._connection.call(methods.sessions.ListSessions, ask, timeout)
            for session in page.sessions:
                yield session_info(session)
            token = page.next_page_token
            if token == "":
                return

    def close_sessions(
        self,
        *,
        labels: Mapping[str, str] | None = None,
        sample_id: str = "",
        all: bool = False,
        timeout: float | None = None,
    ) -> int:
        """Closes every open session that fits, and gives how many. Without a filter it takes `all=True`."""
        request = wire.CloseSessionsRequest(labels=dict(labels or {}), sample_id=sample_id, all=all)
        return (self._connection.call(methods.sessions.CloseSessions, request, timeout)).closed_count

    def fork(
        self,
        snapshot_id: str,
        count: int = 1,
        *,
        labels: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        secret_env: Mapping[str, str] | None = None,
        ttl: float | None = None,
        idle_timeout: float | None = None,
        request_id: str | None = None,
    ) -> Forks:
        """Makes sessions from a snapshot, as `Session.fork` does from a session."""
        request = fork_request(count, labels, env, secret_env, ttl, idle_timeout, request_id)
        request.snapshot_id = snapshot_id
        return (fork_all(self._connection, request))

    def fork_each(
        self,
        snapshot_id: str,
        count: int = 1,
        *,
        labels: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        secret_env: Mapping[str, str] | None = None,
        ttl: float | None = None,
        idle_timeout: float | None = None,
        request_id: str | None = None,
    ) -> Iterator[ForkResult]:
        """As `fork`, one by one as they are made; whoever takes a session from here closes it."""
        request = fork_request(count, labels, env, secret_env, ttl, idle_timeout, request_id)
        request.snapshot_id = snapshot_id
        return fork_each(self._connection, request)

    def list_snapshots(
        self,
        *,
        session_id: str = "",
        sample_id: str = "",
        labels: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Iterator[SnapshotInfo]:
        """Snapshots that fit, newest first, page after page as they are read."""
        token = ""
        while True:
            ask = wire.ListSnapshotsRequest(
                session_id=session_id,
                sample_id=sample_id,
                labels=dict(labels or {}),
                page_size=200,
                page_token=token,
            )
            page = self._connection.call(methods.sessions.ListSnapshots, ask, timeout)
            for snapshot in page.snapshots:
                yield snapshot_info(snapshot)
            token = page.next_page_token
            if token == "":
                return

    def get_snapshot(self, snapshot_id: str, *, timeout: float | None = None) -> SnapshotInfo:
        """A snapshot. Raises NotFoundError SNAPSHOT_NOT_FOUND."""
        ask = wire.GetSnapshotRequest(snapshot_id=snapshot_id)
        return snapshot_info((self._connection.call(methods.sessions.GetSnapshot, ask, timeout)).snapshot)

    def delete_snapshot(self, snapshot_id: str, *, timeout: float | None = None) -> None:
        """Deletes a snapshot; sessions that began as it are left as they are. It is not sent twice. Raises
        NotFoundError SNAPSHOT_NOT_FOUND, FailedPreconditionError SNAPSHOT_IN_USE."""
        request = wire.DeleteSnapshotRequest(snapshot_id=snapshot_id)
        self._connection.call(methods.sessions.DeleteSnapshot, request, timeout)

    def verify_patch(
        self,
        sample: SampleName,
        diff: str | bytes,
        *,
        on_log: Callable[[bytes], None] | None = None,
        feedback: str | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Verdict:
        """Judges a patch without a session, as `Session.verify` does a session; an empty one judges the untouched
        codebase."""
        request = verification_request(None, feedback, request_id)
        request.patch.sample.CopyFrom(sample_ref(sample))
        request.patch.diff = bytes_of(diff)
        return verify(self._connection, request, on_log, timeout)

    def verify_snapshot(
        self,
        snapshot_id: str,
        *,
        on_log: Callable[[bytes], None] | None = None,
        scope: str | None = None,
        feedback: str | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Verdict:
        """Judges a snapshot as the session that it was taken of would have been; that need not be there any more."""
        request = verification_request(scope, feedback, request_id)
        request.snapshot_id = snapshot_id
        return verify(self._connection, request, on_log, timeout)

    def get_verification(self, verification_id: str, *, timeout: float | None = None) -> Verdict:
        """A verification with its tests. Raises NotFoundError VERIFICATION_NOT_FOUND."""
        ask = verification_service_pb2.GetVerificationRequest(verification_id=verification_id)
        answer = self._connection.call(methods.verifications.GetVerification, ask, timeout)
        return verdict(answer.verification)

    def list_verifications(
        self,
        *,
        session_id: str = "",
        sample_id: str = "",
        states: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Iterator[Verdict]:
        """Verifications that fit, newest first, page after page as they are read; without their tests."""
        enum = verification_pb2.VerificationState
        numbers = [number(enum, "VERIFICATION_STATE_", state, "states") for state in states]
        token = ""
        while True:
            ask = verification_service_pb2.ListVerificationsRequest(
                session_id=session_id, sample_id=sample_id, states=numbers, page_size=200, page_token=token
            )
            page = self._connection.call(methods.verifications.ListVerifications, ask, timeout)
            for told in page.verifications:
                yield verdict(told)
            token = page.next_page_token
            if token == "":
                return

    def call(
        self, method: Method[Request, Response], request: Request, *, timeout: float | None = None
    ) -> Response:
        """Any unary RPC, with the same key, errors and tries again: for what this library has no method for.

        >>> from codeset_sandbox import methods
        >>> from codeset_sandbox.v1.sample_service_pb2 import ListSamplesRequest
        >>> client.call(methods.samples.ListSamples, ListSamplesRequest(tags=["bugfix"]))
        """
        return self._connection.call(method, request, timeout)

    def close(self) -> None:
        """Closes the connection and ends every call that is open; sessions live on. Idempotent."""
        self._connection.close()

    def __enter__(self) -> Client:
        try:
            self.connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _network(given: str, field: str) -> sample_pb2.NetworkMode:
    return number(sample_pb2.NetworkMode, "NETWORK_MODE_", given, field)  # type: ignore[no-any-return]


def _feedback(given: str, field: str) -> sample_pb2.Feedback:
    return number(sample_pb2.Feedback, "FEEDBACK_", given, field)  # type: ignore[no-any-return]
