import { writeSync } from 'node:fs';
import { Readable } from 'node:stream';
import { CodesetError } from '../../../src/core/errors.js';
import { openBlobStore } from '../../../src/storage/blob-store.js';

// Tries one blob larger than the limit that its parent set on the size of files, then one that fits.

const blobs = await openBlobStore(process.argv[2] ?? '');
async function attempt(bytes: number): Promise<string> {
  try {
    await blobs.put(Readable.from([Buffer.alloc(bytes)]), { maxBytes: 1e9 });
    return 'stored';
  } catch (error) {
    return error instanceof CodesetError ? `${error.kind} ${error.reason}` : `unexpected ${String(error)}`;
  }
}
writeSync(1, JSON.stringify([await attempt(4_000_000), await attempt(1000)]));
