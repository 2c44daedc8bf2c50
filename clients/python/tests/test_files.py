from __future__ import annotations

import asyncio
import os
import tarfile
from pathlib import Path

import pytest
from conftest import run_async

from codeset_sandbox import AsyncClient, Client, FailedPreconditionError, NotFoundError, Session


def test_files_are_written_read_listed_moved_and_removed(session: Session) -> None:
    session.write_file("src/app.py", 'print("hello")\n', make_parents=True, mode=0o755)
    assert session.replace_in_file("src/app.py", "hello", "goodbye") == 1
    assert session.read_text("src/app.py") == 'print("goodbye")\n'
    info = session.stat("src/app.py")
    assert (info.type, info.size, info.mode) == ("file", 17, 0o755)
    session.move("src/app.py", "src/main.py")
    assert [(file.path, file.type) for file in session.list_directory("src")] == [("src/main.py", "file")]
    session.remove("src", recursive=True)
    with pytest.raises(NotFoundError) as gone:
        session.read_file("src/main.py")
    assert gone.value.reason == "PATH_NOT_FOUND"
    with pytest.raises(FailedPreconditionError) as twice:
        session.write_file("twice", "a a")
        session.replace_in_file("twice", "a", "b")
    assert twice.value.reason == "TEXT_NOT_UNIQUE"


def test_a_large_file_is_read_in_parts(session: Session) -> None:
    session.run("head -c 5000000 /dev/urandom > big", check=True)
    whole = session.read_file("big")
    assert len(whole) == 5_000_000
    assert session.read_file("big", offset=2_999_999, limit=10) == whole[2_999_999:3_000_009]
    assert session.read_file("big", offset=4_999_990) == whole[-10:]
    session.remove("big")


def test_folders_go_up_and_come_down(session: Session, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "deep" / "er" / "b\u00fcrgel.bin").write_bytes(bytes(range(256)) * 1000)
    (source / "run").write_text("#!/bin/sh\necho ran\n")
    os.chmod(source / "run", 0o755)
    (source / "link").symlink_to("run")
    session.upload(source, "up/here")
    assert session.run("./up/here/link").stdout == "ran\n"
    session.download("up/here", tmp_path / "down")
    found = {str(path.relative_to(tmp_path / "down")) for path in (tmp_path / "down").rglob("*")}
    assert found == {"deep", "deep/er", "deep/er/b\u00fcrgel.bin", "run", "link"}
    assert (tmp_path / "down" / "deep" / "er" / "b\u00fcrgel.bin").read_bytes() == bytes(range(256)) * 1000
    assert os.access(tmp_path / "down" / "run", os.X_OK)
    session.upload(source / "run", "single")
    session.download("single/run", tmp_path / "one")
    assert (tmp_path / "one").read_text() == "#!/bin/sh\necho ran\n"


def test_several_upload_to_one_directory(session: Session, tmp_path: Path) -> None:
    for i in range(6):
        (tmp_path / str(i)).mkdir()
        (tmp_path / str(i) / f"{i}.txt").write_text(str(i))

    async def work() -> None:
        async with AsyncClient() as client:
            here = client.session(session.id)
            await asyncio.gather(*(here.upload(tmp_path / str(i), "many/of/them") for i in range(6)))

    run_async(work())
    names = [Path(file.path).name for file in session.list_directory("many/of/them")]
    assert names == [f"{i}.txt" for i in range(6)]


def test_a_python_without_tar_filters_unpacks_the_same(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "mkdir -p closed/in && echo x > closed/in/file && chmod 4755 closed/in/file && chmod 555 closed/in closed"
    session.run(script, check=True)
    session.download("closed", tmp_path / "with")
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    session.download("closed", tmp_path / "without")
    for made in (tmp_path / "with", tmp_path / "without"):
        info = (made / "in" / "file").stat()
        assert (info.st_mode & 0o7777, info.st_uid) == (0o755, os.getuid())
        assert os.access(made / "in", os.W_OK)
    session.run("mkdir leads && ln -s ../../.. leads/up", check=True)
    with pytest.warns(UserWarning, match="The link up to"):
        session.download("leads", tmp_path / "leads")
    assert list((tmp_path / "leads").iterdir()) == []


def test_what_a_sandbox_sends_does_not_leave_the_folder(session: Session, tmp_path: Path) -> None:
    session.run("mkdir evil && ln -s /etc evil/out && ln -s ../../.. evil/up", check=True)
    with pytest.warns(UserWarning, match="leads out of the folder"):
        session.download("evil", tmp_path / "evil")
    assert list((tmp_path / "evil").iterdir()) == []


def test_a_diff_is_taken_and_applied(client: Client, sample: str) -> None:
    with client.create_session(sample=sample) as session:
        assert session.diff() == b""
        session.write_file("new.txt", "new\n")
        diff = session.diff()
        assert b"+new" in diff
        with client.create_session(sample=sample) as other:
            assert other.apply_patch(diff) == ["new.txt"]
            assert other.read_text("new.txt") == "new\n"
            with pytest.raises(FailedPreconditionError) as rejected:
                other.apply_patch(diff)
            assert rejected.value.reason == "PATCH_REJECTED"
