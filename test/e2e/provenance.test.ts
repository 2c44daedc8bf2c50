import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fault, VerificationState } from '../../gen/codeset/v1/verification.js';
import { packFiles } from '../../src/samples/pack.js';
import { msOf } from '../../src/client/wire-duration.js';
import { DOCKER_START_MS, TEST_IMAGE } from '../support/docker.js';
import { judge } from '../support/judging.js';
import { register, session, sh, startService, type TestService } from '../support/service.js';

// What a verification tells of how it came about; and one that runs out of time on a machine whose CPUs others have,
// which is run once more.

const CPUS = availableParallelism();

/** Its script does what the agent left in `what`. */
function sample(): AsyncIterable<Buffer> {
  const manifest = `sample_id: busy
dataset: try
description: Runs what the agent leaves.
language: other
environment: {host: {requires: [sh]}, image: ${TEST_IMAGE}}
resources: {cpus: ${CPUS}, processes: 512}
verification: {command: [verification/run], timeout: 3s, grading: exit_code}
`;
  const text = (path: string, content: string, executable = false) => ({ path, content, executable });
  return packFiles([
    text('sample.yaml', manifest),
    text('task.md', 'Do something.\n'),
    text('codebase/what', 'true\n'),
    text('verification/run', '#!/bin/sh\nexec as-subject sh what\n', true),
  ]) as AsyncIterable<Buffer>;
}

let service: TestService;

beforeAll(async () => {
  service = await startService();
  await register(service.admin, sample());
}, DOCKER_START_MS);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

async function judged(what: string) {
  const { admin } = service;
  const { id } = await session(admin, 'busy');
  try {
    const content = Buffer.from(`--- a/what\n+++ b/what\n@@ -1 +1 @@\n-true\n+${what}\n`);
    await admin.sessions.applyPatch({ sessionId: id, diff: content });
    return (await judge(admin, { sessionId: id })).verification;
  } finally {
    await admin.sessions.closeSession({ sessionId: id });
  }
}

test('a verification tells what it got of the machine', async () => {
  const { state, attempt, pressure } = await judged('i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done');
  expect(state).toBe(VerificationState.PASSED);
  expect(attempt).toBe(1);
  expect(msOf(pressure?.cpuTime)).toBeGreaterThan(10);
  expect(msOf(pressure?.wallTime)).toBeGreaterThan(10);
  expect(msOf(pressure?.wallTime)).toBeLessThan(3000);
  expect(pressure?.memoryPeakBytes).toBeGreaterThan(0n);
  expect(msOf(pressure?.cpuWaited)).toBeLessThanOrEqual(msOf(pressure?.wallTime));
});

test('two verifications of one thing have the same digests, and one of another has its own', async () => {
  const digests = async (what: string) => {
    const { subjectDigest, sampleDigest, environmentDigest, state } = await judged(what);
    expect(state).toBe(VerificationState.PASSED);
    for (const digest of [subjectDigest, sampleDigest, environmentDigest])
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
    return { subjectDigest, sampleDigest, environmentDigest };
  };
  const first = await digests(': one');
  expect(await digests(': one')).toEqual(first);
  const other = await digests(': two');
  expect(other.subjectDigest).not.toBe(first.subjectDigest);
  expect({ ...other, subjectDigest: '' }).toEqual({ ...first, subjectDigest: '' });
});

test('one that only slept has used next to nothing', async () => {
  const { state, fault, pressure } = await judged('sleep 60');
  expect(state).toBe(VerificationState.TIMED_OUT);
  expect(fault).toBe(Fault.SUBJECT);
  expect(msOf(pressure?.wallTime)).toBeGreaterThanOrEqual(3000);
  expect(msOf(pressure?.cpuTime)).toBeLessThan(1500);
}, 120_000);

test('one that had to share the CPUs with many is run once more, and no more', async () => {
  const { admin } = service;
  const { id } = await session(admin, 'busy');
  const loop = "setsid sh -c 'while :; do :; done' > /dev/null 2>&1 & ";
  const { code } = await sh(admin, id, loop.repeat(4 * CPUS));
  expect(code).toBe(0);
  try {
    const { state, attempt, pressure } = await judged('while :; do :; done');
    expect(state).toBe(VerificationState.TIMED_OUT);
    expect(attempt).toBe(existsSync('/proc/pressure/cpu') ? 2 : 1);
    expect(msOf(pressure?.cpuTime)).toBeGreaterThan(0);
  } finally {
    await admin.sessions.closeSession({ sessionId: id });
  }
}, 120_000);
