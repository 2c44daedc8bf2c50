import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readEntryFile, type EntryFile } from '../../../../src/samples/import/entry-file.js';
import { parseEntry } from '../../../../src/samples/import/swe-bench-entry.js';
import { tempFolder, type TempFolder } from '../../../support/temp-folder.js';

let folder: TempFolder;

beforeAll(async () => {
  folder = await tempFolder();
});
afterAll(() => folder?.[Symbol.asyncDispose]());

async function read(text: string): Promise<EntryFile> {
  const file = path.join(folder.path, 'file');
  await writeFile(file, text);
  return readEntryFile(file);
}

// Written by pyarrow 26, as data sets of hubs are: list columns, two row groups, dictionary pages.
describe.each(['snappy', 'zstd'])('a Parquet file compressed by %s', (codec) => {
  test('gives a row each, with its lists and whole numbers', async () => {
    const file = path.join(import.meta.dirname, 'parquet', `${codec}.parquet`);
    const { place, entries } = await readEntryFile(file);
    expect(place).toBe('row');
    expect(entries).toHaveLength(3);
    expect(JSON.parse(entries[2] ?? '')).toMatchObject({ docker_image: 'img/three', stars: 1234567890123 });
    const instance = parseEntry(entries[1] ?? '');
    expect(instance).toMatchObject({
      instanceId: 'Owner__calc-2',
      baseCommit: '2'.repeat(40),
      problemStatement: 'Statement 2 – with words.\n',
      failToPass: ['tests/test_calc.py::test_2[a b]'],
      unmapped: ['created_at', 'version', 'docker_image', 'stars'],
    });
    expect(instance.passToPass).toHaveLength(20);
  });
});

describe('a text', () => {
  test('of JSON lines keeps their places, bad ones and blank ones too', async () => {
    expect(await read('{"a":1}\n\n{oops\r\n{"b":2}\n')).toEqual({
      place: 'line',
      entries: ['{"a":1}', '', '{oops', '{"b":2}', ''],
    });
    expect(await read('\ufeff{"a":1}\n')).toEqual({ place: 'line', entries: ['{"a":1}'] });
  });

  test('that is a list, an answer with samples, or one object over several lines is told as entries', async () => {
    const two = { place: 'entry', entries: ['{"a":1}', '{"b":[2]}'] };
    expect(await read('[{"a":1}, {"b":[2]}]')).toEqual(two);
    expect(await read('{"samples": [{"a":1}, {"b":[2]}], "page": 1}')).toEqual(two);
    expect(await read('{\n  "a": 1\n}\n')).toEqual({ place: 'entry', entries: ['{"a":1}'] });
    expect(await read('')).toEqual({ place: 'line', entries: [''] });
  });
});

test('a file that is larger than a text can be is read as lines', async () => {
  const file = path.join(folder.path, 'large');
  await writeFile(file, `\ufeff{"a":"\u2028é"}\r\n\n{"b":"${'x'.repeat(200_000)}"}`);
  expect(await readEntryFile(file, 1000)).toEqual(await readEntryFile(file));
});

test('what is missing, and what only begins like Parquet, is told by its name', async () => {
  await expect(readEntryFile('/nowhere/x.json')).rejects.toThrow('There is no file /nowhere/x.json');
  await expect(read('PAR1 and no more')).rejects.toThrow(/is no Parquet file that can be read/);
});

describe('an entry of', () => {
  const commit = 'a'.repeat(40);

  test('Multi-SWE-bench is read from its own fields', () => {
    const entry = {
      org: 'cli',
      repo: 'cli',
      number: 7,
      base: { label: 'cli:trunk', ref: 'trunk', sha: commit },
      title: 'not this',
      resolved_issues: [{ number: 3, title: 'It fails', body: 'Badly.' }],
      fix_patch: 'fix',
      test_patch: 'tests',
      language: 'Go',
      f2p_tests: { TestA: { run: 'NONE' } },
      n2p_tests: { TestB: {} },
      s2p_tests: {},
      p2p_tests: { TestC: {}, TestA: {} },
      fix_patch_result: { passed_count: 1 },
    };
    expect(parseEntry(JSON.stringify(entry))).toMatchObject({
      instanceId: 'cli__cli-7',
      repo: 'cli/cli',
      baseCommit: commit,
      patch: 'fix',
      problemStatement: 'It fails\n\nBadly.',
      language: 'go',
      failToPass: ['TestA', 'TestB'],
      passToPass: ['TestC'],
      unmapped: ['fix_patch_result'],
    });
  });

  test('SWE-smith, whose patch breaks the code, is refused by name', () => {
    const entry = { instance_id: 'x', repo: 'swesmith/x', image_name: 'i', patch: 'p', FAIL_TO_PASS: ['t'] };
    expect(() => parseEntry(JSON.stringify(entry))).toThrow(/SWE-smith/);
  });
});
