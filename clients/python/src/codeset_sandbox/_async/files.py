"""The files of a session."""

from __future__ import annotations

import os
import tempfile
from typing import IO, AsyncIterator

from .. import methods
from .._config import new_id
from .._convert import bytes_of, file_info
from .._tar import pack, pieces, unpack
from ..errors import NotFoundError
from ..types import FileInfo
from ..v1 import session_service_pb2 as wire
from .connection import AsyncConnection
from .transport import in_thread

_READ = 2 * 1024 * 1024


class AsyncSessionFiles:
    """What of a session has to do with files. Paths are absolute or relative to the session's working directory, and
    are resolved inside the sandbox by its user."""

    def __init__(self, connection: AsyncConnection, session_id: str) -> None:
        self._connection = connection
        #: The session's id, `ses_…`.
        self.id = session_id

    async def read_file(
        self, path: str, *, offset: int = 0, limit: int | None = None, timeout: float | None = None
    ) -> bytes:
        """The file's bytes from `offset` on, `limit` of them at most. Raises NotFoundError PATH_NOT_FOUND,
        FailedPreconditionError NOT_A_FILE or PATH_DENIED."""
        data = bytearray()
        while limit is None or len(data) < limit:
            ask = wire.ReadFileRequest(
                session_id=self.id,
                path=path,
                offset=offset + len(data),
                limit=_READ if limit is None else min(_READ, limit - len(data)),
            )
            answer = await self._connection.call(methods.sessions.ReadFile, ask, timeout)
            data += answer.data
            if not answer.data or offset + len(data) >= answer.size_bytes:
                break
        return bytes(data)

    async def read_text(self, path: str, *, timeout: float | None = None) -> str:
        """The file as UTF-8. Raises UnicodeDecodeError when it is not; otherwise as `read_file`."""
        return (await self.read_file(path, timeout=timeout)).decode("utf-8")

    async def write_file(
        self,
        path: str,
        data: str | bytes,
        *,
        mode: int | None = None,
        make_parents: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Writes a whole file of at most 3 MiB (`upload` takes more); readers see the old or the new content. `mode`
        defaults to what it has, 0o644 for a new file. Raises NotFoundError PATH_NOT_FOUND without `make_parents`."""
        request = wire.WriteFileRequest(
            session_id=self.id, path=path, data=bytes_of(data), mode=mode, make_parents=make_parents
        )
        await self._connection.call(methods.sessions.WriteFile, request, timeout)

    async def stat(self, path: str, *, timeout: float | None = None) -> FileInfo:
        """What is known of a path; a symbolic link is not followed. Raises NotFoundError PATH_NOT_FOUND."""
        ask = wire.StatRequest(session_id=self.id, path=path)
        return file_info((await self._connection.call(methods.sessions.Stat, ask, timeout)).file)

    async def list_directory(self, path: str = ".", *, timeout: float | None = None) -> list[FileInfo]:
        """What is in a directory, by name. Raises NotFoundError, FailedPreconditionError NOT_A_DIRECTORY."""
        found: list[FileInfo] = []
        token = ""
        while True:
            ask = wire.ListDirectoryRequest(session_id=self.id, path=path, page_size=1000, page_token=token)
            page = await self._connection.call(methods.sessions.ListDirectory, ask, timeout)
            found += [file_info(file) for file in page.files]
            token = page.next_page_token
            if token == "":
                return found

    async def move(
        self, source: str, destination: str, *, overwrite: bool = False, timeout: float | None = None
    ) -> None:
        """Moves or renames. `destination` is the new path itself. Raises AlreadyExistsError PATH_EXISTS."""
        request = wire.MoveRequest(
            session_id=self.id, source=source, destination=destination, overwrite=overwrite
        )
        await self._connection.call(methods.sessions.Move, request, timeout)

    async def remove(self, path: str, *, recursive: bool = False, timeout: float | None = None) -> None:
        """Removes a file, a link or a directory. Raises FailedPreconditionError DIRECTORY_NOT_EMPTY."""
        request = wire.RemoveRequest(session_id=self.id, path=path, recursive=recursive)
        await self._connection.call(methods.sessions.Remove, request, timeout)

    async def replace_in_file(
        self,
        path: str,
        old_text: str,
        new_text: str,
        *,
        replace_all: bool = False,
        timeout: float | None = None,
    ) -> int:
        """Replaces text that is in the file exactly once, or every occurrence; gives how many. Raises
        FailedPreconditionError TEXT_NOT_FOUND, TEXT_NOT_UNIQUE or NOT_TEXT."""
        request = wire.ReplaceInFileRequest(
            session_id=self.id, path=path, old_text=old_text, new_text=new_text, replace_all=replace_all
        )
        answer = await self._connection.call(methods.sessions.ReplaceInFile, request, timeout)
        return answer.replaced_count

    async def apply_patch(self, diff: str | bytes, *, timeout: float | None = None) -> list[str]:
        """Applies a unified diff to the workspace, whole or not at all; gives the paths that were changed. Raises
        FailedPreconditionError or InvalidArgumentError PATCH_REJECTED."""
        request = wire.ApplyPatchRequest(session_id=self.id, diff=bytes_of(diff))
        answer = await self._connection.call(methods.sessions.ApplyPatch, request, timeout)
        return list(answer.changed_paths)

    async def diff(self, *, timeout: float | None = None) -> bytes:
        """The workspace's difference from the sample, as a git patch; empty when nothing differs."""
        ask = wire.GetDiffRequest(session_id=self.id)
        parts = [part.data async for part in self._connection.stream(methods.sessions.GetDiff, ask, timeout)]
        return b"".join(parts)

    async def upload(
        self, source: str | os.PathLike[str], destination: str = ".", *, timeout: float | None = None
    ) -> None:
        """Brings a folder's content, or one file, into a directory of the sandbox, which is made. Owners are not kept;
        files there are replaced. Raises FailedPreconditionError PATH_DENIED, ResourceExhaustedError."""
        with await in_thread(lambda: pack(source)) as archive:
            await self._make_directory(destination, timeout)
            await self.upload_archive(destination, archive, timeout=timeout)

    async def upload_archive(self, path: str, archive: IO[bytes], *, timeout: float | None = None) -> None:
        """Unpacks an uncompressed tar into a directory that is there. Raises InvalidArgumentError INVALID_ARCHIVE."""

        async def requests() -> AsyncIterator[wire.UploadArchiveRequest]:
            header = wire.UploadArchiveRequest.Header(session_id=self.id, path=path)
            yield wire.UploadArchiveRequest(header=header)
            for data in pieces(archive):
                yield wire.UploadArchiveRequest(data=data)

        await self._connection.upload(methods.sessions.UploadArchive, requests(), timeout)

    async def download(
        self, source: str, destination: str | os.PathLike[str], *, timeout: float | None = None
    ) -> None:
        """Brings a directory's content into a folder of this machine, which is made, or a file into a folder or to a
        path. What a sandbox sends can't leave the folder. Raises NotFoundError PATH_NOT_FOUND."""
        with tempfile.TemporaryFile() as archive:
            await self.download_archive(source, archive, timeout=timeout)
            archive.seek(0)
            await in_thread(lambda: unpack(archive, destination))

    async def download_archive(self, path: str, to: IO[bytes], *, timeout: float | None = None) -> None:
        """Writes an uncompressed tar of a file or directory; its name alone is the root of the entries."""
        ask = wire.DownloadArchiveRequest(session_id=self.id, path=path)
        async for part in self._connection.stream(methods.sessions.DownloadArchive, ask, timeout):
            to.write(part.data)

    async def _make_directory(self, path: str, timeout: float | None) -> None:
        """An empty file is the way that needs no program of the sandbox's; it is gone again at once, and has a name of
        its own: several may upload to one directory."""
        try:
            if (await self.stat(path, timeout=timeout)).type == "directory":
                return
        except NotFoundError:
            pass
        marker = f"{path.rstrip('/')}/.{new_id('codeset-upload')}"
        request = wire.WriteFileRequest(session_id=self.id, path=marker, make_parents=True)
        await self._connection.call(methods.sessions.WriteFile, request, timeout)
        remove = wire.RemoveRequest(session_id=self.id, path=marker)
        await self._connection.call(methods.sessions.Remove, remove, timeout)
