"""What is unpacked of a tar that a sandbox sent."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from codeset_sandbox._tar import unpack


def tar_of(*entries: tuple[str, str | bytes]) -> io.BytesIO:
    """A folder `root` with files (bytes) and symbolic links (str)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        root = tarfile.TarInfo("root")
        root.type, root.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(root)
        for name, content in entries:
            member = tarfile.TarInfo(f"root/{name}")
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    file.seek(0)
    return file


def test_links_that_lead_out_are_left_out_and_the_rest_comes(tmp_path: Path) -> None:
    file = tar_of(("python", "/usr/bin/python3"), ("up", "../../etc"), ("near", "kept"), ("kept", b"here"))
    with pytest.warns(UserWarning, match="leads out of the folder"):
        unpack(file, tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["kept", "near"]
    assert (tmp_path / "out/near").read_bytes() == b"here"


@pytest.mark.filterwarnings("ignore:The link")
def test_nothing_is_written_through_a_link_or_above_the_folder(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    # A link that was left out is no longer in the way: what came behind it is a file of the folder's own.
    unpack(tar_of(("l", str(victim)), ("l/file", b"x")), tmp_path / "out")
    assert os.listdir(victim) == []
    with pytest.raises((tarfile.TarError, ValueError)):
        unpack(tar_of(("../escaped", b"x")), tmp_path / "out")
    assert not (tmp_path / "escaped").exists()
