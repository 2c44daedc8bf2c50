import { appendFile, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Journal, type ExitEntry, type JournalEntry } from '../../../src/exec/journal.js';
import { bounded, LogView, readLog } from '../../../src/exec/output-view.js';
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
  const cut = await bounded(again, 600);
  expect(Buffer.from(cut.head)).toEqual(bytes.subarray(0, 300));
  expect(Buffer.from(cut.tail)).toEqual(bytes.subarray(9700));
  expect(() => again.append(20_000, bytes)).toThrow('hole');
  await again.release();
});

function exit(key: number, text: string): JournalEntry {
  return {
    t: 'exit',
    key,
    exit: {
      reason: 'EXITED',
      code: 0,
      signal: undefined,
      message: '',
      cpuTimeUs: 0,
      peakMemoryBytes: 0,
      shellReset: false,
    },
    started: 1,
    ended: 2,
    totals: [text.length, 0],
    output: [Buffer.from(text).toString('base64'), ''],
  };
}

test('a journal is written anew when half of it is of no use, and keeps all that is', async () => {
  const path = join(folder, 'journal');
  const journal = new Journal(folder, 20_000);
  await journal.load();
  const text = (key: number): string => `${key} `.repeat(300);
  for (let key = 1; key <= 100; key++) {
    journal.append({ t: 'start', key, spec: {} as never, time: key });
    journal.append({ t: 'held', key });
    journal.append(exit(key, text(key)));
    await journal.flush();
    if (key > 10) journal.dropOutput(key - 10);
  }
  await journal.flush();
  const { size } = await stat(path);
  expect(size).toBeLessThan(80_000);
  for (let key = 1; key <= 100; key++) {
    expect((await journal.output(key))?.[0].toString()).toBe(key > 90 ? text(key) : undefined);
  }
  await journal.close();
  // What a kill left of a rewriting is nobody's.
  await writeFile(`${path}.new`, 'half');
  const again = new Journal(folder, 20_000);
  const entries = await again.load();
  expect(entries.filter((entry) => entry.t === 'start').length).toBe(100);
  const exits = entries.filter((entry): entry is ExitEntry => entry.t === 'exit');
  expect(exits.map((entry) => entry.key)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  expect(exits.every((entry) => entry.totals[0] === text(entry.key).length)).toBe(true);
  expect((await again.output(95))?.[0].toString()).toBe(text(95));
  for (let key = 1; key <= 100; key++) again.dropOutput(key);
  again.append({ t: 'held', key: 101 });
  await again.flush();
  await again.close();
  expect(await readFile(path, 'utf8')).toContain('{"t":"held","key":101}');
});

/** What is there at an offset, 50 bytes at most. */
async function piece(log: SegmentLog, offset: number) {
  const into = Buffer.alloc(50);
  const result = await readLog(log, offset, into);
  return result.type === 'data' ? { type: 'data', data: into.subarray(0, result.length) } : result;
}

test('a stream gives up its middle, its tail, then all, and says what is gone', async () => {
  let bytes = 0;
  const retention = { segmentBytes: 1000, tailSegments: 3 };
  const log = new SegmentLog(join(folder, '8'), 'out', retention, (change) => (bytes += change));
  const all = Buffer.from(Array.from({ length: 5500 }, (_, i) => i % 251));
  await log.append([all]);
  const onDisk = async (): Promise<number> => {
    const names = await readdir(join(folder, '8'));
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, '8', name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  };
  expect([bytes, await onDisk(), log.truncated]).toEqual([3500, 3500, true]);
  await log.cut('middle');
  expect([bytes, await onDisk()]).toEqual([1500, 1500]);
  expect(await piece(log, 999)).toEqual({ type: 'data', data: all.subarray(999, 1000) });
  expect(await piece(log, 1000)).toEqual({ type: 'gap', to: 5000 });
  expect(await piece(log, 5000)).toEqual({ type: 'data', data: all.subarray(5000, 5050) });
  // It may still grow.
  await log.append([all.subarray(0, 700)]);
  expect([bytes, await onDisk(), log.end]).toEqual([2200, 2200, 6200]);
  await log.cut('tail');
  expect([bytes, await onDisk(), log.end]).toEqual([1000, 1000, 6200]);
  expect(await piece(log, 1000)).toEqual({ type: 'gap', to: 6200 });
  await log.close();
  const again = new SegmentLog(join(folder, '8'), 'out', retention, (change) => (bytes += change));
  await again.load();
  again.extend(6200);
  expect([bytes, again.end, again.truncated]).toEqual([2000, 6200, true]);
  const view = new LogView(again);
  const cut = await bounded(view, 600);
  expect([cut.head.length, cut.tail.length, cut.tailOffset, cut.totalBytes]).toEqual([300, 0, 6200, 6200]);
  await again.cut('all');
  expect([bytes, await onDisk()]).toEqual([1000, 0]);
  expect((await bounded(view, 600)).head.length).toBe(0);
  expect(await piece(again, 0)).toEqual({ type: 'gap', to: 6200 });
});
