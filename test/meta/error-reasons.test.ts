import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

test("the contract's error reasons are those that core throws", () => {
  const core = readFileSync(join(root, 'src/core/errors.ts'), 'utf8');
  const union = core.slice(core.indexOf('export type ErrorReason ='), core.indexOf('export type ErrorKind'));
  const thrown = [...union.matchAll(/\| '([A-Z_]+)'/g)].map((match) => match[1] ?? '');
  const proto = readFileSync(join(root, 'proto/codeset/v1/error_reason.proto'), 'utf8');
  const served = [...proto.matchAll(/^\s*ERROR_REASON_([A-Z_]+) = [1-9]\d*;/gm)].map(
    (match) => match[1] ?? '',
  );
  expect(thrown.length).toBeGreaterThan(20);
  expect(served.toSorted()).toEqual(thrown.toSorted());
});
