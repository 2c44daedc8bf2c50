"""What needs no server."""

from __future__ import annotations

import os
import random

import pytest

from codeset_sandbox import InvalidArgumentError
from codeset_sandbox._collected import CollectedOutput
from codeset_sandbox._config import backoff, target_of
from codeset_sandbox._convert import duration, sample_ref, seconds_of


def test_what_is_collected_is_the_head_and_the_tail() -> None:
    chance = random.Random(7)
    for _ in range(300):
        limit = chance.randint(0, 40)
        output = CollectedOutput(limit)
        whole = b""
        for _ in range(chance.randint(0, 12)):
            piece = bytes(chance.randrange(256) for _ in range(chance.randint(0, 15)))
            whole += piece
            output.add(piece)
        head = (limit + 1) // 2
        kept = whole if len(whole) <= limit else whole[:head] + whole[len(whole) - (limit - head) :]
        assert output.bytes() == kept
        assert output.cut == len(whole) - len(kept)


def test_a_hole_divides_what_is_collected() -> None:
    output = CollectedOutput(100)
    output.add(b"before")
    output.skip(10)
    output.add(b"after")
    assert output.text() == "before\n[… 10 bytes left out …]\nafter"


def test_durations_are_exact_and_signed() -> None:
    for seconds in (0.0, 0.1, 1.5, 86_400.25, -0.001, -1.5):
        sent = duration(seconds)
        assert sent is not None
        assert seconds_of(sent) == pytest.approx(seconds)
    assert duration(None) is None


def test_addresses_and_names_are_understood() -> None:
    assert target_of("127.0.0.1:1") == "127.0.0.1:1"
    assert target_of("unix:/a/b.sock") == "unix:///a/b.sock"
    assert target_of("unix:///a/b.sock") == "unix:///a/b.sock"
    assert target_of("unix:b.sock") == f"unix://{os.getcwd()}/b.sock"
    ref = sample_ref("examples/median@2")
    assert (ref.dataset, ref.sample_id, ref.version) == ("examples", "median", 2)
    with pytest.raises(InvalidArgumentError):
        sample_ref("a@b@c")


def test_pauses_grow_to_a_bound() -> None:
    assert 0.07 < backoff(0) < 0.13
    assert 1.4 < backoff(50) < 2.6
