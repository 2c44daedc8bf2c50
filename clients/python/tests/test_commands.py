from __future__ import annotations

import threading

import pytest

from codeset_sandbox import CommandFailedError, FailedPreconditionError, NotFoundError, OutputChunk, Session


def test_run_gives_both_outputs_and_how_it_ended(session: Session) -> None:
    result = session.run("echo out; echo err >&2; exit 3")
    assert (result.stdout, result.stderr, result.exit_code, result.reason) == ("out\n", "err\n", 3, "EXITED")
    assert result.signal is None
    assert not result.ok
    assert session.run(["printf", "%s", "$HOME a  b"]).stdout == "$HOME a  b"


def test_check_raises_with_the_result(session: Session) -> None:
    assert session.run("true", check=True).ok
    with pytest.raises(CommandFailedError, match="exited with 4.*oops") as failed:
        session.run("echo oops >&2; exit 4", check=True)
    assert failed.value.result.exit_code == 4
    assert failed.value.reason == "EXITED"


def test_every_byte_goes_both_ways(session: Session) -> None:
    data = bytes(range(256)) * 5000
    result = session.run(["cat"], stdin=data)
    assert result.stdout_bytes == data
    assert session.run(["cat"], stdin="żółw 🐢\0").stdout == "żółw 🐢\0"


def test_cwd_env_and_user_are_the_callers_choice(session: Session) -> None:
    result = session.run('echo "$PWD $WHO $(id -un)"', cwd="/tmp", env={"WHO": "mé"}, user="root")
    assert result.stdout == "/tmp mé root\n"


def test_a_command_that_takes_too_long_is_ended(session: Session) -> None:
    late = session.run("echo begun; sleep 60", timeout=0.5)
    assert (late.reason, late.signal, late.exit_code, late.stdout) == ("TIMEOUT", "SIGTERM", None, "begun\n")
    assert session.run("sleep 60", idle_timeout=0.2).reason == "IDLE_TIMEOUT"
    assert session.run("yes", output_limit=1000).reason == "OUTPUT_LIMIT"


def test_a_program_that_is_not_there_is_an_answer(session: Session) -> None:
    result = session.run(["no-such-program"])
    assert (result.reason, result.exit_code) == ("START_FAILED", 127)
    assert "no-such-program" in result.message


def test_big_output_comes_whole_and_of_more_than_is_kept_head_and_tail(session: Session) -> None:
    whole = session.run("seq 1000000")
    assert whole.stdout == "".join(f"{i}\n" for i in range(1, 1_000_001))
    assert not whole.truncated
    seen = 0

    def count(chunk: OutputChunk) -> None:
        nonlocal seen
        seen += len(chunk.data)

    cut = session.run("seq 1000000", max_output_bytes=20, on_output=count)
    assert cut.truncated
    assert cut.stdout == "1\n2\n3\n4\n5\n\n[… 6888876 bytes left out …]\n9\n1000000\n"
    assert seen == len(whole.stdout) == cut.stdout_total


def test_a_command_streams_both_ways(session: Session) -> None:
    with session.exec(["cat"], stdin=True) as p:
        for word in ("one", "two"):
            p.write(word)
            assert p.read() == OutputChunk("stdout", 0 if word == "one" else 3, word.encode())
        p.close_stdin()
        assert list(p.output) == []
        assert p.exit is not None and p.exit.ok
        assert p.wait() is p.exit


def test_signals_reach_it_and_both_outputs_keep_their_order(session: Session) -> None:
    script = 'trap "echo caught >&2; exit 7" INT; echo ready; while :; do sleep 0.05; done'
    seen = []
    with session.exec(script) as p:
        for chunk in p.output:
            seen.append((chunk.stream, chunk.text))
            if chunk.stream == "stdout":
                p.signal("SIGINT")
        assert p.wait().exit_code == 7
    assert seen == [("stdout", "ready\n"), ("stderr", "caught\n")]
    with pytest.raises(FailedPreconditionError) as ended:
        p.signal()
    assert ended.value.reason == "EXEC_ENDED"


def test_a_terminal_has_a_size_that_changes(session: Session) -> None:
    with session.exec("tty -s && read a; stty size; echo $a", tty=(40, 120)) as p:
        p.resize(50, 132)
        p.write("yes\n")
        assert p.communicate().stdout.replace("\r", "") == "yes\n50 132\nyes\n"
    with session.exec("sleep 60") as plain:
        with pytest.raises(FailedPreconditionError) as refused:
            plain.resize(1, 1)
        assert refused.value.reason == "NO_TERMINAL"
        with pytest.raises(FailedPreconditionError):
            plain.write("no stdin was asked for")


def test_the_end_of_the_block_ends_the_command(session: Session) -> None:
    with session.exec("sleep 600") as p:
        pass
    assert p.exit is not None and p.exit.signal == "SIGTERM"
    with session.exec("trap '' TERM; echo deaf; sleep 600", kill_grace=0.1) as deaf:
        assert deaf.read() is not None
    states = {told.exec_id: told for told in session.list_execs()}
    with session.attach(deaf.exec_id) as again:
        assert again.wait().signal == "SIGKILL"
    assert states[p.exec_id].reason == "SIGNALLED"


def test_a_detached_command_is_taken_up_at_an_offset(session: Session) -> None:
    with session.exec("for i in 1 2 3; do echo $i; sleep 0.1; done", detach=True) as p:
        pass
    with session.attach(p.exec_id, stdout_offset=2) as again:
        assert b"".join(chunk.data for chunk in again.output) == b"2\n3\n"
    with pytest.raises(NotFoundError) as unknown:
        session.attach("no-such-exec")
    assert unknown.value.reason == "EXEC_NOT_FOUND"


def test_one_thread_writes_while_another_reads(session: Session) -> None:
    data = bytes(range(256)) * 40_000
    with session.exec(["cat"], stdin=True) as p:

        def feed() -> None:
            for at in range(0, len(data), 1_000_000):
                p.write(data[at : at + 1_000_000])
            p.close_stdin()

        writer = threading.Thread(target=feed)
        writer.start()
        received = b"".join(chunk.data for chunk in p.output)
        writer.join()
    assert received == data


def test_communicate_sends_and_collects(session: Session) -> None:
    with session.exec(["sort", "-n"], stdin=True) as p:
        assert p.communicate("10\n9\n").stdout == "9\n10\n"


def test_a_shell_remembers(session: Session) -> None:
    main = session.shell("remembers")
    main.run('cd /tmp && export WHO=me && shout() { echo "$1!"; }', check=True)
    assert main.run('shout "$WHO in $PWD"').stdout == "me in /tmp!\n"
    ended = main.run("exit 3")
    assert (ended.exit_code, ended.shell_reset) == (3, True)
    assert main.run("pwd").stdout == "/workspace\n"


def test_an_exec_id_runs_once(session: Session) -> None:
    for _ in range(2):
        assert session.run("echo ran >> once; cat once", exec_id="once-only").stdout == "ran\n"
