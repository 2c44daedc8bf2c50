"""How long `run` takes with many sessions in one asyncio loop, beside the bare gRPC stub's RunCommand in the same loop.

    latency.py SESSION…        CODESET_ADDRESS and CODESET_API_KEY say where; prints one line of JSON with milliseconds

Each session is an agent of its own: it waits for its command, thinks for a second on average, and goes on. Then all of
them without a pause.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from typing import Awaitable, Callable

import grpc.aio

from codeset_sandbox import AsyncClient
from codeset_sandbox._config import CHANNEL_OPTIONS, target_of
from codeset_sandbox.v1.session_service_pb2 import RunCommandRequest, RunCommandResponse

ROUNDS = 5
SECONDS = 5.0
RUSH_SECONDS = 2.0
ALONE = 200
THINK = 1.0

Command = Callable[[str], Awaitable[object]]


async def together(command: Command, sessions: list[str], seconds: float, think: float) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def agent(session: str) -> None:
        await asyncio.sleep(random.random() * think)
        while time.perf_counter() < end:
            began = time.perf_counter()
            await command(session)
            times.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(random.expovariate(1 / think) if think else 0)

    await asyncio.gather(*(agent(session) for session in sessions))
    return times


async def alone(command: Command, session: str) -> list[float]:
    times: list[float] = []
    for _ in range(ALONE):
        began = time.perf_counter()
        await command(session)
        times.append((time.perf_counter() - began) * 1000)
    return times


def share(times: list[float], part: float) -> float:
    """The value below which so many lie (nearest rank)."""
    ranked = sorted(times)
    return ranked[max(0, -int(-part * len(ranked) // 1) - 1)]


async def main(ids: list[str]) -> None:
    async with AsyncClient() as client:
        channel = grpc.aio.insecure_channel(target_of(client.address), options=list(CHANNEL_OPTIONS))
        stub = channel.unary_unary(
            "/codeset.v1.SessionService/RunCommand",
            request_serializer=RunCommandRequest.SerializeToString,
            response_deserializer=RunCommandResponse.FromString,
        )
        metadata = [("authorization", "Bearer " + os.environ["CODESET_API_KEY"])]
        sessions = {id: client.session(id) for id in ids}

        async def ours(session: str) -> None:
            result = await sessions[session].run(["true"])
            assert result.ok

        async def raw(session: str) -> None:
            request = RunCommandRequest(session_id=session)
            request.spec.argv.args.append("true")
            await stub(request, metadata=metadata)

        ways: dict[str, Command] = {"run": ours, "stub": raw}
        for command in ways.values():
            await together(command, ids, 1.0, 0.1)
        times: dict[str, list[float]] = {f"{name}{kind}": [] for name in ways for kind in ("", "_alone", "_rush")}
        for _ in range(ROUNDS):
            for name, command in ways.items():
                times[f"{name}_alone"] += await alone(command, ids[0])
                times[name] += await together(command, ids, SECONDS, THINK)
                times[f"{name}_rush"] += await together(command, ids, RUSH_SECONDS, 0)
        await channel.close()
    figures: dict[str, float] = {}
    for name in ways:
        figures[f"{name}_p50"] = share(times[name], 0.5)
        figures[f"{name}_p99"] = share(times[name], 0.99)
        figures[f"{name}_alone_p50"] = share(times[f"{name}_alone"], 0.5)
        figures[f"{name}_rush_per_s"] = len(times[f"{name}_rush"]) / (ROUNDS * RUSH_SECONDS)
    print(json.dumps(figures))


asyncio.run(main(sys.argv[1:]))
