"""Folders of this machine as tars, and tars as folders."""

from __future__ import annotations

import os
import sys
import tarfile
import tempfile
import warnings
from pathlib import Path
from typing import IO, Any, Iterator

PIECE = 64 * 1024


def pack(source: str | os.PathLike[str]) -> IO[bytes]:
    """A folder's content, or one file under its own name, as an uncompressed tar in a temporary file."""
    path = Path(source)
    file = tempfile.TemporaryFile()
    try:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            if path.is_dir():
                for entry in sorted(path.iterdir()):
                    tar.add(entry, entry.name, filter=_ours)
            else:
                tar.add(path, path.name, filter=_ours)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _ours(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Files, folders and links; owners of this machine mean nothing in a sandbox."""
    if not (entry.isfile() or entry.isdir() or entry.issym() or entry.islnk()):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    while True:
        data = file.read(PIECE)
        if not data:
            return
        yield data


def unpack(file: IO[bytes], destination: str | os.PathLike[str]) -> None:
    """Of a tar whose entries have one root, what is below that root; of a file's, the file. Nothing leaves the folder:
    what a sandbox sent is not trusted. Links that lead out of it, as every virtual environment has, are left out with
    a warning."""
    target = Path(destination)
    options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(fileobj=file, mode="r:") as tar:
        members = tar.getmembers()
        if members and members[0].isfile():
            source = tar.extractfile(members[0])
            path = target / Path(members[0].name).name if target.is_dir() else target
            with open(path, "wb") as out:
                while source is not None and (data := source.read(PIECE)):
                    out.write(data)
            os.chmod(path, members[0].mode & 0o777)
            return
        target.mkdir(parents=True, exist_ok=True)
        for member in members:
            member.name = member.name.rstrip("/").partition("/")[2]
            if member.islnk():
                member.linkname = member.linkname.partition("/")[2]
            if member.name == "":
                continue
            if member.issym() and not _inside(target, member):
                warnings.warn(f"The link {member.name} to {member.linkname} leads out of the folder, and is left out.", stacklevel=2)
                continue
            if not options:
                if not _inside(target, member):
                    raise ValueError(f"{member.name} in the archive leaves its folder (Python {sys.version.split()[0]}).")
                _make_ours(member)
            tar.extract(member, target, set_attrs=True, **options)


def _make_ours(member: tarfile.TarInfo) -> None:
    """Owner and mode as the filter `data` has them: into a directory that nobody may write nothing can be unpacked."""
    if hasattr(os, "getuid"):
        member.uid, member.gid = os.getuid(), os.getgid()
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() else (member.mode & 0o755) | 0o600


def _inside(target: Path, member: tarfile.TarInfo) -> bool:
    """Whether nothing of it lies, or leads, elsewhere: what the filter `data` sees to, where Python has it."""
    root = os.path.realpath(target)
    names = [member.name]
    if member.issym():
        names.append(os.path.join(os.path.dirname(member.name), member.linkname))
    elif member.islnk():
        names.append(member.linkname)
    return all(os.path.realpath(os.path.join(root, name)).startswith(root + os.sep) for name in names)
