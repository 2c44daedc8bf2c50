import { expect, test } from 'vitest';
import { patchesFor, predictionFor, readPredictions } from '../../../src/eval/predictions.js';

const SAMPLE = { sampleId: 'psf__requests-1', version: 1, dataset: 'd', sourceId: 'PSF__requests-1' };
const read = (text: string) => readPredictions(text, 'preds');

test('JSON lines, an array and an object by instance are the same', () => {
  const entries = [{ instance_id: 'PSF__requests-1', model_name_or_path: 'm', model_patch: 'diff\n' }];
  for (const text of [
    entries.map((entry) => `${JSON.stringify(entry)}\n\n`).join(''),
    JSON.stringify(entries),
    JSON.stringify({ 'PSF__requests-1': { model_patch: 'diff\n' } }),
    JSON.stringify({ 'PSF__requests-1': 'diff\n' }),
    JSON.stringify(entries[0]),
  ]) {
    const found = read(text);
    expect(found.bad).toEqual([]);
    expect(patchesFor(found.patches, SAMPLE)).toEqual(['diff\n']);
  }
});

test('several of one instance are its attempts; none and null are the untouched codebase', () => {
  const found = read(
    ['"a"', 'null', '""']
      .map((patch) => `{"instance_id": "psf__requests-1", "model_patch": ${patch}}`)
      .join('\n'),
  );
  expect([1, 2, 3, 4].map((number) => predictionFor(found, { sample: SAMPLE, number }))).toEqual([
    'a\n',
    '',
    '',
    undefined,
  ]);
});

test('what can’t be taken is told with its place, and does not stop the rest', () => {
  const found = read(
    '{"instance_id": "x", "model_patch": 3}\nnot json\n{"model_patch": ""}\n{"instance_id": "y"}\n',
  );
  expect(found.bad).toEqual([
    'preds:2: is not JSON',
    'preds:1: model_patch of x is no text',
    'preds:3: has no instance_id',
  ]);
  expect([...found.patches.keys()]).toEqual(['y']);
  expect(() => read('\n')).toThrow('preds has no predictions.');
});
