"""A connection that is cut in the middle costs no byte, and nothing happens twice."""

from __future__ import annotations

import asyncio
import hashlib
import threading

import pytest
from conftest import Proxy, run_async

from codeset_sandbox import AsyncClient, Client, DisconnectedError

LINES = "".join(f"{i}\n" for i in range(1, 400_001))
INPUT = bytes(range(256)) * 20_000


def test_output_goes_on_where_it_was(client: Client, proxy: Proxy) -> None:
    with Client(proxy.address) as cut, client.create_session(host=True) as made:
        session = cut.session(made.id)
        proxy.cut_every(400_000, 4)
        assert session.run("seq 400000").stdout == LINES
        assert proxy.cuts >= 4


def test_input_goes_on_where_it_was(client: Client, proxy: Proxy) -> None:
    with Client(proxy.address) as cut, client.create_session(host=True) as made:
        session = cut.session(made.id)
        proxy.cut_every(900_000, 4)
        result = session.run(["sha256sum"], stdin=INPUT)
        assert result.stdout.split()[0] == hashlib.sha256(INPUT).hexdigest()
        assert proxy.cuts >= 4


def test_both_ways_at_once_with_asyncio(proxy: Proxy) -> None:
    async def work() -> None:
        async with AsyncClient() as near, near.create_session(host=True) as made, AsyncClient(proxy.address) as cut:
            async with cut.session(made.id).exec(["cat"], stdin=True) as p:
                proxy.cut_every(1_500_000, 4)

                async def feed() -> None:
                    for at in range(0, len(INPUT), 300_000):
                        await p.write(INPUT[at : at + 300_000])
                    await p.close_stdin()

                feeding = asyncio.ensure_future(feed())
                received = bytearray()
                async for chunk in p.output:
                    assert chunk.offset == len(received)
                    received += chunk.data
                await feeding
            assert bytes(received) == INPUT
            assert p.exit is not None and p.exit.ok

    run_async(work())
    assert proxy.cuts >= 4


def test_a_command_runs_once_however_often_its_start_is_sent(client: Client, proxy: Proxy) -> None:
    with Client(proxy.address) as cut, client.create_session(host=True) as made:
        session = cut.session(made.id)
        stop = threading.Event()

        def shake() -> None:
            while not stop.wait(0.15):
                proxy.cut()

        shaking = threading.Thread(target=shake)
        shaking.start()
        try:
            for i in range(10):
                session.run(f"echo {i} >> runs; sleep 0.05", check=True)
            assert session.read_text("runs").split() == [str(i) for i in range(10)]
            assert session.info().state == "READY"
        finally:
            stop.set()
            shaking.join()
        assert proxy.cuts > 2


def test_a_server_that_is_not_back_in_time_is_told_with_where_to_go_on(client: Client, proxy: Proxy) -> None:
    with Client(proxy.address, reconnect_timeout=0.5) as cut, client.create_session(host=True) as made:
        with cut.session(made.id).exec("echo begun; sleep 2; echo done", lease=60) as p:
            first = p.read()
            assert first is not None and first.data == b"begun\n"
            proxy.refuse(True)
            proxy.cut()
            with pytest.raises(DisconnectedError) as lost:
                p.wait()
            error = lost.value
            assert (error.exec_id, error.stdout_offset, error.stderr_offset) == (p.exec_id, 6, 0)
            p.disconnect()
        with made.attach(error.exec_id, stdout_offset=error.stdout_offset) as again:
            assert [chunk.text for chunk in again.output] == ["done\n"]
