import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { run } from '../../../../src/engines/local/command.js';

const MIB = Buffer.alloc(1024 * 1024);

async function* pieces(count: number, end?: () => void): AsyncGenerator<Buffer> {
  for (let i = 0; i < count; i++) yield MIB;
  end?.();
}

test('a program gets all of its input', async () => {
  const { code, stdout } = await run('wc', ['-c'], { stdin: Readable.from(pieces(20)) });
  expect([code, stdout.trim()]).toEqual([0, String(20 * 1024 * 1024)]);
});

test('a program that is content before the end of its input has succeeded, and the input was read whole', async () => {
  let read = false;
  const source = Readable.from(pieces(20, () => (read = true)));
  const { code, stdout } = await run('head', ['-c', '3'], { stdin: source });
  expect([code, stdout.length, read]).toEqual([0, 3, true]);
});

test('a program that fails before the end of its input is told by its exit', async () => {
  const source = Readable.from(pieces(1_000_000));
  const { code } = await run('sh', ['-c', 'exit 7'], { stdin: source });
  expect([code, source.destroyed]).toEqual([7, true]);
});

test('a source that fails, or breaks off without a word, is the failure, whatever the program made of it', async () => {
  const failing = Readable.from(
    pieces(3, () => {
      throw new Error('the digest differs');
    }),
  );
  await expect(run('cat', [], { stdin: failing })).rejects.toThrow('the digest differs');
  const late = Readable.from(
    pieces(20, () => {
      throw new Error('the digest differs');
    }),
  );
  await expect(run('head', ['-c', '3'], { stdin: late })).rejects.toThrow('the digest differs');
  const broken = new Readable({ read: () => undefined });
  broken.push(MIB);
  setImmediate(() => broken.destroy());
  await expect(run('cat', [], { stdin: broken })).rejects.toMatchObject({
    code: 'ERR_STREAM_PREMATURE_CLOSE',
  });
});

test('a program that cannot be started is no exception', async () => {
  const { code, stderr } = await run('/does/not/exist', [], { stdin: Readable.from(pieces(2)) });
  expect([code, stderr]).toEqual([undefined, expect.stringContaining('ENOENT')]);
});
