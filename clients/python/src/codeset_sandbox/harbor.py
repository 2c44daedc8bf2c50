"""Harbor on codeset: each trial's environment is a session.

    harbor run --env codeset_sandbox.harbor:CodesetEnvironment -p TASK -a oracle
    harbor run --env codeset_sandbox.harbor:CodesetEnvironment --ek host=true …      the host's own toolchain

A task's `docker_image`, or its `environment/Dockerfile`, makes the sandbox, which takes a server with Docker; with
`host=true` it is made from the server's own machine, whatever image the task names, which takes no Docker. A Dockerfile
is built once for the same folder, by registering it as a sample of the dataset `harbor`: that takes an admin's key.
Where the server is and the key come from the environment, as for `Client`.

Needs Python 3.12 or newer, as Harbor does.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import signal
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from harbor.environments.base import BaseEnvironment, ExecResult
from harbor.environments.capabilities import EnvironmentCapabilities, EnvironmentResourceCapabilities
from harbor.environments.options import EnvironmentOptions

from . import AsyncClient, AsyncSession, CodesetError, Limits, SampleVersion

_MIB = 1024 * 1024
#: Names that a sample's folder has a meaning for, so that no Dockerfile's context may have them.
_TAKEN = ("sample.yaml", "task.md", "codebase", "verification", "solution")


class CodesetOptions(EnvironmentOptions):
    """What `--ek NAME=VALUE` takes."""

    #: Make sandboxes from the toolchain of the server's machine instead of the task's image.
    host: bool = False
    #: Where the server is. Default: as for `Client`.
    address: str | None = None
    #: How many seconds a session lives at most, from 1 to 7 days.
    ttl: float = 24 * 3600


class CodesetEnvironment(BaseEnvironment):
    """A session, as Harbor sees it."""

    options_model = CodesetOptions
    options: CodesetOptions

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._client: AsyncClient | None = None
        self._session: AsyncSession | None = None
        super().__init__(*args, **kwargs)

    @staticmethod
    def type() -> str:
        return "codeset"

    @property
    def capabilities(self) -> EnvironmentCapabilities:
        return EnvironmentCapabilities(disable_internet=True)

    @classmethod
    def resource_capabilities(cls) -> EnvironmentResourceCapabilities:
        return EnvironmentResourceCapabilities(cpu_limit=True, memory_limit=True, fractional_cpus=True)

    @property
    def session(self) -> AsyncSession:
        """The session, for what Harbor has no word for. Raises RuntimeError before `start` and after `stop`."""
        if self._session is None:
            raise RuntimeError("This environment is not running: start() makes its session.")
        return self._session

    async def start(self, force_build: bool) -> None:
        self._client = AsyncClient(self.options.address)
        try:
            self._session = await self._make(self._client)
            # Trials are root's unless their task says otherwise, also where the sandbox's own user is another.
            await self._checked(f"mkdir -p {shlex.quote(self._workdir)}")
            made = await self.ensure_dirs(self._mount_targets(writable_only=True))
            if made is not None and made.return_code != 0:
                raise RuntimeError(f"Folders of the trial could not be made: {made.stderr or made.stdout}")
            await self._upload_environment_dir_after_start()
        except BaseException:
            await self.stop(delete=True)
            raise

    async def stop(self, delete: bool) -> None:
        session, self._session = self._session, None
        client, self._client = self._client, None
        try:
            if session is not None and delete:
                await session.close(timeout=60)
            elif session is not None:
                self.logger.info(f"Session {session.id} is left: `codeset shell {session.id}` goes there.")
        finally:
            if client is not None:
                await client.close()

    async def exec(
        self,
        command: str,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        timeout_sec: int | None = None,
        user: str | int | None = None,
    ) -> ExecResult:
        who = self._resolve_user(user)
        result = await self.session.run(
            command,
            cwd=cwd or self._workdir,
            env=self._merge_env(env),
            user="root" if who in (None, 0, "0") else str(who),
            timeout=timeout_sec,
        )
        if result.reason == "TIMEOUT":
            raise RuntimeError(f"Command timed out after {timeout_sec} seconds")
        if result.exit_code is not None:
            code = result.exit_code
        else:
            code = 128 + int(getattr(signal, result.signal or "", 0))
        return ExecResult(stdout=result.stdout, stderr=result.stderr or result.message, return_code=code)

    async def upload_file(self, source_path: Path | str, target_path: str) -> None:
        source, target = Path(source_path), PurePosixPath(target_path)
        with tempfile.TemporaryFile() as archive:
            with tarfile.open(fileobj=archive, mode="w") as tar:
                tar.add(source.resolve(), target.name)
            archive.seek(0)
            await self._checked(f"mkdir -p {shlex.quote(str(target.parent))}")
            await self.session.upload_archive(str(target.parent), archive)

    async def upload_dir(self, source_dir: Path | str, target_dir: str) -> None:
        await self._checked(f"mkdir -p {shlex.quote(target_dir)}")
        await self.session.upload(source_dir, target_dir)

    async def download_file(self, source_path: str, target_path: Path | str) -> None:
        target = Path(target_path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(await self.session.read_file(source_path))

    async def download_dir(self, source_dir: str, target_dir: Path | str) -> None:
        await self.session.download(source_dir, target_dir)

    async def attach(self) -> None:
        os.execvp("codeset", ["codeset", "shell", self.session.id])

    def _validate_definition(self) -> None:
        if self.options.host or self.task_env_config.docker_image or self._dockerfile.exists():
            return
        raise FileNotFoundError(
            f"codeset needs a docker_image in task.toml or {self._dockerfile}; docker-compose.yaml is not supported. "
            "`--ek host=true` takes the toolchain of the server's machine instead."
        )

    @property
    def _dockerfile(self) -> Path:
        return Path(self.environment_dir) / "Dockerfile"

    @property
    def _workdir(self) -> str:
        """Where commands run: as the task says, as its Dockerfile does, else Harbor's own `/app`."""
        return self.task_env_config.workdir or _workdir_of(self._dockerfile) or "/app"

    @property
    def _limits(self) -> Limits:
        config = self.task_env_config
        return Limits(
            cpus=float(self._resource_value("cpu") or 0),
            memory_bytes=int(self._resource_value("memory") or 0) * _MIB,
            disk_bytes=int(config.storage_mb or 0) * _MIB,
            processes=4096,
        )

    async def _make(self, client: AsyncClient) -> AsyncSession:
        image = self.task_env_config.docker_image
        network = "none" if self._network_disabled else "public"
        labels = {"harness": "harbor", "trial": self.session_id.encode()[:200].decode("utf-8", "ignore")}
        ttl = self.options.ttl
        if self.options.host or image:
            return await client.create_session(
                host=self.options.host,
                image=None if self.options.host else image,
                user="root",
                limits=self._limits,
                network=network,
                labels=labels,
                ttl=ttl,
            )
        sample = await self._registered(client, network)
        return await client.create_session(sample=sample, network=network, labels=labels, ttl=ttl)

    async def _registered(self, client: AsyncClient, network: str) -> SampleVersion:
        """The sample that the task's Dockerfile is built as."""
        taken = [name for name in _TAKEN if (self.environment_dir / name).exists()]
        if taken:
            raise ValueError(f"{self.environment_dir}/{taken[0]} has a meaning of its own in a sample; rename it.")
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "sample"
            shutil.copytree(self.environment_dir, root, symlinks=True)
            (root / "codebase").mkdir()
            (root / "codebase" / ".keep").touch()
            (root / "verification").mkdir()
            (root / "verification" / "run").write_text("#!/bin/sh\nexit 0\n")
            (root / "verification" / "run").chmod(0o755)
            (root / "task.md").write_text("Harbor has the task.\n")
            (root / "sample.yaml").write_text(json.dumps(self._manifest(network), indent=2))
            made = await client.samples.register(root)
        if made.state != "READY":
            raise CodesetError("", "SAMPLE_NOT_READY", f"The task's environment could not be made: {made.error}")
        return SampleVersion(made.sample_id, made.version)

    def _manifest(self, network: str) -> dict[str, Any]:
        """In JSON, which YAML is."""
        limits = self._limits
        resources: dict[str, Any] = {"processes": limits.processes}
        if limits.cpus:
            resources["cpus"] = limits.cpus
        for name, value in (("memory", limits.memory_bytes), ("disk", limits.disk_bytes)):
            if value:
                resources[name] = f"{value // _MIB}MiB"
        return {
            "sample_id": f"harbor-{self.environment_id}",
            "dataset": "harbor",
            "description": f"The environment of {self.environment_name}",
            "environment": {
                "dockerfile": "Dockerfile",
                "setup_network": "public",
                "network": network,
                "user": "root",
            },
            "resources": resources,
            "verification": {"command": ["verification/run"], "grading": "exit_code"},
        }

    async def _checked(self, command: str) -> None:
        result = await self.session.run(command, user="root", cwd="/")
        if not result.ok:
            raise RuntimeError(f"`{command}` failed: {result.stderr or result.message}")


def _workdir_of(dockerfile: Path) -> str | None:
    """The last WORKDIR of a Dockerfile's last stage, where it is written out."""
    if not dockerfile.exists():
        return None
    found: str | None = None
    for line in io.StringIO(dockerfile.read_text("utf-8", "replace").replace("\\\n", " ")):
        word, _, rest = line.strip().partition(" ")
        if word.upper() == "FROM":
            found = None
        elif word.upper() == "WORKDIR" and "$" not in rest:
            found = str(PurePosixPath(found or "/") / rest.strip().strip("\"'"))
    return found
