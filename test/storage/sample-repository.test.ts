import { describe, expect, test } from 'vitest';
import type { SampleFilter, SampleRepository } from '../../src/core/ports/storage.js';
import { aSample } from '../support/entities.js';
import { failure, freshStorage } from './storage-fixture.js';

async function idsOf(samples: SampleRepository, filter: SampleFilter): Promise<readonly string[]> {
  const { items } = await samples.list(filter, { size: 100, after: undefined });
  expect(await samples.count(filter)).toBe(items.length);
  return items.map((item) => `${item.sampleId}@${item.version}`);
}

describe('samples', () => {
  test('come back as they were stored, by version or the latest', async () => {
    await using open = await freshStorage();
    const { samples } = open.storage;
    const one = aSample({ repositoryBlob: 'ab'.repeat(32) });
    const two = aSample({ version: 2, hasSolution: false, manifest: { dataset: 'other' } });
    await samples.insert(one);
    await samples.insert(two);
    expect(await samples.find(one.sampleId)).toStrictEqual(two);
    expect(await samples.find(one.sampleId, 1)).toStrictEqual(one);
    expect(await samples.find(one.sampleId, 3)).toBeUndefined();
    expect(await samples.find('nobody')).toBeUndefined();
    expect(await samples.versions(one.sampleId)).toStrictEqual([one, two]);
  });

  test('of one id and version are refused the second time, and the first stays', async () => {
    await using open = await freshStorage();
    const { samples } = open.storage;
    const first = aSample();
    await samples.insert(first);
    await expect(samples.insert(aSample({ task: 'another' }))).rejects.toMatchObject(
      failure('already-exists', 'SAMPLE_EXISTS'),
    );
    expect(await samples.find(first.sampleId)).toStrictEqual(first);
  });

  test('with one tag twice are stored, tags as they were', async () => {
    await using open = await freshStorage();
    const sample = aSample({ manifest: { tags: ['a', 'a'] } });
    await open.storage.samples.insert(sample);
    expect(await open.storage.samples.find(sample.sampleId)).toStrictEqual(sample);
  });

  test('change state, error and layers, and unknown ones say so', async () => {
    await using open = await freshStorage();
    const { samples } = open.storage;
    const sample = aSample({ state: 'PREPARING' });
    await samples.insert(sample);
    const layers = { root: ['lay_1'], workspace: ['lay_2', 'lay_3'], baseline: undefined, hidden: 'lay_4' };
    await samples.update(sample.sampleId, 1, { state: 'READY', layers, baseCommit: 'c0ffee' });
    const expected = { ...sample, state: 'READY', layers, baseCommit: 'c0ffee' };
    expect(await samples.find(sample.sampleId)).toStrictEqual(expected);
    await samples.update(sample.sampleId, 1, {});
    expect(await samples.find(sample.sampleId)).toStrictEqual(expected);
    await expect(samples.update(sample.sampleId, 2, { state: 'READY' })).rejects.toMatchObject(
      failure('not-found', 'SAMPLE_VERSION_NOT_FOUND'),
    );
    expect(await samples.inState('READY')).toHaveLength(1);
    expect(await samples.inState('PREPARING')).toEqual([]);
  });

  test('are listed by their latest version alone, filters included', async () => {
    await using open = await freshStorage();
    const { samples } = open.storage;
    await samples.insert(aSample({ sampleId: 'b', manifest: { tags: ['old'], dataset: 'one' } }));
    await samples.insert(aSample({ sampleId: 'b', version: 2, manifest: { tags: ['new'], dataset: 'two' } }));
    await samples.insert(aSample({ sampleId: 'a', manifest: { tags: ['new', 'hard'], language: 'go' } }));
    expect(await idsOf(samples, {})).toEqual(['a@1', 'b@2']);
    expect(await idsOf(samples, { tags: ['old'] })).toEqual([]);
    expect(await idsOf(samples, { tags: ['new'] })).toEqual(['a@1', 'b@2']);
    expect(await idsOf(samples, { tags: ['new', 'hard'] })).toEqual(['a@1']);
    expect(await idsOf(samples, { dataset: 'one' })).toEqual([]);
    expect(await idsOf(samples, { dataset: 'two' })).toEqual(['b@2']);
    expect(await idsOf(samples, { language: 'go' })).toEqual(['a@1']);
    expect(await idsOf(samples, { language: 'go', dataset: 'two' })).toEqual([]);
    expect(await idsOf(samples, { tags: [] })).toEqual(['a@1', 'b@2']);
    expect(await samples.datasets()).toEqual([
      { name: 'examples', sampleCount: 1 },
      { name: 'two', sampleCount: 1 },
    ]);
  });

  test('are searched without regard to case, also beyond ASCII, in id, description and task', async () => {
    await using open = await freshStorage();
    const { samples } = open.storage;
    await samples.insert(aSample({ sampleId: 'one', task: 'Mend the GRÖSSE of things' }));
    await samples.insert(
      aSample({ sampleId: 'two', task: '', manifest: { description: 'An Encoding bug' } }),
    );
    expect(await idsOf(samples, { search: 'grösse' })).toEqual(['one@1']);
    expect(await idsOf(samples, { search: 'ENCODING' })).toEqual(['two@1']);
    expect(await idsOf(samples, { search: 'TW' })).toEqual(['two@1']);
    expect(await idsOf(samples, { search: '' })).toEqual(['one@1', 'two@1']);
  });

  test('are searched for %, _ and \\ as they stand', async () => {
    await using open = await freshStorage();
    const { samples } = open.storage;
    await samples.insert(aSample({ sampleId: 'percent', task: '100% done' }));
    await samples.insert(aSample({ sampleId: 'under', task: 'snake_case' }));
    await samples.insert(aSample({ sampleId: 'back', task: 'C:\\temp' }));
    await samples.insert(aSample({ sampleId: 'plain', task: '100 done, snakeXcase, C:/temp' }));
    expect(await idsOf(samples, { search: '100%' })).toEqual(['percent@1']);
    expect(await idsOf(samples, { search: 'e_c' })).toEqual(['under@1']);
    expect(await idsOf(samples, { search: ':\\t' })).toEqual(['back@1']);
    expect(await idsOf(samples, { search: "'; drop table sample_versions; --" })).toEqual([]);
    await expect(idsOf(samples, { search: 'x'.repeat(1001) })).rejects.toMatchObject(
      failure('invalid-argument', 'INVALID_FIELD'),
    );
  });

  test('are paged completely and without repeats while others are registered', async () => {
    await using open = await freshStorage();
    const { samples } = open.storage;
    for (const id of ['c', 'e', 'g', 'i', 'k']) await samples.insert(aSample({ sampleId: id }));
    const first = await samples.list({}, { size: 2, after: undefined });
    await samples.insert(aSample({ sampleId: 'a' }));
    await samples.insert(aSample({ sampleId: 'h' }));
    await samples.insert(aSample({ sampleId: 'e', version: 2 }));
    const second = await samples.list({}, { size: 2, after: first.next });
    await samples.delete('e');
    const third = await samples.list({}, { size: 2, after: second.next });
    const seen = [first, second, third].map((page) => page.items.map((item) => item.sampleId));
    expect(seen).toEqual([
      ['c', 'e'],
      ['g', 'h'],
      ['i', 'k'],
    ]);
    expect(third.next).toBeUndefined();
  });

  test('are found again by the request that made them, until they are deleted', async () => {
    await using open = await freshStorage();
    const { samples } = open.storage;
    const sample = aSample();
    await samples.insert(sample);
    await samples.rememberRequest('r1', 'digest', sample.sampleId, 1);
    await samples.rememberRequest('r1', 'digest', sample.sampleId, 1);
    await expect(samples.rememberRequest('r1', 'other', sample.sampleId, 1)).rejects.toMatchObject(
      failure('already-exists', 'REQUEST_ID_REUSED'),
    );
    expect(await samples.findByRequestId('r1')).toStrictEqual({ sample, requestDigest: 'digest' });
    expect(await samples.findByRequestId('r2')).toBeUndefined();
    await samples.delete(sample.sampleId, 1);
    expect(await samples.findByRequestId('r1')).toBeUndefined();
  });

  test('are deleted one version or all, tags too, and again without harm', async () => {
    await using open = await freshStorage();
    const { samples } = open.storage;
    for (const version of [1, 2, 3]) await samples.insert(aSample({ version }));
    await samples.delete('median-of-even-lists', 3);
    expect((await samples.find('median-of-even-lists'))?.version).toBe(2);
    await samples.delete('median-of-even-lists');
    await samples.delete('median-of-even-lists');
    expect(await samples.versions('median-of-even-lists')).toEqual([]);
    expect(await idsOf(samples, { tags: ['bugfix'] })).toEqual([]);
  });

  test('name every blob and layer of every version', async () => {
    await using open = await freshStorage();
    const { samples } = open.storage;
    await samples.insert(aSample({ archiveBlob: 'a1', repositoryBlob: 'r1' }));
    await samples.insert(
      aSample({
        version: 2,
        archiveBlob: 'a2',
        layers: { root: ['l1', 'l2'], workspace: ['l3'], baseline: undefined, hidden: undefined },
      }),
    );
    const { blobs, layers } = await samples.references();
    expect([...blobs].sort()).toEqual(['a1', 'a2', 'r1']);
    expect([...layers].sort()).toEqual(['l1', 'l2', 'l3', 'lay_baseline', 'lay_codebase', 'lay_hidden']);
  });
});
