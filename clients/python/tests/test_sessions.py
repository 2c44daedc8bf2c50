from __future__ import annotations

import pytest
from conftest import RUN

from codeset_sandbox import (
    Client,
    FailedPreconditionError,
    Limits,
    NotFoundError,
    PermissionDeniedError,
    methods,
)
from codeset_sandbox.v1.session_service_pb2 import ListSessionsRequest


def test_a_session_is_made_told_extended_and_closed(client: Client) -> None:
    with client.create_session(
        host=True,
        env={"GREETING": "hello"},
        secret_env={"TOKEN": "never shown again"},
        labels={"run": RUN},
        limits=Limits(processes=64),
        ttl=600,
    ) as session:
        assert session.run("echo $GREETING ${#TOKEN}").stdout == "hello 17\n"
        info = session.info()
        assert (info.state, info.env, info.user, info.sample) == ("READY", {"GREETING": "hello"}, "agent", None)
        assert info.limits.processes == 64
        assert [found.session_id for found in client.list_sessions(labels={"run": RUN})] == [session.id]
        later = session.extend(3600)
        assert info.expire_time and later.expire_time and later.expire_time > info.expire_time
    assert session.info().state == "CLOSED"
    session.close()
    with pytest.raises(FailedPreconditionError) as ended:
        session.run("true")
    assert ended.value.reason == "SESSION_ENDED"


def test_what_it_is_made_from_is_named_once(client: Client) -> None:
    for wrong in ({}, {"sample": "a", "host": True}):
        with pytest.raises(ValueError, match="Name what the session is made from"):
            client.create_session(**wrong)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError) as unknown:
        client.create_session(sample="examples/no-such-sample")
    assert unknown.value.reason == "SAMPLE_NOT_FOUND"


def test_a_request_id_makes_one_session(client: Client) -> None:
    with client.create_session(host=True, request_id=f"twice-{RUN}") as session:
        assert client.create_session(host=True, request_id=f"twice-{RUN}").id == session.id


def test_forks_begin_with_the_files_and_go_their_own_ways(client: Client) -> None:
    with client.create_session(host=True) as session:
        session.write_file("state", "so far")
        with session.fork(3, labels={"kind": "fork"}) as forks:
            for i, fork in enumerate(forks.sessions):
                fork.run(f"printf ', then {i}' >> state", check=True)
            assert [fork.read_text("state") for fork in forks.sessions] == [f"so far, then {i}" for i in range(3)]
        assert [fork.info().state for fork in forks.sessions] == ["CLOSED"] * 3
        results = list(session.fork_each(2))
        assert sorted(result.index for result in results) == [0, 1]
        for result in results:
            assert result.error is None and result.session is not None
            result.session.close()
        snapshot = session.snapshot(labels={"step": RUN})
    assert [found.snapshot_id for found in client.list_snapshots(labels={"step": RUN})] == [snapshot.snapshot_id]
    with client.create_session(snapshot=snapshot.snapshot_id) as later:
        assert later.read_text("state") == "so far"
    with client.fork(snapshot.snapshot_id) as one:
        assert one.sessions[0].read_text("state") == "so far"
    client.delete_snapshot(snapshot.snapshot_id)
    with pytest.raises(NotFoundError):
        client.get_snapshot(snapshot.snapshot_id)


def test_an_agents_token_is_good_for_its_session_alone(client: Client) -> None:
    with client.create_session(host=True) as session, client.create_session(host=True) as other:
        with Client(client.address, session.agent_token) as agent:
            assert agent.session(session.id).run("echo mine").stdout == "mine\n"
            with pytest.raises(NotFoundError):
                agent.session(other.id).run("true")
            with pytest.raises(PermissionDeniedError) as denied:
                agent.create_session(host=True)
            assert denied.value.reason == "ROLE_INSUFFICIENT"
        assert session.info().state == "READY"


def test_sessions_are_closed_by_label(client: Client) -> None:
    made = [client.create_session(host=True, labels={"many": RUN}) for _ in range(2)]
    assert client.close_sessions(labels={"many": RUN}) == 2
    assert {session.info().state for session in made} == {"CLOSED"}


def test_any_call_can_be_made(client: Client) -> None:
    answer = client.call(methods.sessions.ListSessions, ListSessionsRequest(page_size=1))
    assert answer.total_size >= 1
