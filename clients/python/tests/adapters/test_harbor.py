"""The real Harbor drives our sandboxes: whole trials with its oracle and nop agents, and the environment's methods."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from conftest import run_async
from harbor.models.task.config import EnvironmentConfig
from harbor.models.trial.paths import TrialPaths

from codeset_sandbox import Client, NotFoundError
from codeset_sandbox.harbor import CodesetEnvironment, _workdir_of

TOML = """version = "1.0"

[metadata]
difficulty = "easy"

[verifier]
timeout_sec = 60.0

[agent]
timeout_sec = 60.0

[environment]
build_timeout_sec = 60.0
cpus = 1
memory_mb = 512
storage_mb = 512
network_mode = "no-network"
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task folder as Harbor's own `harbor tasks init` lays it out."""
    folder = tmp_path / "hello-world"
    files = {
        "task.toml": TOML,
        "instruction.md": "Write Hello into hello.txt.\n",
        "environment/Dockerfile": "FROM debian:12\nWORKDIR /app\n",
        "solution/solve.sh": '#!/bin/bash\necho "Hello" > hello.txt\n',
        "tests/test.sh": (
            "#!/bin/bash\n"
            'if [ "$(cat /app/hello.txt)" = Hello ]; then echo 1; else echo 0; fi > /logs/verifier/reward.txt\n'
        ),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if name.endswith(".sh") else 0o644)
    return folder


@pytest.mark.parametrize(("agent", "reward"), [("oracle", 1.0), ("nop", 0.0)])
def test_harbor_runs_a_trial(task: Path, tmp_path: Path, client: Client, agent: str, reward: float) -> None:
    harbor = Path(sys.executable).parent / "harbor"
    words = ["run", "--env", "codeset_sandbox.harbor:CodesetEnvironment", "--ek", "host=true"]
    ran = subprocess.run(
        [harbor, *words, "-p", task, "-a", agent, "-o", tmp_path / "jobs", "--yes"],
        env={**os.environ, "HARBOR_TELEMETRY": "0", "DO_NOT_TRACK": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    results = [json.loads(path.read_text()) for path in (tmp_path / "jobs").glob("*/*/result.json")]
    assert len(results) == 1, said
    assert results[0]["exception_info"] is None, results[0]["exception_info"]
    assert results[0]["verifier_result"]["rewards"] == {"reward": reward}
    trial = results[0]["trial_name"]
    sessions = [found for found in client.list_sessions(labels={"harness": "harbor"}) if trial in found.labels["trial"]]
    assert [found.state for found in sessions] == ["CLOSED"]


def test_an_environment_does_what_harbor_asks_of_it(task: Path, tmp_path: Path, client: Client) -> None:
    async def work() -> None:
        paths = TrialPaths(trial_dir=tmp_path / "trial")
        environment = CodesetEnvironment(
            environment_dir=task / "environment",
            environment_name="hello-world",
            session_id=f"hello-world__{uuid.uuid4().hex[:7]}__env",
            trial_paths=paths,
            task_env_config=EnvironmentConfig(cpus=1, memory_mb=512, env={"FROM_TASK": "yes"}),
            network_policy=None,
            host=True,
        )
        # A sandbox without a network needs nothing of the machine's.
        environment._network_policy.network_mode = type(environment._network_policy.network_mode)("no-network")
        with pytest.raises(RuntimeError, match="not running"):
            await environment.exec("true")
        await environment.start(force_build=False)
        try:
            result = await environment.exec("pwd; id -un; echo $FROM_TASK$MORE; exit 3", env={"MORE": "!"})
            assert (result.stdout, result.return_code) == ("/app\nroot\nyes!\n", 3)
            assert (await environment.exec("id -un", user="agent", cwd="/tmp")).stdout == "agent\n"
            assert (await environment.exec("kill -KILL $$")).return_code == 137
            with pytest.raises(RuntimeError, match="timed out after 1 seconds"):
                await environment.exec("sleep 60", timeout_sec=1)
            await environment.upload_dir(task / "tests", "/tests")
            await environment.upload_file(task / "instruction.md", "/deep/er/renamed.md")
            assert (await environment.exec("ls /tests /deep/er")).stdout == "/deep/er:\nrenamed.md\n\n/tests:\ntest.sh\n"
            assert await environment.is_dir("/tests") and await environment.is_file("/tests/test.sh")
            await environment.exec("mkdir -p /logs/agent/x && printf 'a\\0b' > /logs/agent/x/log")
            await environment.download_dir("/logs/agent", tmp_path / "down")
            assert (tmp_path / "down" / "x" / "log").read_bytes() == b"a\0b"
            await environment.download_file("/deep/er/renamed.md", tmp_path / "one" / "file.md")
            assert (tmp_path / "one" / "file.md").read_text() == "Write Hello into hello.txt.\n"
            await environment.download_dir_with_exclusions(
                source_dir="/tests", target_dir=tmp_path / "rest", exclude=["*.sh"]
            )
            assert not (tmp_path / "rest" / "test.sh").exists()
            with pytest.raises(NotFoundError):
                await environment.download_file("/not/there", tmp_path / "none")
            session = environment.session.id
        finally:
            await environment.stop(delete=True)
        assert client.session(session).info().state == "CLOSED"

    run_async(work())


def test_the_working_directory_is_the_last_stages(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a\nWORKDIR /one\nFROM b\nworkdir /two\nWORKDIR three\n")
    assert _workdir_of(tmp_path / "Dockerfile") == "/two/three"
    assert _workdir_of(tmp_path / "none") is None
