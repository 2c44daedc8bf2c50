import { expect, test } from 'vitest';
import type { ExecSpec } from '../../../src/core/exec.js';
import { canonical } from '../../../src/exec/spec-checks.js';

const spec: ExecSpec = {
  execId: 'e',
  argv: undefined,
  shell: 'echo',
  env: { B: '2', A: '1' },
  cwd: '/',
  user: 'agent',
  stdin: false,
  timeoutMs: 0,
  killGraceMs: 2000,
  stopSignal: 'SIGTERM',
  detach: false,
  tty: undefined,
  idleTimeoutMs: 0,
  maxOutputBytes: 0,
  leaseMs: 10_000,
  shellName: '',
};

test('a spec that was kept as JSON is the same as before', () => {
  expect(canonical(JSON.parse(JSON.stringify(spec)) as ExecSpec)).toBe(canonical(spec));
});

test('the order of the environment does not matter, its content does', () => {
  expect(canonical({ ...spec, env: { A: '1', B: '2' } })).toBe(canonical(spec));
  expect(canonical({ ...spec, env: { A: '1', B: '3' } })).not.toBe(canonical(spec));
});
