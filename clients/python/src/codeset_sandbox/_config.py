"""Where the server is and which key is used, by the same rules as the command line's."""

from __future__ import annotations

import os
import random
import secrets
from pathlib import Path

DEFAULT_ADDRESS = "127.0.0.1:50051"


def address_of(address: str | None) -> str:
    return address or os.environ.get("CODESET_ADDRESS") or DEFAULT_ADDRESS


def api_key_of(api_key: str | None, data_dir: str | os.PathLike[str] | None) -> str | None:
    """What was given, else CODESET_API_KEY, else the admin's key in the server's data folder, if it can be read."""
    given = api_key or os.environ.get("CODESET_API_KEY")
    if given:
        return given
    try:
        return (_data_dir(data_dir) / "admin.key").read_text("utf-8").strip() or None
    except OSError:
        return None


def _data_dir(data_dir: str | os.PathLike[str] | None) -> Path:
    given = data_dir or os.environ.get("CODESET_DATA_DIR")
    if given:
        return Path(given)
    if hasattr(os, "getuid") and os.getuid() == 0:
        return Path("/var/lib/codeset")
    state = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification: a relative path is no path.
    return (Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state") / "codeset"


def target_of(address: str) -> str:
    """`unix:PATH` as gRPC wants it."""
    if not address.startswith("unix:"):
        return address
    path = address[len("unix:") :]
    return "unix://" + os.path.abspath(path[2:] if path.startswith("///") else path)


CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    # A server that vanished without a word is noticed while a call waits for it.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A proxy of the environment is for the world, not for a server on this machine.
    ("grpc.enable_http_proxy", 0),
    # A server that was just started is found soon.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.use_local_subchannel_pool", 1),
)

_FIRST = 0.1
_LONGEST = 2.0


def backoff(attempt: int) -> float:
    """Seconds before the n-th try again, from 0: doubling, spread so that many clients do not come at once."""
    return float(min(_LONGEST, _FIRST * 2 ** min(attempt, 10)) * (0.75 + random.random() / 2))


def new_id(kind: str) -> str:
    """An id of the client's choice: what is sent twice with it happens once."""
    return f"{kind}_{secrets.token_hex(12)}"
