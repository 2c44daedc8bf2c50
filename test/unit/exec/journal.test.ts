import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Journal } from '../../../src/exec/journal.js';
import { OutputRecord } from '../../../src/exec/output-record.js';
import { SegmentLog } from '../../../src/exec/segment-log.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'codeset-record-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test('a line that a kill cut short is dropped, and what comes next is whole', async () => {
  const first = new Journal(folder);
  await first.load();
  let done = 0;
  first.append({ t: 'held', key: 1 }, () => done++);
  first.append({ t: 'held', key: 2 }, () => done++);
  await first.close();
  expect(done).toBe(2);
  await appendFile(join(folder, 'journal'), '{"t":"held","k');
  const second = new Journal(folder);
  expect(await second.load()).toEqual([
    { t: 'held', key: 1 },
    { t: 'held', key: 2 },
  ]);
  second.append({ t: 'held', key: 3 });
  await second.close();
  expect((await readFile(join(folder, 'journal'), 'utf8')).split('\n').length).toBe(4);
});

test('a damaged line costs itself alone', async () => {
  await writeFile(join(folder, 'journal'), '{"t":"held","key":1}\n\0\0garbage\n{"t":"held","key":2}\n');
  const journal = new Journal(folder);
  expect((await journal.load()).length).toBe(2);
  await journal.close();
});

test('a record keeps head and tail, tells the gap, and is found again by another life', async () => {
  const retention = { segmentBytes: 1000, tailSegments: 2 };
  const log = new SegmentLog(join(folder, '7'), 'out', retention);
  const failures: unknown[] = [];
  const record = new OutputRecord(
    log,
    () => undefined,
    (error) => failures.push(error),
  );
  const bytes = Buffer.from(Array.from({ length: 10_000 }, (_, i) => i % 251));
  for (let at = 0; at < bytes.length; at += 130) {
    record.append(at, bytes.subarray(at, at + 130));
    if (at % 3 === 0) await record.flush();
  }
  record.append(5000, bytes.subarray(5000, 6000)); // sent again by init: dropped
  await record.flush();
  expect(failures).toEqual([]);
  expect(record.recorded).toBe(10_000);
  expect(record.truncated).toBe(true);
  await record.release();
  const found = new SegmentLog(join(folder, '7'), 'out', retention);
  await found.load();
  expect(found.end).toBe(10_000);
  const again = new OutputRecord(
    found,
    () => undefined,
    () => undefined,
  );
  const kept: Buffer[] = [];
  const gaps: [number, number][] = [];
  let at = 0;
  for (;;) {
    const into = Buffer.alloc(333);
    const result = again.readMemory(at, into) ?? (await again.readDisk(at, into));
    if (result.type === 'none') break;
    if (result.type === 'gap') {
      gaps.push([at, result.to]);
      at = result.to;
      continue;
    }
    expect(into.subarray(0, result.length)).toEqual(bytes.subarray(at, at + result.length));
    kept.push(into.subarray(0, result.length));
    at += result.length;
  }
  expect(at).toBe(10_000);
  expect(gaps).toEqual([[1000, 8000]]);
  const bounded = await again.bounded(600);
  expect(Buffer.from(bounded.head)).toEqual(bytes.subarray(0, 300));
  expect(Buffer.from(bounded.tail)).toEqual(bytes.subarray(9700));
  expect(() => again.append(20_000, bytes)).toThrow('hole');
  await again.release();
});
