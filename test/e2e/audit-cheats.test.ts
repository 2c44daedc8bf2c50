import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuditVerdict } from '../../gen/codeset/v1/sample.js';
import { AuditAttemptOutcome, type Audit, type AuditAttempt } from '../../gen/codeset/v1/sample_service.js';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import { KeyAdmin } from '../../src/key-admin.js';
import type { TestClient } from '../rpc/client.js';
import { keptSandboxes } from '../support/engine-parts.js';
import { fooledSample } from '../support/fooled-sample.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { register } from '../support/service.js';

let running: RunningApp;
let admin: TestClient;

beforeAll(async () => {
  running = await startApp();
  admin = running.client();
}, 120_000);

afterAll(async () => {
  await running?.[Symbol.asyncDispose]();
});

/** What an audit found, and the attempts that it told before. */
async function audit(
  sampleId: string,
  cheats: readonly string[],
): Promise<{ readonly found: Audit; readonly told: readonly AuditAttempt[] }> {
  const told: AuditAttempt[] = [];
  for await (const { event } of admin.samples.auditSample({ sample: { sampleId }, cheats: [...cheats] })) {
    if (event?.$case === 'attempt') told.push(event.value);
    if (event?.$case === 'audit') return { found: event.value, told };
  }
  throw new Error('An audit ended without its outcome.');
}

/** `exit-at-import THROUGH PASSED`. */
function brief({ cheat, outcome, judged }: AuditAttempt): string {
  return `${cheat} ${AuditAttemptOutcome[outcome]} ${judged === undefined ? '' : VerificationState[judged.state]}`.trim();
}

const openSessions = async (): Promise<number> =>
  (await admin.sessions.listSessions({})).sessions.filter(({ endTime }) => endTime === undefined).length;

test('a sample that a cheat fools is FOOLED, with the cheat and how to close it', async () => {
  await register(admin, fooledSample('fooled'));
  const { found, told } = await audit('fooled', [
    'exit-at-import',
    'searched-session',
    'patch-out-of-the-tree',
    'go-test-main',
  ]);
  expect(found.verdict).toBe(AuditVerdict.FOOLED);
  expect(found.attempts.map(brief)).toEqual([
    'exit-at-import THROUGH PASSED',
    expect.stringMatching(/^(searched-session|patch-out-of-the-tree) HELD FAILED$/) as string,
    expect.stringMatching(/^(searched-session|patch-out-of-the-tree) HELD FAILED$/) as string,
    'go-test-main SKIPPED',
  ]);
  expect(told.map(brief).sort()).toEqual(found.attempts.map(brief).sort());
  expect(found.attempts[0]).toMatchObject({ family: 'tampering with the runner from inside', way: 1 });
  expect(found.attempts[0]?.closedBy).toMatch(/^Judge from outside/);
  expect(found.attempts[3]?.message).toMatch(/changes no file in a language .*go/);
  expect(found.counts).toMatchObject({ held: 2, through: 1, untried: 0, skipped: 1 });
  expect(found.summary).toMatch(/Of 3 cheats that were tried 1 got through\.$/);

  // Kept with the version, for admins: it says what an agent could do.
  const { sample } = await admin.samples.getSample({ sample: { sampleId: 'fooled' } });
  expect(sample?.audit).toMatchObject({ verdict: AuditVerdict.FOOLED, through: ['exit-at-import'] });
  await using keys = await KeyAdmin.open(running.dataDir);
  const runner = running.client((await keys.create('RUNNER', 'audit')).secret);
  const seen = await runner.samples.getSample({ sample: { sampleId: 'fooled' } });
  expect(seen.sample?.audit).toBeUndefined();

  // Nothing is left but records, which runners are not shown.
  expect(await openSessions()).toBe(0);
  const { sessions } = await admin.sessions.listSessions({});
  expect(sessions.map(({ labels }) => Object.keys(labels))).toEqual([['codeset-audit'], ['codeset-audit']]);
  expect((await admin.verifications.listVerifications({})).verifications).toHaveLength(5);
  expect((await runner.verifications.listVerifications({})).verifications).toEqual([]);
  expect(await keptSandboxes(running.dataDir)).toEqual([]);
}, 60_000);

test('a sample that passes who does nothing, or fails its own solution, tells nothing by cheats', async () => {
  await register(admin, fooledSample('passing', 'exit 0'));
  const { found } = await audit('passing', ['searched-session', 'patch-out-of-the-tree']);
  expect(found.verdict).toBe(AuditVerdict.INCONCLUSIVE);
  expect(found.attempts.map(brief)).toEqual(['patch-out-of-the-tree UNTRIED', 'searched-session UNTRIED']);
  expect(found.summary).toMatch(/The untouched codebase is PASSED/);
  await register(admin, fooledSample('failing', 'exit 1'));
  const failing = await audit('failing', ['patch-out-of-the-tree']);
  expect(failing.found.summary).toMatch(/The reference solution is FAILED/);
  const { sample } = await admin.samples.getSample({ sample: { sampleId: 'passing' } });
  expect(sample?.audit).toBeUndefined();
}, 60_000);

test('cheats that there are not are named with the nearest', async () => {
  await expect(audit('fooled', ['exit-at-imprt', 'git'])).rejects.toThrow(
    /INVALID_ARGUMENT.*there is no cheat or family "exit-at-imprt"; did you mean "exit-at-import"\?/,
  );
  const both = admin.samples.auditSample({
    sample: { sampleId: 'fooled' },
    cheats: ['git'],
    skipCheats: true,
  });
  await expect(both[Symbol.asyncIterator]().next()).rejects.toThrow(/must be unset where cheats are named/);
});

test('a call that is cancelled in the middle leaves neither a session nor a sandbox', async () => {
  const gone = new AbortController();
  const ask = { sample: { sampleId: 'fooled' }, concurrency: 3 };
  const calling = (async () => {
    for await (const { event } of admin.samples.auditSample(ask, { signal: gone.signal }))
      if (event?.$case === 'attempt' && event.value.outcome === AuditAttemptOutcome.HELD) gone.abort();
  })();
  await expect(calling).rejects.toThrow(/abort/i);
  await expect.poll(openSessions, { timeout: 20_000 }).toBe(0);
  await expect.poll(() => keptSandboxes(running.dataDir), { timeout: 20_000 }).toEqual([]);
  const { verifications } = await admin.verifications.listVerifications({
    states: [VerificationState.PENDING, VerificationState.RUNNING],
  });
  expect(verifications).toEqual([]);
}, 60_000);
