import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExecInfo } from '../../src/core/exec.js';
import type { Key } from '../../src/core/key.js';
import type { SampleVersion } from '../../src/core/sample.js';
import type { Session } from '../../src/core/session.js';
import type { Snapshot } from '../../src/core/snapshot.js';
import type { Pressure } from '../../src/core/pressure.js';
import type { TestResult, Verification } from '../../src/core/verification.js';
import { aManifest, anEnvironment, aSession } from '../support/entities.js';
import { freshStorage } from './storage-fixture.js';
import type { OpenStorage } from './storage-fixture.js';

// Whatever core may store comes back equal, undefined fields included.

/** Plain objects, as core makes them. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const RUNS = { numRuns: 150 };
let open: OpenStorage;
beforeAll(async () => {
  open = await freshStorage();
});
afterAll(() => open[Symbol.asyncDispose]());

let serial = 0;
/** Ids are made unique within the property: shrinking runs it again with the same values. */
function unique(text: string): string {
  return `${text}-${serial++}`;
}
const id = fc.string({ maxLength: 10 });
const text = fc.string({ unit: 'binary', maxLength: 40 });
const maybeText = fc.option(text, { nil: undefined });
const time = fc.date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true });
const maybeTime = fc.option(time, { nil: undefined });
const count = fc.maxSafeNat();
const texts = fc.array(text, { maxLength: 4 });
/** No key may be `__proto__`: JSON would lose it, and transport lets none through. */
const map = fc.dictionary(
  text.filter((key) => key !== '__proto__'),
  text,
  { maxKeys: 4, noNullPrototype: true },
);
const ratio = fc.double({ noNaN: true, noDefaultInfinity: true, min: 0, max: 1 }).map((n) => n + 0);
const network = fc.constantFrom('none' as const, 'public' as const);
const scope = fc.constantFrom('PATCH' as const, 'WORKSPACE' as const);
const feedback = fc.constantFrom('NONE' as const, 'VERDICT' as const, 'FULL' as const);
const verifying = record({
  feedback,
  agentFeedback: fc.option(feedback, { nil: undefined }),
  maxVerifications: count,
  before: count,
});
const grading = fc.constantFrom(
  'EXIT_CODE' as const,
  'ALL_LISTED' as const,
  'SWE_BENCH' as const,
  'REWARD_FILE' as const,
);
const resources = record({ cpus: ratio, memoryBytes: count, processes: count, diskBytes: count });
const layers = record({ root: texts, workspace: texts, baseline: maybeText, hidden: maybeText });
const ground = fc.oneof(
  record({ engine: text }),
  record({ engine: text, image: record({ id: text, name: text, env: map, architecture: text }) }),
);
const environment = record({
  setup: texts,
  prepare: texts,
  env: map,
  network,
  workdir: text,
  user: text,
}).map((change) => anEnvironment(change));

const validationCount = record({ judged: count, asExpected: count, errors: count });
const validation = record({
  verdict: fc.constantFrom('VALID' as const, 'INVALID' as const, 'NO_REFERENCE' as const),
  summary: text,
  runs: count,
  concurrency: count,
  untouched: validationCount,
  reference: fc.option(validationCount, { nil: undefined }),
  problems: fc.array(
    record({
      kind: fc.constantFrom('FLAKY_TEST' as const, 'MISSING_TEST' as const),
      subject: fc.constantFrom('UNTOUCHED' as const, 'REFERENCE' as const),
      test: text,
      seen: fc.dictionary(fc.constantFrom('PASSED', 'FAILED'), count, { noNullPrototype: true }),
      message: text,
    }),
    { maxLength: 3 },
  ),
  problemCount: count,
  endTime: time,
});
const audit = record({
  verdict: fc.constantFrom('CLEAN' as const, 'LEAKS' as const, 'FOOLED' as const, 'INCONCLUSIVE' as const),
  summary: text,
  findingCount: count,
  counts: record({ held: count, through: count, untried: count, skipped: count }),
  through: texts,
  endTime: time,
});
const disagreement = record({
  subjectDigest: text,
  passedVerificationId: text,
  failedVerificationId: text,
  time,
});

const sample: fc.Arbitrary<SampleVersion> = record({
  sampleId: id,
  version: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  task: text,
  state: fc.constantFrom('PREPARING', 'READY', 'ERROR'),
  error: text,
  digest: text,
  archiveBlob: text,
  repositoryBlob: maybeText,
  baseCommit: text,
  hasSolution: fc.boolean(),
  layers,
  ground: fc.option(ground, { nil: undefined }),
  createTime: time,
  validation: fc.option(validation, { nil: undefined }),
  audit: fc.option(audit, { nil: undefined }),
  disagreement: fc.option(disagreement, { nil: undefined }),
  manifest: record({
    dataset: text,
    language: text,
    description: text,
    tags: texts,
    environment,
    resources,
    codebase: fc.option(record({ git: text, commit: text }), { nil: undefined }),
    verification: record({
      command: texts,
      timeoutMs: count,
      scope,
      grading,
      network,
      report: fc.option(
        record({
          format: fc.constantFrom('junit' as const, 'tap' as const, 'go-json' as const),
          paths: texts,
        }),
        {
          nil: undefined,
        },
      ),
      remove: texts,
      failToPass: texts,
      passToPass: texts,
      failToFail: texts,
      protectedPaths: texts,
      keep: texts,
      canary: fc.option(record({ path: text, content: text, tests: texts }), { nil: undefined }),
      feedback,
      maxVerifications: count,
    }),
  }).map((change) => aManifest(change)),
}).map((made) => made as SampleVersion);

const source = fc.oneof(
  record({ kind: fc.constant('sample' as const), sampleId: text, version: fc.nat() }),
  record({ kind: fc.constant('environment' as const), environment }),
);
const session: fc.Arbitrary<Session> = record({
  sessionId: id,
  requestId: fc.option(id, { nil: undefined }),
  requestDigest: text,
  source,
  snapshotId: maybeText,
  state: fc.constantFrom('CREATING', 'READY', 'ERROR', 'CLOSED', 'EXPIRED'),
  error: text,
  labels: map,
  env: map,
  network,
  resources,
  engine: text,
  layers,
  ground: fc.option(ground, { nil: undefined }),
  sandboxId: text,
  user: text,
  workdir: text,
  verifying,
  ttlMs: count,
  idleTimeoutMs: count,
  createTime: time,
  readyTime: maybeTime,
  expireTime: time,
  endTime: maybeTime,
  lastActiveTime: time,
});

const snapshot: fc.Arbitrary<Snapshot> = record({
  snapshotId: id,
  requestId: fc.option(id, { nil: undefined }),
  requestDigest: text,
  sessionId: text,
  source,
  labels: map,
  env: map,
  network,
  resources,
  engine: text,
  layers,
  ground,
  verifying,
  sizeBytes: count,
  transient: fc.boolean(),
  createTime: time,
});

const exec: fc.Arbitrary<ExecInfo> = record({
  execId: id,
  sessionId: fc.constant('ses_of_execs'),
  command: texts,
  spec: record({
    execId: text,
    argv: fc.option(texts, { nil: undefined }),
    shell: maybeText,
    env: map,
    cwd: text,
    user: text,
    stdin: fc.boolean(),
    timeoutMs: count,
    killGraceMs: count,
    stopSignal: fc.constantFrom('SIGTERM', 'SIGINT'),
    detach: fc.boolean(),
    tty: fc.option(record({ rows: count, columns: count }), { nil: undefined }),
    idleTimeoutMs: count,
    maxOutputBytes: count,
    leaseMs: fc.option(count, { nil: undefined }),
    shellName: text,
  }),
  state: fc.constantFrom('STARTING', 'RUNNING', 'EXITED', 'LOST'),
  exit: fc.option(
    record({
      reason: fc.constantFrom('EXITED', 'SIGNALLED', 'TIMEOUT', 'LOST'),
      code: fc.option(fc.nat(255), { nil: undefined }),
      signal: maybeText,
      message: text,
      cpuTimeUs: count,
      peakMemoryBytes: count,
      shellReset: fc.boolean(),
    }),
    { nil: undefined },
  ),
  terminal: fc.constant(undefined),
  stdoutBytes: count,
  stderrBytes: count,
  createTime: time,
  startTime: maybeTime,
  endTime: maybeTime,
});

const result: fc.Arbitrary<TestResult> = record({
  name: text,
  status: fc.constantFrom('PASSED', 'FAILED', 'SKIPPED', 'XFAILED', 'ERROR', 'MISSING'),
  durationMs: ratio,
  message: text,
  list: fc.constantFrom('FAIL_TO_PASS', 'PASS_TO_PASS', 'FAIL_TO_FAIL', 'UNLISTED'),
  bySubject: fc.boolean(),
});
const listCount = record({ passed: count, total: count });

const pressure: fc.Arbitrary<Pressure> = record({
  wallMs: ratio,
  cpuTimeMs: count,
  cpuThrottledMs: count,
  cpuWaitedMs: fc.option(count, { nil: undefined }),
  memoryPeakBytes: count,
  outOfMemoryKills: fc.option(count, { nil: undefined }),
});

const verification: fc.Arbitrary<Verification> = record({
  patchBytes: count,
  subjectExpireTime: maybeTime,
  logExpireTime: maybeTime,
  serviceVersion: text,
  timeoutMs: fc.option(count, { nil: undefined }),
  pressure: fc.option(pressure, { nil: undefined }),
  sampleDigest: text,
  environmentDigest: text,
  verificationId: id,
  requestId: fc.option(id, { nil: undefined }),
  requestDigest: text,
  sampleId: text,
  sampleVersion: fc.nat(),
  subject: fc.oneof(
    record({ kind: fc.constant('session' as const), sessionId: text }),
    record({ kind: fc.constant('snapshot' as const), snapshotId: text, sessionId: text }),
    record({ kind: fc.constant('patch' as const), patchBlob: text }),
  ),
  feedback,
  agentFeedback: fc.option(feedback, { nil: undefined }),
  scope,
  kept: fc.option(
    fc.oneof(
      record({ kind: fc.constant('patch' as const), blob: text }),
      record({
        kind: fc.constant('layer' as const),
        layer: text,
        below: fc.option(texts, { nil: undefined }),
      }),
      record({
        kind: fc.constant('layers' as const),
        workspace: texts,
        root: fc.option(texts, { nil: undefined }),
        own: texts,
      }),
      record({ kind: fc.constant('unusable' as const), why: text }),
    ),
    { nil: undefined },
  ),
  state: fc.constantFrom('PENDING', 'RUNNING', 'PASSED', 'FAILED', 'ERROR', 'TIMED_OUT', 'CANCELLED'),
  attempt: fc.nat(),
  fault: fc.constantFrom('NONE', 'SUBJECT', 'SAMPLE', 'SERVICE'),
  retryable: fc.boolean(),
  message: text,
  verdict: fc.option(
    record({
      passed: fc.boolean(),
      score: ratio,
      scores: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), ratio, { noNullPrototype: true }),
      grading,
      rule: text,
      reason: fc.constantFrom('RULE' as const, 'TAMPERED' as const),
      tests: fc.array(result, { maxLength: 5 }),
      failToPass: listCount,
      passToPass: listCount,
      failToFail: listCount,
    }),
    { nil: undefined },
  ),
  exitCode: fc.option(fc.nat(255), { nil: undefined }),
  exitSignal: maybeText,
  subjectDigest: text,
  logDigest: text,
  logBytes: count,
  logBlob: maybeText,
  logCutBytes: count,
  engine: text,
  runtime: text,
  resources,
  createTime: time,
  startTime: maybeTime,
  endTime: maybeTime,
});

const key: fc.Arbitrary<Key> = record({
  keyId: id,
  role: fc.constantFrom('ADMIN', 'RUNNER', 'AGENT'),
  name: text,
  secretHash: id,
  sessionId: maybeText,
  createTime: time,
  revokeTime: maybeTime,
});

function uniqueSession(one: Session): Session {
  const requestId = one.requestId === undefined ? undefined : unique(one.requestId);
  return { ...one, sessionId: unique(one.sessionId), requestId };
}

function uniqueVerification(one: Verification): Verification {
  const requestId = one.requestId === undefined ? undefined : unique(one.requestId);
  return { ...one, verificationId: unique(one.verificationId), requestId };
}

describe('whatever is stored comes back equal:', () => {
  test('samples', async () => {
    const { samples } = open.storage;
    await fc.assert(
      fc.asyncProperty(sample, async (made) => {
        const sampleId = unique(made.sampleId);
        const one = { ...made, sampleId, manifest: { ...made.manifest, sampleId } };
        await samples.insert(one);
        expect(await samples.find(one.sampleId, one.version)).toStrictEqual(one);
      }),
      RUNS,
    );
  });

  test('sessions, whole and by a change of every field', async () => {
    const { sessions } = open.storage;
    await fc.assert(
      fc.asyncProperty(session, session, async (made, made2) => {
        const [one, other] = [uniqueSession(made), uniqueSession(made2)];
        await sessions.insert(one);
        expect(await sessions.find(one.sessionId)).toStrictEqual(one);
        const changed = { ...other, sessionId: one.sessionId, state: one.state };
        await sessions.update(one.sessionId, changed);
        expect(await sessions.find(one.sessionId)).toStrictEqual(changed);
      }),
      RUNS,
    );
  });

  test('sessions are found by each of their labels', async () => {
    const { sessions } = open.storage;
    await fc.assert(
      fc.asyncProperty(session, async (made) => {
        const one = uniqueSession(made);
        await sessions.insert(one);
        for (const [name, value] of Object.entries(one.labels)) {
          const { items } = await sessions.list(
            { labels: { [name]: value } },
            { size: 10_000, after: undefined },
          );
          expect(items.map((item) => item.sessionId)).toContain(one.sessionId);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('snapshots, and by each of their labels', async () => {
    const { snapshots } = open.storage;
    await fc.assert(
      fc.asyncProperty(snapshot, async (made) => {
        const requestId = made.requestId === undefined ? undefined : unique(made.requestId);
        const one = { ...made, snapshotId: unique(made.snapshotId), requestId };
        await snapshots.insert(one);
        expect(await snapshots.find(one.snapshotId)).toStrictEqual(one);
        for (const [name, value] of Object.entries(one.labels)) {
          const { items } = await snapshots.list(
            { labels: { [name]: value } },
            { size: 10_000, after: undefined },
          );
          expect(items.map((item) => item.snapshotId)).toContain(one.snapshotId);
        }
      }),
      RUNS,
    );
  });

  test('execs', async () => {
    const { sessions, execs } = open.storage;
    await sessions.insert(aSession({ sessionId: 'ses_of_execs' }));
    await fc.assert(
      fc.asyncProperty(exec, async (made) => {
        const one = { ...made, execId: unique(made.execId) };
        await execs.save(one);
        const found = await execs.forSession(one.sessionId);
        expect(found.find((other) => other.execId === one.execId)).toStrictEqual(one);
      }),
      RUNS,
    );
  });

  test('verifications, whole and by a change of every field', async () => {
    const { verifications } = open.storage;
    await fc.assert(
      fc.asyncProperty(verification, verification, async (made, made2) => {
        const [one, other] = [uniqueVerification(made), uniqueVerification(made2)];
        await verifications.insert(one);
        expect(await verifications.find(one.verificationId)).toStrictEqual(one);
        const changed = { ...other, verificationId: one.verificationId, state: one.state };
        await verifications.update(one.verificationId, changed);
        expect(await verifications.find(one.verificationId)).toStrictEqual(changed);
      }),
      RUNS,
    );
  });

  test('keys', async () => {
    const { keys } = open.storage;
    await fc.assert(
      fc.asyncProperty(key, async (made) => {
        const one = { ...made, keyId: unique(made.keyId), secretHash: unique(made.secretHash) };
        await keys.insert(one);
        expect(await keys.findByHash(one.secretHash)).toStrictEqual(one);
      }),
      RUNS,
    );
  });
});
