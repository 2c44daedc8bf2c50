import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AlreadyExistsError,
  InvalidArgumentError,
  NotFoundError,
  type Session,
} from '../../src/client/index.js';
import { startClient, thrown, type ClientUnderTest } from './client-under-test.js';

let under: ClientUnderTest;
let session: Session;

beforeAll(async () => {
  under = await startClient();
  ({ session } = under);
});

afterAll(async () => {
  await under?.[Symbol.asyncDispose]();
});

describe('files', () => {
  test('are written, read, shown, listed, moved, edited and removed', async () => {
    await session.writeFile('files/deep/a.txt', 'one two two\n', { makeParents: true, mode: 0o600 });
    expect(await session.readFile('files/deep/a.txt', 'utf8')).toBe('one two two\n');
    expect(await session.stat('files/deep/a.txt')).toMatchObject({ type: 'file', size: 12, mode: 0o600 });
    expect(await thrown(session.replaceInFile('files/deep/a.txt', 'two', '2'))).toMatchObject({
      reason: 'TEXT_NOT_UNIQUE',
    });
    expect(await session.replaceInFile('files/deep/a.txt', 'two', '2', { replaceAll: true })).toBe(2);
    await session.move('files/deep/a.txt', 'files/b.txt');
    const listed = [];
    for await (const { path, type } of session.list('files')) listed.push([path, type]);
    expect(listed).toEqual([
      ['files/b.txt', 'file'],
      ['files/deep', 'directory'],
    ]);
    expect(await thrown(session.move('files/b.txt', 'files/deep'))).toBeInstanceOf(AlreadyExistsError);
    expect(await thrown(session.remove('files'))).toMatchObject({ reason: 'DIRECTORY_NOT_EMPTY' });
    await session.remove('files', { recursive: true });
    expect(await thrown(session.readFile('files/b.txt'))).toBeInstanceOf(NotFoundError);
  });

  test('of several pieces come whole, and parts of them as asked', async () => {
    await session.run('head -c 5000000 /dev/urandom > big');
    const whole = await session.readFile('big');
    const { stdout } = await session.run('sha256sum < big');
    const { createHash } = await import('node:crypto');
    expect(stdout).toContain(createHash('sha256').update(whole).digest('hex'));
    const part = await session.readFile('big', { offset: 1_000_000, limit: 3_000_000 });
    expect(part.equals(whole.subarray(1_000_000, 4_000_000))).toBe(true);
  });

  test('an archive goes out and in again', async () => {
    await session.run('mkdir -p tree/sub && echo x > tree/sub/x && mkdir -p copy');
    await session.uploadArchive('copy', session.downloadArchive('tree'));
    expect((await session.run('cat copy/tree/sub/x')).stdout).toBe('x\n');
    expect(await thrown(session.uploadArchive('copy', Readable.from([Buffer.alloc(10)])))).toBeInstanceOf(
      InvalidArgumentError,
    );
    // Also when its end was told long before all of it came.
    expect(
      await thrown(session.uploadArchive('copy', Readable.from([Buffer.alloc(5_000_000, 'x')]))),
    ).toBeInstanceOf(InvalidArgumentError);
    expect(
      await thrown(async () => {
        for await (const _ of session.downloadArchive('none'));
      }),
    ).toBeInstanceOf(NotFoundError);
  });
});
