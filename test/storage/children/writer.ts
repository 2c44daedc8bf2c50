import { createHash, randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { Readable } from 'node:stream';
import { openBlobStore } from '../../../src/storage/blob-store.js';
import { openStorage } from '../../../src/storage/storage.js';
import { aSession } from '../../support/entities.js';

// Writes blobs and rows as fast as it can until it is killed, and says what is stored for good.

const dataDir = process.argv[2] ?? '';
const blobs = await openBlobStore(`${dataDir}/blobs`);
const storage = await openStorage({ dataDir });

async function writeBlobs(): Promise<never> {
  for (;;) {
    const content = randomBytes(1 + Math.floor(Math.random() * 300_000));
    const pieces = [content.subarray(0, content.length >> 1), content.subarray(content.length >> 1)];
    const { digest } = await blobs.put(Readable.from(pieces), { maxBytes: 1_000_000 });
    if (digest !== createHash('sha256').update(content).digest('hex')) throw new Error('wrong digest');
    writeSync(1, `blob ${digest}\n`);
  }
}

async function writeRows(): Promise<never> {
  for (;;) {
    const session = aSession({ labels: { a: '1', b: '2' } });
    await storage.sessions.insert(session);
    await storage.sessions.update(session.sessionId, { state: 'CLOSED' });
    writeSync(1, `row ${session.sessionId}\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

await Promise.all([writeBlobs(), writeRows()]);
