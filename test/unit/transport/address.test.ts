import { createServer } from 'node:net';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clearStaleSocket, parseListenAddress, targetOf } from '../../../src/transport/address.js';

describe('where the service listens', () => {
  it.each(['127.0.0.1:0', '127.8.8.8:50051', '[::1]:50051', 'localhost:1', 'unix:/tmp/a.sock'])(
    'may be %s',
    (text) => {
      expect(targetOf(parseListenAddress(text))).toBe(text);
    },
  );

  it.each(['0.0.0.0:50051', '[::]:50051', '192.168.1.4:80', 'example.com:443', '127.evil.example:1'])(
    'may not be %s, which others reach, and says why',
    (text) => {
      expect(() => parseListenAddress(text)).toThrow(/without TLS and a key/);
    },
  );

  it.each(['', 'unix:', '50051', '127.0.0.1:99999', '127.0.0.1:', ':80'])(
    'may not be the malformed "%s"',
    (text) => {
      expect(() => parseListenAddress(text)).toThrow(expect.objectContaining({ reason: 'INVALID_FIELD' }));
    },
  );

  it('clears a socket that nobody listens on, and leaves one that is in use', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'codeset-address-'));
    const path = join(folder, 's');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await clearStaleSocket(path);
    expect(await readdir(folder)).toEqual(['s']);
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });
});
