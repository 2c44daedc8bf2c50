from __future__ import annotations

import pytest
from conftest import RUN, SAMPLE_FOLDER, run_async

from codeset_sandbox import AsyncClient, Client, DeadlineExceededError, FailedPreconditionError, Session


def test_samples_are_found(client: Client, sample: str) -> None:
    assert sample in [found.sample_id for found in client.samples.list(search="median")]
    found = client.samples.get(f"examples/{sample}@1")
    assert (found.state, found.dataset, found.language) == ("READY", "examples", "python")
    assert "Medians are wrong" in found.task
    assert "examples" in [dataset.name for dataset in client.samples.datasets()]


def test_a_session_fails_and_the_reference_solution_passes(client: Client, sample: str) -> None:
    log = bytearray()
    with client.create_session(sample=sample) as session:
        verdict = session.verify(on_log=log.extend)
    assert (verdict.state, verdict.passed, verdict.fault) == ("FAILED", False, "SUBJECT")
    assert verdict.fail_to_pass.total == 6 and verdict.fail_to_pass.passed == 0
    assert len([test for test in verdict.tests if test.list == "FAIL_TO_PASS" and test.status == "FAILED"]) == 6
    assert log
    again = client.get_verification(verdict.verification_id)
    assert again.log_digest == verdict.log_digest
    assert verdict.verification_id in [
        told.verification_id for told in client.list_verifications(session_id=session.id)
    ]

    patch = (SAMPLE_FOLDER / "solution" / "solution.patch").read_bytes()

    async def judged() -> None:
        async with AsyncClient() as other:
            passed = await other.verify_patch(sample, patch)
            assert (passed.state, passed.passed, passed.score, passed.fault) == ("PASSED", True, 1, "NONE")

    run_async(judged())


def test_a_verification_that_is_late_is_cancelled(client: Client, sample: str) -> None:
    with client.create_session(sample=sample) as session:
        with pytest.raises(DeadlineExceededError):
            session.verify(timeout=0.02, request_id=f"late-{RUN}")
        for verdict in client.list_verifications(session_id=session.id):
            assert verdict.state in ("CANCELLED", "FAILED")


def test_an_environment_alone_has_nothing_that_judges(session: Session) -> None:
    with pytest.raises(FailedPreconditionError) as refused:
        session.verify()
    assert refused.value.reason == "SAMPLE_NOT_FOUND"
