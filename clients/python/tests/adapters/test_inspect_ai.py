"""The real inspect_ai drives our sandboxes: its own conformance checks, and whole evaluations with its mock model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, AsyncIterator

import inspect_ai.util as util
import pytest
from conftest import RUN, SAMPLE_FOLDER
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import Generate, Solver, TaskState, basic_agent, solver
from inspect_ai.tool import bash
from inspect_ai.util import SandboxEnvironmentSpec, SandboxUserUnsupportedError, sandbox
from inspect_ai.util._sandbox.self_check import *  # noqa: F403

from codeset_sandbox import AsyncClient, Client
from codeset_sandbox.inspect_ai import CodesetConfig, CodesetSandboxEnvironment, verdict

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def sandbox_env(request: Any) -> AsyncIterator[CodesetSandboxEnvironment]:
    if request.node.originalname == "test_exec_as_user":
        request.applymarker(pytest.mark.xfail(reason="the host's toolchain has no accounts to add to, images have"))
    config = CodesetConfig(host=True)
    made = await CodesetSandboxEnvironment.sample_init("self_check", config, {})
    environment = made["default"].as_type(CodesetSandboxEnvironment)
    yield environment
    await CodesetSandboxEnvironment.sample_cleanup("self_check", config, made, False)


async def test_commands_run_as_agent_or_root(sandbox_env: CodesetSandboxEnvironment) -> None:
    assert (await sandbox_env.exec(["id", "-un"])).stdout == "agent\n"
    assert (await sandbox_env.exec(["id", "-u"], user="root")).stdout == "0\n"


async def test_a_user_that_is_not_there_is_told(sandbox_env: CodesetSandboxEnvironment) -> None:
    with pytest.raises(SandboxUserUnsupportedError):
        await sandbox_env.exec(["true"], user="no-such-user")


def _mock(*commands: str) -> Any:
    """A model that asks for these commands and then submits what the last one said."""
    outputs = [
        ModelOutput.for_tool_call("mockllm/model", "bash", {"command": command}) for command in commands
    ]
    outputs.append(ModelOutput.for_tool_call("mockllm/model", "submit", {"answer": "done"}))
    model = get_model("mockllm/model", custom_outputs=outputs)

    async def count_text_tokens(text: str) -> int:
        return len(text) // 4

    # By itself it would fetch a tokenizer from the internet.
    model.api.count_text_tokens = count_text_tokens  # type: ignore[method-assign]
    return model


def test_a_model_uses_a_sandbox_that_is_found_by_its_name(tmp_path: Path, client: Client) -> None:
    task = Task(
        dataset=[Sample(input="Write the file.", target="done", files={"given.txt": "given"})],
        solver=basic_agent(tools=[bash()], message_limit=20),
        scorer=includes(),
        sandbox="codeset",
        name=f"files-{RUN}",
    )
    (log,) = eval(task, _mock("cat given.txt > made.txt; id -un", "cat made.txt"), log_dir=str(tmp_path), display="none")
    assert log.status == "success", log.error
    assert log.samples is not None
    said = [message.text for message in log.samples[0].messages if message.role == "tool"]
    assert said[0].strip() == "agent" and said[1] == "given"
    sessions = list(client.list_sessions(labels={"task": f"files-{RUN}"}))
    assert len(sessions) == 1
    assert not list(client.list_sessions(labels={"task": f"files-{RUN}"}, states=["READY"]))


@solver
def solution() -> Solver:
    """Does what the reference solution does."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        patch = (SAMPLE_FOLDER / "solution" / "solution.patch").read_bytes()
        session = sandbox().as_type(CodesetSandboxEnvironment).session
        if state.metadata["solved"]:
            await session.apply_patch(patch)
        return state

    return solve


def test_a_sample_is_scored_by_its_hidden_tests(tmp_path: Path, sample: str) -> None:
    task = Task(
        dataset=[
            Sample(input="Solve it.", metadata={"codeset_sample": sample, "solved": solved})
            for solved in (True, False)
        ],
        solver=solution(),
        scorer=verdict(),
        sandbox="codeset",
    )
    (log,) = eval(task, "mockllm/model", log_dir=str(tmp_path), display="none")
    assert log.status == "success" and log.samples is not None, log.error
    scores = [next(iter((found.scores or {}).values())) for found in log.samples]
    assert [score.metadata and score.metadata["state"] for score in scores] == ["PASSED", "FAILED"]
    assert scores[0].value == 1 and scores[1].as_float() < 1


async def test_a_verdict_that_is_not_shown_is_no_score(sample: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with AsyncClient() as client, client.create_session(sample=sample, agent_may_verify="none") as made:
        async with AsyncClient(client.address, made.agent_token) as agent:
            environment = CodesetSandboxEnvironment(agent, agent.session(made.id))
            monkeypatch.setattr(util, "sandbox", lambda: environment)
            with pytest.raises(RuntimeError, match="not for this key"):
                await verdict()(None, None)  # type: ignore[arg-type]


def test_configs_are_understood(sample: str) -> None:
    spec = SandboxEnvironmentSpec.model_validate({"type": "codeset", "config": {"sample": sample, "ttl": 60}})
    assert spec.config == CodesetConfig(sample=sample, ttl=60)
