import { writeSync } from 'node:fs';
import { KeptBlobs } from '../../../src/core/kept-blobs.js';
import { VerificationKeeping } from '../../../src/core/verification-keeping.js';
import { openBlobStore } from '../../../src/storage/blob-store.js';
import { openStorage } from '../../../src/storage/storage.js';
import { aVerification, NOON } from '../../support/entities.js';

// Keeps verifications, each with a log of its own and a patch that others have, too; then gives all
// of it up as fast as it can, until it is killed.

const dataDir = process.argv[2] ?? '';
const blobs = await openBlobStore(`${dataDir}/blobs`);
const storage = await openStorage({ dataDir });
const kept = storage.keptVerifications;
const keptBlobs = new KeptBlobs({ blobs, kept });
for (let i = 0; i < 24; i++) {
  using log = await keptBlobs.put(Buffer.from(`log ${process.pid} ${i}`), 100);
  using patch = await keptBlobs.put(Buffer.from(`patch ${process.pid} ${i % 9}`), 100);
  await storage.verifications.insert(
    aVerification({
      state: 'PASSED',
      endTime: NOON,
      logBlob: log.digest,
      logBytes: log.bytes,
      kept: { kind: 'patch', blob: patch.digest },
      patchBytes: patch.bytes,
    }),
  );
}
const log = { debug() {}, info() {}, warn() {}, error: console.error };
const now = (): number => NOON.getTime();
const limits = { retentionMs: 0, diskBytes: 0 };
const keeping = new VerificationKeeping({ kept, blobs, keptBlobs, limits, isBusy: () => false, log, now });
writeSync(1, 'full\n');
await keeping.apply();
setInterval(() => undefined, 60_000);
