import { expect, test } from 'vitest';
import { VerificationLog } from '../../../src/core/verification-log.js';

/** All that a reader gets of the log: where its pieces begin, and their text. */
async function followed(log: VerificationLog, offset: number): Promise<readonly [number, string][]> {
  const pieces: [number, string][] = [];
  for await (const item of log.read(offset, new AbortController().signal)) {
    if (item.type === 'log') pieces.push([item.offset, Buffer.from(item.data).toString()]);
  }
  return pieces;
}

const textOf = (pieces: readonly [number, string][]): string => pieces.map(([, text]) => text).join('');

test.each([0, 7, 30_000, 1_000_000])(
  'a reader that comes after very many lines gets all of them from offset %i on',
  async (offset) => {
    const log = new VerificationLog(1);
    const lines = Array.from({ length: 12_000 }, (_, i) => `${i}\n`);
    for (const line of lines) log.add(Buffer.from(line));
    log.end();
    const pieces = await followed(log, offset);
    expect(textOf(pieces)).toBe(lines.join('').slice(offset));
    let at = offset;
    for (const [start, text] of pieces) {
      expect(start).toBe(at);
      at += text.length;
    }
  },
);

test('a slow reader misses no line that is kept, and one of another attempt begins anew', async () => {
  const log = new VerificationLog(1);
  const reader = log.read(0, new AbortController().signal)[Symbol.asyncIterator]();
  log.add(Buffer.from('first\n'));
  expect((await reader.next()).value).toMatchObject({ offset: 0 });
  const lines = Array.from({ length: 6000 }, (_, i) => `${i}\n`);
  for (const line of lines) log.add(Buffer.from(line));
  let text = '';
  while (text.length < lines.join('').length) {
    const { value } = await reader.next();
    if (value?.type === 'log') text += Buffer.from(value.data).toString();
  }
  expect(text).toBe(lines.join(''));
  log.restart(2);
  log.add(Buffer.from('again\n'));
  log.end();
  expect((await reader.next()).value).toEqual({ type: 'state' });
  expect((await reader.next()).value).toMatchObject({ attempt: 2, offset: 0 });
  expect((await reader.next()).done).toBe(true);
});

test('what prints without end is held bounded, for readers too', async () => {
  const log = new VerificationLog(1);
  const piece = Buffer.alloc(64 * 1024, 'y');
  for (let count = 0; count < 1024; count++) log.add(piece);
  log.end();
  let bytes = 0;
  let end = 0;
  for await (const item of log.read(0, new AbortController().signal)) {
    if (item.type !== 'log') continue;
    bytes += item.data.length;
    end = item.offset + item.data.length;
  }
  expect(bytes).toBeLessThanOrEqual(9 * 1024 * 1024);
  expect(end).toBe(64 * 1024 * 1024);
  const kept = log.kept();
  expect(kept.content.length).toBe(1024 * 1024);
  expect(kept.cutBytes).toBe(63 * 1024 * 1024);
});
