"""The asyncio side is the one that is written; the other is made from it. So here: that both are whole."""

from __future__ import annotations

import asyncio
import inspect
import time
from pathlib import Path

import codeset_sandbox
import pytest
from conftest import run_async

from codeset_sandbox import AsyncClient, CommandFailedError, NotFoundError

PAIRS = [
    ("AsyncClient", "Client"),
    ("AsyncSession", "Session"),
    ("AsyncShell", "Shell"),
    ("AsyncRunningCommand", "RunningCommand"),
    ("AsyncSamples", "Samples"),
    ("AsyncForks", "Forks"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_both_sides_have_the_same_words(one: str, other: str) -> None:
    def surface(name: str) -> dict[str, list[str]]:
        members = inspect.getmembers(getattr(codeset_sandbox, name), inspect.isfunction)
        return {
            member: list(inspect.signature(function).parameters)
            for member, function in members
            if not member.startswith("_")
        }

    assert surface(one) == surface(other)
    for member, function in inspect.getmembers(getattr(codeset_sandbox, one), inspect.isfunction):
        if not member.startswith("_"):
            assert inspect.getdoc(function), f"{one}.{member} says nothing of itself"


def test_sessions_work_side_by_side() -> None:
    async def work() -> None:
        async with AsyncClient() as client, client.create_session(host=True) as session:
            started = time.monotonic()
            results = await asyncio.gather(*(session.run(f"sleep 1; echo {i}") for i in range(8)))
            assert [result.stdout for result in results] == [f"{i}\n" for i in range(8)]
            assert time.monotonic() - started < 5
            async with session.fork(2) as forks:
                assert len({fork.id for fork in forks.sessions}) == 2
            with pytest.raises(CommandFailedError):
                await session.run("false", check=True)

    run_async(work())


def test_what_is_opened_is_awaited_or_entered(tmp_path: Path) -> None:
    async def work() -> None:
        client = AsyncClient()
        try:
            session = await client.create_session(host=True)
            p = await session.exec("sleep 600")
            await p.close()
            assert p.exit is not None
            main = session.shell()
            await main.run("cd /tmp")
            async with main.exec("pwd") as where:
                assert [chunk.text async for chunk in where.output] == ["/tmp\n"]
            await session.write_file("a/b", b"\0\xff", make_parents=True)
            await session.download("a", tmp_path / "a")
            assert (tmp_path / "a" / "b").read_bytes() == b"\0\xff"
            async with session:
                pass
            assert (await session.info()).state == "CLOSED"
            with pytest.raises(NotFoundError):
                await client.create_session(snapshot="snp_none")
            assert [found async for found in client.list_sessions(states=["creating"])] == []
        finally:
            await client.close()

    run_async(work())
