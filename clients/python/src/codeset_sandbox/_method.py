"""One RPC: where it is, and what it takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Type, TypeVar

from google.protobuf.message import Message

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


@dataclass(frozen=True)
class Method(Generic[Request, Response]):
    """An RPC of the service, as `codeset_sandbox.methods` names them."""

    path: str
    request: Type[Request]
    response: Type[Response]

    @property
    def name(self) -> str:
        """Without its service, `CreateSession`."""
        return self.path.rsplit("/", 1)[1]
