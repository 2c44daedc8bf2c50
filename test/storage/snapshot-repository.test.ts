import { describe, expect, test } from 'vitest';
import type { SnapshotRepository } from '../../src/core/ports/storage.js';
import type { SnapshotFilter } from '../../src/core/snapshot.js';
import { anEnvironment, aSnapshot, NOON } from '../support/entities.js';
import { failure, freshStorage } from './storage-fixture.js';

function at(ms: number): Date {
  return new Date(NOON.getTime() + ms);
}

async function idsOf(snapshots: SnapshotRepository, filter: SnapshotFilter): Promise<readonly string[]> {
  const { items } = await snapshots.list(filter, { size: 100, after: undefined });
  expect(await snapshots.count(filter)).toBe(items.length);
  return items.map((item) => item.snapshotId);
}

describe('snapshots', () => {
  test('come back as they were stored, of a sample or an environment', async () => {
    await using open = await freshStorage();
    const { snapshots } = open.storage;
    const ofSample = aSnapshot({ requestId: 'r1', labels: { run: '7' }, env: { A: 'b' } });
    const ofEnvironment = aSnapshot({
      source: { kind: 'environment', environment: anEnvironment() },
      transient: true,
    });
    await snapshots.insert(ofSample);
    await snapshots.insert(ofEnvironment);
    expect(await snapshots.find(ofSample.snapshotId)).toStrictEqual(ofSample);
    expect(await snapshots.find(ofEnvironment.snapshotId)).toStrictEqual(ofEnvironment);
    expect(await snapshots.findByRequestId('r1')).toStrictEqual(ofSample);
    expect(await snapshots.find('snp_nobody')).toBeUndefined();
    expect(await snapshots.findByRequestId('r2')).toBeUndefined();
  });

  test('with a taken request id are refused, and nothing of them stays', async () => {
    await using open = await freshStorage();
    const { snapshots } = open.storage;
    await snapshots.insert(aSnapshot({ requestId: 'r1' }));
    const second = aSnapshot({ requestId: 'r1', labels: { run: '7' } });
    await expect(snapshots.insert(second)).rejects.toMatchObject({
      ...failure('already-exists', 'REQUEST_ID_REUSED'),
      metadata: { request_id: 'r1' },
    });
    expect(await snapshots.find(second.snapshotId)).toBeUndefined();
    expect(await idsOf(snapshots, { labels: { run: '7' } })).toEqual([]);
  });

  test('are listed newest first by session, sample, version, labels and kind, and every combination', async () => {
    await using open = await freshStorage();
    const { snapshots } = open.storage;
    const source = (version: number) => ({ kind: 'sample', sampleId: 'a', version }) as const;
    await snapshots.insert(
      aSnapshot({ snapshotId: '1', sessionId: 's', source: source(1), createTime: at(1) }),
    );
    await snapshots.insert(
      aSnapshot({ snapshotId: '2', sessionId: 's', labels: { x: '1', y: '2' }, createTime: at(2) }),
    );
    await snapshots.insert(
      aSnapshot({
        snapshotId: '3',
        source: source(2),
        labels: { x: '1' },
        transient: true,
        createTime: at(3),
      }),
    );
    expect(await idsOf(snapshots, {})).toEqual(['3', '2', '1']);
    expect(await idsOf(snapshots, { transient: false })).toEqual(['2', '1']);
    expect(await idsOf(snapshots, { transient: true })).toEqual(['3']);
    expect(await idsOf(snapshots, { sessionId: 's' })).toEqual(['2', '1']);
    expect(await idsOf(snapshots, { sampleId: 'a' })).toEqual(['3', '1']);
    expect(await idsOf(snapshots, { sampleId: 'a', sampleVersion: 2 })).toEqual(['3']);
    expect(await idsOf(snapshots, { labels: { x: '1' } })).toEqual(['3', '2']);
    expect(await idsOf(snapshots, { labels: { x: '1', y: '2' }, sessionId: 's' })).toEqual(['2']);
    expect(await idsOf(snapshots, { labels: { x: '2' } })).toEqual([]);
  });

  test('are paged without gap or repetition while others come', async () => {
    await using open = await freshStorage();
    const { snapshots } = open.storage;
    for (let i = 0; i < 5; i++)
      await snapshots.insert(aSnapshot({ snapshotId: `snp_${i}`, createTime: at(0) }));
    const first = await snapshots.list({}, { size: 3, after: undefined });
    await snapshots.insert(aSnapshot({ createTime: at(1) }));
    const second = await snapshots.list({}, { size: 3, after: first.next });
    expect([...first.items, ...second.items].map((one) => one.snapshotId)).toEqual(
      [4, 3, 2, 1, 0].map((i) => `snp_${i}`),
    );
    expect(second.next).toBeUndefined();
  });

  test('name every layer that one stands on until it is deleted', async () => {
    await using open = await freshStorage();
    const { snapshots } = open.storage;
    const layers = { root: ['r1', 'r2'], workspace: ['w1'], baseline: 'b', hidden: undefined };
    await snapshots.insert(aSnapshot({ snapshotId: '1', labels: { x: '1' }, layers }));
    await snapshots.insert(
      aSnapshot({ snapshotId: '2', layers: { ...layers, root: ['r1'], baseline: undefined } }),
    );
    expect([...(await snapshots.references()).layers].sort()).toEqual(['b', 'r1', 'r2', 'w1']);
    expect(await snapshots.delete('1')).toBe(true);
    expect(await snapshots.delete('1')).toBe(false);
    expect([...(await snapshots.references()).layers].sort()).toEqual(['r1', 'w1']);
    expect(await idsOf(snapshots, { labels: { x: '1' } })).toEqual([]);
  });
});
