import { createHash, randomBytes } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { chmod, mkdir, open, opendir, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CodesetError, invalidFields } from '../core/errors.js';
import type { BlobInfo, BlobStore } from '../core/ports/blobs.js';
import { diskFull, isDiskFull } from './disk-full.js';
import { syncFolder } from './durable-file.js';

const DIGEST = /^[0-9a-f]{64}$/;
const SHARD = /^[0-9a-f]{2}$/;

/** What the file store can do beyond the port. */
export interface FileBlobs extends BlobStore {
  /** Reads the whole blob; false when its content is not what its name says, or it is not there. */
  verify(digest: string): Promise<boolean>;
}

/**
 * Opens or makes a store in this folder (0700) and removes what a crash left half-written. At most one process
 * may hold it open: the one with the service lock.
 */
export async function openBlobStore(dir: string): Promise<FileBlobs> {
  try {
    await mkdir(join(dir, 'sha256'), { recursive: true, mode: 0o700 });
    await chmod(dir, 0o700);
    await rm(join(dir, 'tmp'), { recursive: true, force: true });
    await mkdir(join(dir, 'tmp'), { mode: 0o700 });
    await syncFolder(dir);
  } catch (error) {
    throw isDiskFull(error) ? diskFull(error) : error;
  }
  return new FileBlobStore(dir);
}

class FileBlobStore implements FileBlobs {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async put(content: Readable, options: { maxBytes: number; expectedDigest?: string }): Promise<BlobInfo> {
    const temporary = join(this.#dir, 'tmp', randomBytes(16).toString('hex'));
    try {
      const { digest, bytes } = await spool(content, temporary, options.maxBytes);
      if (options.expectedDigest !== undefined && options.expectedDigest.toLowerCase() !== digest) {
        throw invalidFields([
          { field: 'sha256', description: `The content's SHA-256 is ${digest}, another than announced.` },
        ]);
      }
      await this.#keep(temporary, digest);
      return { digest, bytes };
    } catch (error) {
      content.destroy();
      await unlink(temporary).catch(() => undefined);
      throw isDiskFull(error) ? diskFull(error) : error;
    }
  }

  /**
   * The content as it is read is checked against its digest: damage ends the stream with an error instead of an
   * end. @throws INTERNAL when there is no such blob.
   */
  async get(digest: string): Promise<Readable> {
    let file: FileHandle;
    try {
      file = await open(this.#path(digest), 'r');
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new CodesetError('internal', 'INTERNAL', 'Stored content is missing from the data folder.', {
        metadata: { sha256: digest },
        cause: error,
      });
    }
    const raw = file.createReadStream({ highWaterMark: 256 * 1024 });
    const checked = new DigestCheck(digest);
    // The reader gets errors from `checked`; this promise only ties the two ends' lives together.
    pipeline(raw, checked).catch(() => undefined);
    return checked;
  }

  async has(digest: string): Promise<BlobInfo | undefined> {
    if (!DIGEST.test(digest)) return undefined;
    try {
      const found = await stat(this.#path(digest));
      return found.isFile() ? { digest, bytes: found.size } : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async delete(digest: string): Promise<void> {
    if (!DIGEST.test(digest)) return;
    await rm(this.#path(digest), { force: true });
  }

  async *list(): AsyncIterable<BlobInfo & { readonly createTime: Date }> {
    const root = join(this.#dir, 'sha256');
    for (const shard of (await readdir(root)).filter((name) => SHARD.test(name)).sort()) {
      for await (const entry of await opendir(join(root, shard))) {
        if (!entry.isFile() || !DIGEST.test(entry.name) || !entry.name.startsWith(shard)) continue;
        const found = await stat(join(root, shard, entry.name)).catch((error: unknown) => {
          // Deleted while this list was read.
          if (isMissing(error)) return undefined;
          throw error;
        });
        if (found) yield { digest: entry.name, bytes: found.size, createTime: found.mtime };
      }
    }
  }

  async verify(digest: string): Promise<boolean> {
    if ((await this.has(digest)) === undefined) return false;
    const hash = createHash('sha256');
    const file = await open(this.#path(digest), 'r');
    for await (const chunk of file.createReadStream()) hash.update(chunk as Buffer);
    return hash.digest('hex') === digest;
  }

  /** Over one of the same name, too: that renews its age, and mends one that was damaged. */
  async #keep(temporary: string, digest: string): Promise<void> {
    const root = join(this.#dir, 'sha256');
    const shard = join(root, digest.slice(0, 2));
    const made = await mkdir(shard, { recursive: true, mode: 0o700 });
    if (made !== undefined) await syncFolder(root);
    await rename(temporary, this.#path(digest));
    await syncFolder(shard);
  }

  #path(digest: string): string {
    if (!DIGEST.test(digest)) throw new Error('A digest is 64 hexadecimal digits.');
    return join(this.#dir, 'sha256', digest.slice(0, 2), digest);
  }
}

async function spool(content: Readable, path: string, maxBytes: number): Promise<BlobInfo> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const piece of content as AsyncIterable<Uint8Array | string>) {
      const data = typeof piece === 'string' ? Buffer.from(piece) : piece;
      bytes += data.byteLength;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(data);
      await writeAll(file, data);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { digest: hash.digest('hex'), bytes };
}

async function writeAll(file: FileHandle, data: Uint8Array): Promise<void> {
  for (let done = 0; done < data.byteLength;) {
    done += (await file.write(data, done, data.byteLength - done)).bytesWritten;
  }
}

/** Hands bytes on and fails at the end unless they were the ones that the digest names. */
class DigestCheck extends Transform {
  readonly #digest: string;
  readonly #hash: Hash = createHash('sha256');

  constructor(digest: string) {
    super({ highWaterMark: 256 * 1024 });
    this.#digest = digest;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#hash.update(chunk);
    callback(null, chunk);
  }

  override _flush(callback: TransformCallback): void {
    if (this.#hash.digest('hex') === this.#digest) return callback();
    callback(
      new CodesetError('internal', 'INTERNAL', 'Stored content in the data folder is damaged.', {
        metadata: { sha256: this.#digest },
      }),
    );
  }
}

function tooLarge(maxBytes: number): CodesetError {
  return new CodesetError(
    'resource-exhausted',
    'TOO_LARGE',
    `The content is larger than ${maxBytes} bytes.`,
    {
      metadata: { max_bytes: String(maxBytes) },
    },
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
