from __future__ import annotations

import pickle
import time
from pathlib import Path

import pytest
from conftest import run_async

from codeset_sandbox import (
    AsyncClient,
    Client,
    CodesetError,
    DeadlineExceededError,
    InvalidArgumentError,
    NotFoundError,
    ServerUnreachableError,
    Session,
    UnauthenticatedError,
)


def test_an_error_has_code_reason_sentence_and_metadata(client: Client) -> None:
    with pytest.raises(NotFoundError, match='There is no session "ses_none"') as error:
        client.session("ses_none").run("true")
    assert (error.value.code, error.value.reason) == ("NOT_FOUND", "SESSION_NOT_FOUND")
    assert error.value.metadata == {"id": "ses_none"}
    assert error.value.retry_after is None


def test_fields_that_are_wrong_are_named(session: Session) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        session.run("true", timeout=-1)
    assert [violation.field for violation in error.value.violations] == ["start.spec.timeout"]
    assert error.value.reason == "INVALID_FIELD"
    with pytest.raises(InvalidArgumentError, match='"slow" is none of BACKPRESSURE, DETACHED'):
        session.exec("true", pace="slow")


def test_an_error_goes_to_another_process_as_it_is(session: Session) -> None:
    for wrong in (
        lambda: session.run("true", timeout=-1),
        lambda: session.run("exit 3", check=True),
        lambda: session.attach("no-such-exec"),
    ):
        with pytest.raises(CodesetError) as error:
            wrong()
        again = pickle.loads(pickle.dumps(error.value))
        assert type(again) is type(error.value)
        assert (str(again), vars(again)) == (str(error.value), vars(error.value))


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(ServerUnreachableError, match="There is no server at 127.0.0.1:1"):
        with Client("127.0.0.1:1", "key"):
            pass

    async def asked() -> None:
        async with AsyncClient("unix:/no/such.sock", "key"):
            pass

    with pytest.raises(ServerUnreachableError, match="no server at unix:/no/such.sock") as error:
        run_async(asked())
    assert error.value.unreachable
    assert time.monotonic() - started < 10


def test_a_wrong_key_is_told(client: Client) -> None:
    with pytest.raises(UnauthenticatedError) as error:
        with Client(client.address, "wrong"):
            pass
    assert error.value.reason == "KEY_INVALID"


def test_the_key_is_looked_for_as_the_command_line_does(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    (tmp_path / "admin.key").write_text(os.environ["CODESET_API_KEY"] + "\n")
    monkeypatch.delenv("CODESET_API_KEY")
    with Client(data_dir=tmp_path) as found:
        assert next(found.list_sessions(), None) is not None
    monkeypatch.setenv("CODESET_DATA_DIR", str(tmp_path / "none"))
    with pytest.raises(UnauthenticatedError) as error:
        with Client():
            pass
    assert error.value.reason == "KEY_MISSING"


def test_a_call_ends_with_its_timeout(session: Session) -> None:
    with pytest.raises(DeadlineExceededError, match="1e-06 s"):
        # A busy machine may be back with the answer before the timer is looked at.
        for _ in range(1000):
            session.info(timeout=0.000001)


def test_a_closed_client_says_so(client: Client) -> None:
    other = Client()
    other.close()
    with pytest.raises(CodesetError, match="The client was closed"):
        next(other.list_sessions())
