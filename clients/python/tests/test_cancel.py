"""Who gives up leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from conftest import RUN, run_async

from codeset_sandbox import AsyncClient, AsyncSession, Client, DeadlineExceededError, Session
from codeset_sandbox._async.connection import AsyncConnection
from codeset_sandbox._async.transport import Stream


async def ended(session: AsyncSession, exec_id: str) -> str:
    """Why it ended, as soon as it has."""
    async with session.attach(exec_id) as p:
        end = await p.wait()
    return f"{end.reason} {end.signal}"


def test_a_cancelled_run_is_killed_at_once() -> None:
    async def work() -> None:
        async with AsyncClient() as client, client.create_session(host=True) as session:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(session.run("trap '' TERM; sleep 600", exec_id="deaf"), 0.5)
            assert await ended(session, "deaf") == "SIGNALLED SIGKILL"

            async def block() -> None:
                async with session.exec("sleep 600", exec_id="block") as p:
                    await p.wait()

            task = asyncio.ensure_future(block())
            await asyncio.sleep(0.5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await ended(session, "block") == "SIGNALLED SIGTERM"

    run_async(work())


def test_a_read_that_is_cancelled_loses_nothing() -> None:
    async def work() -> None:
        async with AsyncClient() as client, client.create_session(host=True) as session:
            async with session.exec("for i in $(seq 8); do echo $i; sleep 0.1; done") as p:
                received = bytearray()
                patience = 0.05
                while p.exit is None:
                    try:
                        chunk = await asyncio.wait_for(p.read(), patience)
                    except asyncio.TimeoutError:
                        # Where attaching takes longer than this, it would be for ever.
                        patience *= 1.1
                        continue
                    if chunk is not None:
                        received += chunk.data
            assert bytes(received).split() == [str(i).encode() for i in range(1, 9)]

    run_async(work())


def test_who_is_cancelled_while_the_stream_ends_is_told_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with AsyncClient() as client, client.create_session(host=True) as session:
            async with session.exec("exit 3") as p:
                read = AsyncConnection.read

                async def late(self: AsyncConnection, call: Stream[Any], timeout: float | None = None) -> Any:
                    message = await read(self, call, timeout)
                    if message is None:
                        await asyncio.sleep(600)
                    return message

                monkeypatch.setattr(AsyncConnection, "read", late)
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(p.read(), 2)
                assert (await asyncio.wait_for(p.wait(), 10)).exit_code == 3

    run_async(work())


def test_a_cancelled_verification_is_cancelled(sample: str) -> None:
    async def work() -> None:
        async with AsyncClient() as client, client.create_session(sample=sample) as session:
            task = asyncio.ensure_future(session.verify())
            while not [told async for told in client.list_verifications(session_id=session.id)]:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            states = [told.state async for told in client.list_verifications(session_id=session.id)]
            assert states in (["CANCELLED"], ["FAILED"])

    run_async(work())


def test_a_cancelled_create_leaves_no_session(client: Client) -> None:
    async def work() -> None:
        async with AsyncClient() as other:
            task = asyncio.ensure_future(_made(other))
            await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    async def _made(other: AsyncClient) -> AsyncSession:
        return await other.create_session(host=True, labels={"cancelled": RUN})

    run_async(work())
    states = [found.state for found in client.list_sessions(labels={"cancelled": RUN})]
    assert set(states) <= {"CLOSED"}


async def _cancelled_on_and_on(task: asyncio.Task[object]) -> None:
    """As anyio's scopes do it: at whatever it waits for next, too."""
    while not task.done():
        task.cancel()
        await asyncio.sleep(0.001)
    with pytest.raises(asyncio.CancelledError):
        await task


def test_who_is_cancelled_on_and_on_leaves_nothing_either(client: Client) -> None:
    labels = {"on-and-on": RUN}

    async def make() -> None:
        async with AsyncClient() as other:
            await other.create_session(host=True, labels=labels)

    async def use(begun: asyncio.Event) -> None:
        async with AsyncClient() as other, other.create_session(host=True, labels=labels) as session:
            async with session.exec("sleep 600"):
                begun.set()
                await session.run("trap '' TERM; sleep 600")

    async def work() -> None:
        making = asyncio.ensure_future(make())
        await asyncio.sleep(0.03)
        await _cancelled_on_and_on(making)
        begun = asyncio.Event()
        using = asyncio.ensure_future(use(begun))
        await begun.wait()
        await _cancelled_on_and_on(using)

    run_async(work())
    states = [found.state for found in client.list_sessions(labels=labels)]
    assert states and set(states) == {"CLOSED"}


def test_a_create_that_is_late_leaves_no_session(client: Client) -> None:
    with pytest.raises(DeadlineExceededError):
        client.create_session(host=True, labels={"late": RUN}, timeout=0.001)
    assert {found.state for found in client.list_sessions(labels={"late": RUN})} <= {"CLOSED"}


def test_a_cancelled_fork_leaves_no_session(client: Client) -> None:
    async def work() -> None:
        async with AsyncClient() as other, other.create_session(host=True) as session:

            async def fork() -> None:
                async with session.fork(3, labels={"cancelled-fork": RUN}):
                    pass

            task = asyncio.ensure_future(fork())
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run_async(work())
    assert {found.state for found in client.list_sessions(labels={"cancelled-fork": RUN})} <= {"CLOSED"}


CHILD = """
import sys
from codeset_sandbox import Client
with Client() as client:
    session = client.session(sys.argv[1])
    print("begun", flush=True)
    session.run("trap '' TERM; sleep 600", exec_id="interrupted")
"""


def test_a_keyboard_interrupt_kills_what_runs(session: Session) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, session.id], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )
    assert child.stdout is not None
    child.stdout.readline()
    while "interrupted" not in [told.exec_id for told in session.list_execs()]:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=30)
    assert b"KeyboardInterrupt" in errors
    with session.attach("interrupted") as p:
        assert p.wait().signal == "SIGKILL"
