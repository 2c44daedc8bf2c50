import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { canaryFile, canaryTests, newNonce } from '../../../src/core/canary.js';
import { CodesetError } from '../../../src/core/errors.js';
import type { VerificationSpec } from '../../../src/core/sample.js';
import { CANARY_RUNNERS } from '../../../src/samples/canary.js';
import { parseManifest } from '../../../src/samples/manifest.js';
import { tempFolder } from '../../support/temp-folder.js';

function verification(fields: string): VerificationSpec {
  return parseManifest(`sample_id: a
dataset: d
environment: {host: {requires: []}}
verification: {fail_to_pass: [t], ${fields}}
`).verification;
}

function refusal(fields: string): string {
  try {
    verification(fields);
  } catch (error) {
    if (error instanceof CodesetError)
      return error.violations.map(({ description }) => description).join('; ');
    throw error;
  }
  return '';
}

test.each(CANARY_RUNNERS)('a canary for %s has the nonce in its path and in each of its tests', (runner) => {
  const spec = verification(
    `canary: {runner: ${runner}, folder: a/tests/${runner === 'go' ? ', package: sum' : ''}}`,
  );
  const nonce = newNonce();
  const file = canaryFile(spec, nonce);
  expect(file?.path).toMatch(new RegExp(`^a/tests/[a-z_]+${nonce}[a-z._]+$`));
  expect(file?.content).not.toContain('{{');
  const names = spec.canary === undefined ? [] : canaryTests(spec.canary, nonce);
  expect(names.length).toBeGreaterThan(1);
  for (const name of names) expect(file?.content).toContain(name);
});

test('the canary for node:test fails there, in each of its tests', async () => {
  await using folder = await tempFolder();
  const nonce = newNonce();
  const spec = verification('canary: {runner: node}');
  const { path = '', content = '' } = canaryFile(spec, nonce) ?? {};
  const file = join(folder.path, path);
  await writeFile(file, content);
  const ended = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', file], {
    env: { PATH: process.env['PATH'] },
  }).catch((error: unknown) => error as { code: number; stdout: string });
  expect(ended).toMatchObject({ code: 1 });
  for (const name of ['assert', 'throw'])
    expect(ended.stdout).toMatch(new RegExp(`not ok \\d - ${nonce} ${name}`));
});

test('what a canary lacks is told', () => {
  expect(refusal('canary: {runner: go}')).toContain('is missing; expected the Go package');
  expect(refusal('canary: {runner: node, package: a}')).toContain('is of runner: go alone');
  expect(refusal('canary: {runner: perl}')).toContain('expected pytest or node or');
  expect(refusal('canary: {path: a.py, content: "def test(): assert 0"}')).toContain(
    'with {{nonce}} in their names',
  );
  expect(refusal('canary: {path: ../a.py, content: "{{nonce}}"}')).toContain('without ".."');
  expect(refusal('canary: {path: a.py}')).toContain('is missing');
  expect(refusal('canary: {path: a.py, content: "{{nonce}}", tests: [b]}')).toContain(
    '{{nonce}} in each name',
  );
  expect(refusal('canary: {runner: node}, grading: exit_code')).toContain(
    'a canary is looked for in reports',
  );
  expect(refusal('canary: {runner: node}, grading: reward_file')).toContain(
    'a canary is looked for in reports',
  );
});
