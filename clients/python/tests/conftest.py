"""Tests run against a server that is there: CODESET_ADDRESS and CODESET_API_KEY (an admin's) say which.

CODESET_TEST_ROOT is the checkout of the project, by default the one that this folder lies in.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import socket
import threading
from pathlib import Path
from typing import Any, Coroutine, Iterator, TypeVar

import pytest

from codeset_sandbox import Client, Session

ROOT = Path(os.environ.get("CODESET_TEST_ROOT") or Path(__file__).resolve().parents[3])
SAMPLE = "median-of-even-lists"
SAMPLE_FOLDER = ROOT / "samples" / "examples" / SAMPLE

#: Of this run alone: the server may have seen others.
RUN = secrets.token_hex(4)

T = TypeVar("T")

# The harnesses are in environments of their own.
collect_ignore = [
    f"adapters/test_{name}.py" for name in ("inspect_ai", "harbor") if importlib.util.find_spec(name) is None
]


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """In an event loop of its own, within a minute."""

    async def within() -> T:
        return await asyncio.wait_for(work, 60)

    return asyncio.run(within())


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    with Client() as made:
        yield made


@pytest.fixture(scope="session")
def session(client: Client) -> Iterator[Session]:
    """One for all tests that leave nothing behind."""
    with client.create_session(host=["python3"]) as made:
        yield made


@pytest.fixture(scope="session")
def sample(client: Client) -> str:
    """A registered sample's id."""
    made = client.samples.register(SAMPLE_FOLDER)
    assert made.state == "READY", made.error
    return made.sample_id


class Proxy:
    """Stands between client and server, and breaks."""

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._refusing = False
        self._cut_every = 0
        self._cuts_left = 0
        self._passed = 0
        #: How many connections were cut.
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Every connection, in the middle of whatever it carries."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            self.cuts += 1
            for end in pair:
                # Reset, not a polite end.
                try:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                end.close()

    def cut_every(self, size: int, times: int) -> None:
        """From now on, whenever so many bytes have passed in either direction."""
        self._cut_every, self._cuts_left, self._passed = size, times, 0

    def refuse(self, refusing: bool) -> None:
        """Whether connections are ended as they come."""
        self._refusing = refusing

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                near.close()
                continue
            far = socket.create_connection(self._target)
            with self._lock:
                self._pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while True:
                data = source.recv(65_536)
                if not data:
                    break
                sink.sendall(data)
                self._passed += len(data)
                if self._cuts_left > 0 and self._passed >= self._cut_every:
                    self._cuts_left -= 1
                    self._passed = 0
                    self.cut()
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy(os.environ["CODESET_ADDRESS"])
    yield made
    made.close()
