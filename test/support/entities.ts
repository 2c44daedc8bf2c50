import { createHash } from 'node:crypto';
import { DEFAULT_RESOURCES } from '../../src/core/environment.js';
import type { Environment } from '../../src/core/environment.js';
import type { ExecInfo } from '../../src/core/exec.js';
import { NO_RULES } from '../../src/core/feedback.js';
import { newId } from '../../src/core/ids.js';
import type { Key } from '../../src/core/key.js';
import type { SampleManifest, SampleVersion } from '../../src/core/sample.js';
import type { Session } from '../../src/core/session.js';
import type { Snapshot } from '../../src/core/snapshot.js';
import type { Verification } from '../../src/core/verification.js';

// One plausible entity of each kind; a test overrides the fields that it is about.

export const NOON = new Date('2026-03-01T12:00:00.000Z');

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function anEnvironment(change: Partial<Environment> = {}): Environment {
  return {
    host: { requires: ['python3'] },
    setup: [],
    prepare: [],
    setupNetwork: 'none',
    network: 'none',
    env: { PYTHONHASHSEED: '0' },
    workdir: '/workspace',
    user: 'agent',
    ...change,
  };
}

export function aManifest(change: Partial<SampleManifest> = {}): SampleManifest {
  return {
    sampleId: 'median-of-even-lists',
    sourceId: 'Median-of-even-lists',
    dataset: 'examples',
    description: 'The median of an even list is wrong',
    language: 'python',
    tags: ['bugfix'],
    environment: anEnvironment(),
    history: 'past',
    resources: DEFAULT_RESOURCES,
    verification: {
      command: ['verification/run'],
      timeoutMs: 300_000,
      scope: 'WORKSPACE',
      grading: 'ALL_LISTED',
      network: 'none',
      report: { format: 'junit', paths: ['report.xml'] },
      remove: ['**/conftest.py'],
      failToPass: ['tests/test_median.py::test_even'],
      passToPass: [],
      failToFail: [],
      keep: [],
      canary: undefined,
      protectedPaths: ['tests/'],
      feedback: 'FULL',
      maxVerifications: 0,
    },
    codebase: undefined,
    ...change,
  };
}

export function aSample(
  change: Partial<Omit<SampleVersion, 'manifest'>> & { manifest?: Partial<SampleManifest> } = {},
): SampleVersion {
  const sampleId = change.sampleId ?? 'median-of-even-lists';
  return {
    sampleId,
    version: 1,
    task: '# Mend the median\n\nOf an even list it should be the mean of the middle two.',
    state: 'READY',
    error: '',
    digest: sha256(`digest of ${sampleId}`),
    archiveBlob: sha256(`archive of ${sampleId}`),
    repositoryBlob: undefined,
    baseCommit: '0123456789abcdef0123456789abcdef01234567',
    hasSolution: true,
    layers: { root: [], workspace: ['lay_codebase'], baseline: 'lay_baseline', hidden: 'lay_hidden' },
    ground: { engine: 'local' },
    createTime: NOON,
    validation: undefined,
    audit: undefined,
    disagreement: undefined,
    ...change,
    manifest: aManifest({ sampleId, ...change.manifest }),
  };
}

export function aSession(change: Partial<Session> = {}): Session {
  const sessionId = change.sessionId ?? newId('ses');
  return {
    sessionId,
    requestId: undefined,
    requestDigest: sha256('a request'),
    source: { kind: 'sample', sampleId: 'median-of-even-lists', version: 1 },
    snapshotId: undefined,
    state: 'READY',
    error: '',
    labels: {},
    env: {},
    network: 'none',
    resources: DEFAULT_RESOURCES,
    engine: 'local',
    ground: { engine: 'local' },
    layers: { root: [], workspace: ['lay_codebase'], baseline: 'lay_baseline', hidden: undefined },
    sandboxId: sessionId,
    user: 'agent',
    workdir: '/workspace',
    verifying: { ...NO_RULES },
    ttlMs: 1_800_000,
    idleTimeoutMs: 0,
    createTime: NOON,
    readyTime: undefined,
    expireTime: new Date(NOON.getTime() + 1_800_000),
    endTime: undefined,
    lastActiveTime: NOON,
    ...change,
  };
}

export function aSnapshot(change: Partial<Snapshot> = {}): Snapshot {
  return {
    snapshotId: newId('snp'),
    requestId: undefined,
    requestDigest: sha256('a request'),
    sessionId: 'ses_source',
    source: { kind: 'sample', sampleId: 'median-of-even-lists', version: 1 },
    labels: {},
    env: {},
    network: 'none',
    resources: DEFAULT_RESOURCES,
    engine: 'local',
    ground: { engine: 'local' },
    layers: {
      root: ['snap-1-root'],
      workspace: ['lay_codebase', 'snap-1-workspace'],
      baseline: 'lay_baseline',
      hidden: undefined,
    },
    verifying: { ...NO_RULES },
    sizeBytes: 4096,
    transient: false,
    createTime: NOON,
    ...change,
  };
}

export function anExec(sessionId: string, change: Partial<ExecInfo> = {}): ExecInfo {
  const execId = change.execId ?? newId('exe');
  return {
    execId,
    sessionId,
    command: ['pytest', '-q'],
    spec: {
      execId,
      argv: ['pytest', '-q'],
      shell: undefined,
      env: {},
      cwd: '',
      user: '',
      stdin: false,
      timeoutMs: 0,
      killGraceMs: 5000,
      stopSignal: 'SIGTERM',
      detach: false,
      tty: undefined,
      idleTimeoutMs: 0,
      maxOutputBytes: 0,
      leaseMs: undefined,
      shellName: '',
    },
    state: 'RUNNING',
    exit: undefined,
    terminal: undefined,
    stdoutBytes: 0,
    stderrBytes: 0,
    createTime: NOON,
    startTime: NOON,
    endTime: undefined,
    ...change,
  };
}

export function aVerification(change: Partial<Verification> = {}): Verification {
  return {
    verificationId: newId('ver'),
    requestId: undefined,
    requestDigest: sha256('a request'),
    sampleId: 'median-of-even-lists',
    sampleVersion: 1,
    subject: { kind: 'session', sessionId: 'ses_subject' },
    scope: 'WORKSPACE',
    kept: undefined,
    patchBytes: 0,
    subjectExpireTime: undefined,
    feedback: 'FULL',
    agentFeedback: undefined,
    state: 'PENDING',
    attempt: 1,
    fault: 'NONE',
    retryable: false,
    message: '',
    verdict: undefined,
    exitCode: undefined,
    exitSignal: undefined,
    subjectDigest: '',
    sampleDigest: sha256('a sample'),
    environmentDigest: sha256('an environment'),
    logDigest: '',
    logBytes: 0,
    logBlob: undefined,
    logCutBytes: 0,
    logExpireTime: undefined,
    engine: 'local',
    runtime: 'runc 1.1.5',
    serviceVersion: '0.1.0',
    timeoutMs: 300_000,
    resources: DEFAULT_RESOURCES,
    pressure: undefined,
    createTime: NOON,
    startTime: undefined,
    endTime: undefined,
    ...change,
  };
}

export function aKey(change: Partial<Key> = {}): Key {
  const keyId = change.keyId ?? newId('key');
  return {
    keyId,
    role: 'RUNNER',
    name: 'nightly runs',
    secretHash: sha256(keyId),
    sessionId: undefined,
    createTime: NOON,
    revokeTime: undefined,
    ...change,
  };
}
