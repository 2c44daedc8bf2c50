import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { junitXml } from '../../../src/eval/junit.js';
import { RunFolder, type RunRecord } from '../../../src/eval/run-folder.js';
import { tempFolder, type TempFolder } from '../../support/temp-folder.js';
import { aResult } from './results.js';

const ASKED = { agent: 'command', of: 'true', attempts: 2 };
const RECORD: RunRecord = {
  ...ASKED,
  runId: 'eval-1',
  samples: [{ sampleId: 'add', version: 3, dataset: 'try', sourceId: '' }],
  startTime: '2026-01-01T00:00:00.000Z',
};

let scratch: TempFolder;
beforeEach(async () => void (scratch = await tempFolder()));
afterEach(() => scratch[Symbol.asyncDispose]());

const open = (asked = ASKED) => RunFolder.open(join(scratch.path, 'run'), asked, async () => RECORD);

test('a run goes on with its samples and results; the last result of an attempt counts', async () => {
  {
    await using folder = await open();
    expect(folder.resumed).toBe(false);
    await folder.add(aResult({ state: 'ERROR' }));
    await folder.add(aResult({ attempt: 2 }));
    await folder.add(aResult({ state: 'FAILED' }));
  }
  await using folder = await RunFolder.open(join(scratch.path, 'run'), ASKED, () => {
    throw new Error('It was asked for a new record.');
  });
  expect([folder.resumed, folder.record]).toEqual([true, RECORD]);
  expect(folder.results.map(({ attempt, state }) => [attempt, state])).toEqual([
    [1, 'FAILED'],
    [2, 'PASSED'],
  ]);
});

test('a line that a kill cut off is taken away, one that is no JSON is told', async () => {
  const results = join(scratch.path, 'run', 'results.jsonl');
  {
    await using folder = await open();
    await folder.add(aResult({ message: 'é' }));
  }
  await appendFile(results, '{"sampleId":"ad');
  {
    await using folder = await open();
    expect(folder.results.length).toBe(1);
    await folder.add(aResult({ attempt: 2 }));
  }
  const lines = (await readFile(results, 'utf8')).trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { attempt: number }).attempt)).toEqual([1, 2]);
  await appendFile(results, 'what\n');
  await expect(open()).rejects.toThrow(/results\.jsonl:3 is not JSON/);
});

test('a folder of another run, or of something else, is refused', async () => {
  await (await open())[Symbol.asyncDispose]();
  await expect(open({ ...ASKED, attempts: 3 })).rejects.toThrow('whose number of attempts is 2, not 3');
  await expect(open({ ...ASKED, of: 'false' })).rejects.toThrow('name another folder with --out');
  await writeFile(join(scratch.path, 'run', 'run.json'), '[]');
  await expect(open()).rejects.toThrow('run.json is not of a run');
  await expect(RunFolder.read(scratch.path)).rejects.toThrow('holds no run');
});

test('JUnit tells failures and errors apart, and survives what messages hold', () => {
  const xml = junitXml([
    aResult(),
    aResult({ attempt: 2, state: 'FAILED', message: '<a> & "b" \u0007' }),
    aResult({ sampleId: 'other', dataset: 'z', state: 'ERROR', message: 'gone' }),
  ]);
  expect(xml).toContain('<testsuite name="try" tests="2" failures="1" errors="0" time="20.000">');
  expect(xml).toContain('<testcase classname="try" name="add#1" time="10.000"/>');
  expect(xml).toContain(`<failure type="FAILED" message="&#60;a&#62; &#38; &#34;b&#34; \ufffd"/>`);
  expect(xml).toContain('<error type="ERROR" message="gone"/>');
});
