import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, rm, symlink, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Header, type Pack } from 'tar-stream';
import { CodesetError } from '../core/errors.js';
import {
  checkParents,
  checkSymlink,
  invalidArchive,
  safePath,
  shown,
  type ArchiveEntry,
} from './archive-entry.js';

export interface ArchiveLimits {
  /** Bytes of the tar, and of what is in it. */
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** Bytes of one entry's headers: long names and extended attributes are read into memory. */
  readonly maxHeaderBytes: number;
}

export const DEFAULT_ARCHIVE_LIMITS: ArchiveLimits = Object.freeze({
  maxBytes: 8 * 1024 ** 3,
  maxEntries: 500_000,
  maxHeaderBytes: 2 * 1024 ** 2,
});

/** How the entries of a tar made from an archive look. */
export interface TarShape {
  /** Only what lies below this folder, with paths relative to it; '' for everything. */
  readonly under: string;
  /** Mode of folders and executables, and of other files. */
  readonly modes: readonly [executable: number, plain: number];
}

/**
 * An uploaded tar, checked and kept in one file of a folder of its own: nothing of it is ever unpacked under
 * a name that it chose itself, unless `unpack` is asked to. Its owner disposes it.
 */
export class SampleArchive implements AsyncDisposable {
  readonly #folder: string;
  /** Sorted by path. */
  readonly #entries: ReadonlyMap<string, ArchiveEntry>;

  private constructor(folder: string, entries: Iterable<ArchiveEntry>) {
    this.#folder = folder;
    const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
    this.#entries = new Map(sorted.map((entry) => [entry.path, entry]));
  }

  /**
   * Reads a tar to its end.
   *
   * @param scratch a folder of the service's own, made when it is missing.
   * @throws {CodesetError} INVALID_ARCHIVE, TOO_LARGE, DISK_FULL; nothing stays on disk then.
   */
  static async spool(
    tar: Readable,
    scratch: string,
    limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS,
  ): Promise<SampleArchive> {
    await mkdir(scratch, { recursive: true, mode: 0o700 });
    const folder = await mkdtemp(path.join(scratch, 'sample-'));
    try {
      const spool = await open(path.join(folder, 'content'), 'wx', 0o600);
      try {
        const entries = await new ArchiveSpooler(spool, limits).read(tar);
        return new SampleArchive(folder, entries);
      } finally {
        await spool.close();
      }
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw asCodesetError(error);
    }
  }

  get(name: string): ArchiveEntry | undefined {
    return this.#entries.get(name);
  }

  /** Whether anything lies in this folder. */
  hasFolder(name: string): boolean {
    if (this.#entries.get(name)?.type === 'directory') return true;
    for (const key of this.#entries.keys()) if (key.startsWith(`${name}/`)) return true;
    return false;
  }

  /** A file's content; undefined when there is no such file. @throws TOO_LARGE */
  async read(name: string, maxBytes: number): Promise<Buffer | undefined> {
    const entry = this.#entries.get(name);
    if (entry?.type !== 'file') return undefined;
    if (entry.size > maxBytes)
      throw new CodesetError(
        'invalid-argument',
        'TOO_LARGE',
        `${name} has ${entry.size} bytes; at most ${maxBytes} are allowed.`,
      );
    const chunks: Buffer[] = [];
    for await (const chunk of this.#content(entry)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  /** SHA-256 (hex) of the canonical tree: path, type, mode and content; times, owners and order have no say. */
  digest(): string {
    const hash = createHash('sha256');
    for (const entry of this.#entries.values()) {
      if (entry.type === 'directory') continue;
      const mode = entry.type === 'file' && entry.executable ? 'x' : '-';
      const content = entry.type === 'file' ? entry.sha256 : entry.target;
      hash.update(JSON.stringify([entry.path, entry.type, mode, content]) + '\n');
    }
    return hash.digest('hex');
  }

  /** The content as a canonical tar: sorted, without times, owned by root. */
  tar(shape: TarShape): Readable {
    const out = pack();
    this.#write(out, shape).then(
      () => out.finalize(),
      (error: unknown) => out.destroy(error instanceof Error ? error : new Error(String(error))),
    );
    return Readable.from(out, { objectMode: false });
  }

  /** Unpacks one folder's content into `destination`, which must be empty and the service's own. */
  async unpack(under: string, destination: string): Promise<void> {
    const links: [string, string][] = [];
    for (const [name, entry] of this.#below(under)) {
      const target = path.join(destination, name);
      if (entry.type === 'directory') {
        await mkdir(target, { recursive: true, mode: 0o755 });
        continue;
      }
      await mkdir(path.dirname(target), { recursive: true, mode: 0o755 });
      // Links come last, so that no file can be written through one.
      if (entry.type === 'symlink') links.push([entry.target, target]);
      else {
        await writeFile(target, this.#content(entry), { flag: 'wx' });
        await chmod(target, entry.executable ? 0o755 : 0o644);
      }
    }
    for (const [text, at] of links) await symlink(text, at);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  *#below(under: string): Iterable<[name: string, entry: ArchiveEntry]> {
    const prefix = under === '' ? '' : `${under}/`;
    for (const entry of this.#entries.values())
      if (entry.path.startsWith(prefix)) yield [entry.path.slice(prefix.length), entry];
  }

  #content(entry: ArchiveEntry & { type: 'file' }): Readable {
    const file = path.join(this.#folder, 'content');
    // An empty range can't be asked for.
    return entry.size === 0
      ? createReadStream('/dev/null')
      : createReadStream(file, { start: entry.offset, end: entry.offset + entry.size - 1 });
  }

  async #write(out: Pack, { under, modes: [executable, plain] }: TarShape): Promise<void> {
    const base = { uid: 0, gid: 0, mtime: new Date(0), uname: '', gname: '' };
    await writeEntry(out, { ...base, name: './', type: 'directory', mode: executable });
    for (const [name, entry] of this.#below(under)) {
      if (entry.type === 'directory')
        await writeEntry(out, { ...base, name: `${name}/`, type: 'directory', mode: executable });
      else if (entry.type === 'symlink')
        await writeEntry(out, { ...base, name, type: 'symlink', linkname: entry.target, mode: 0o777 });
      else {
        const mode = entry.executable ? executable : plain;
        const sink = out.entry({ ...base, name, type: 'file', mode, size: entry.size });
        await pipeline(this.#content(entry), sink);
      }
    }
  }
}

function writeEntry(out: Pack, header: Partial<Header> & { name: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    out.entry(header, (error) => (error ? reject(error) : resolve()));
  });
}

/** One pass over a tar. */
class ArchiveSpooler {
  readonly #spool: FileHandle;
  readonly #limits: ArchiveLimits;
  readonly #entries = new Map<string, ArchiveEntry>();
  #offset = 0;
  /** Bytes of the tar that went in so far, and how many when an entry last moved on. */
  #taken = 0;
  #takenAtProgress = 0;

  constructor(spool: FileHandle, limits: ArchiveLimits) {
    this.#spool = spool;
    this.#limits = limits;
  }

  async read(tar: Readable): Promise<Iterable<ArchiveEntry>> {
    const parser = extract();
    const reading = this.#consume(parser);
    // The reader's refusal must end the pipeline, and its own error is the one that counts.
    reading.catch((error: unknown) => parser.destroy(error as Error));
    const [fed, read] = await Promise.allSettled([
      pipeline(tar, this.#guard(), parser as unknown as NodeJS.WritableStream),
      reading,
    ]);
    if (read.status === 'rejected') throw asInvalid(read.reason);
    if (fed.status === 'rejected') throw asInvalid(fed.reason);
    if (this.#entries.size === 0) throw invalidArchive('The archive is empty or is no tar.');
    checkParents(this.#entries);
    return this.#entries.values();
  }

  /** Counts what goes in: the parser keeps long headers in memory, however long they say they are. */
  #guard(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.#taken += chunk.length;
        if (this.#taken > this.#limits.maxBytes) done(tooLarge(this.#limits.maxBytes));
        else if (this.#taken - this.#takenAtProgress > this.#limits.maxHeaderBytes + chunk.length)
          done(invalidArchive(`An entry's header has more than ${this.#limits.maxHeaderBytes} bytes.`));
        else done(null, chunk);
      },
    });
  }

  async #consume(parser: ReturnType<typeof extract>): Promise<void> {
    for await (const stream of parser) {
      this.#takenAtProgress = this.#taken;
      if (this.#entries.size >= this.#limits.maxEntries)
        throw invalidArchive(`The archive has more than ${this.#limits.maxEntries} entries.`);
      const entry = await this.#entry(stream.header, stream as unknown as AsyncIterable<Buffer>);
      // Content that a folder or a link claims to have is passed over.
      if (entry?.type !== 'file' || stream.header.type === 'link') stream.resume();
      if (entry === undefined) continue;
      const earlier = this.#entries.get(entry.path);
      if (earlier !== undefined && !(earlier.type === 'directory' && entry.type === 'directory'))
        throw invalidArchive(`The entry ${shown(entry.path)} is there twice.`);
      this.#entries.set(entry.path, entry);
    }
  }

  async #entry(header: Header, stream: AsyncIterable<Buffer>): Promise<ArchiveEntry | undefined> {
    const name = safePath(header.name);
    switch (header.type) {
      case 'directory':
        return name === '' ? undefined : { type: 'directory', path: name };
      case 'file':
      case 'contiguous-file':
        if (name === '') throw invalidArchive("The archive's root is a file.");
        return this.#file(name, header, stream);
      case 'symlink': {
        const target = header.linkname ?? '';
        checkSymlink(name, target);
        return { type: 'symlink', path: name, target };
      }
      case 'link': {
        const target = this.#entries.get(safePath(header.linkname ?? ''));
        if (target?.type !== 'file')
          throw invalidArchive(`The hard link ${shown(name)} points to no earlier file of the archive.`);
        return { ...target, path: name };
      }
      default:
        throw invalidArchive(
          `The entry ${shown(header.name)} is a ${header.type ?? 'thing of unknown type'}; only files, folders and links are allowed.`,
        );
    }
  }

  async #file(name: string, header: Header, stream: AsyncIterable<Buffer>): Promise<ArchiveEntry> {
    const offset = this.#offset;
    const hash = createHash('sha256');
    for await (const chunk of stream) {
      hash.update(chunk);
      await this.#append(chunk);
      this.#takenAtProgress = this.#taken;
    }
    const executable = ((header.mode ?? 0) & 0o100) !== 0;
    const size = this.#offset - offset;
    return { type: 'file', path: name, executable, offset, size, sha256: hash.digest('hex') };
  }

  async #append(chunk: Buffer): Promise<void> {
    for (let done = 0; done < chunk.length;) {
      const { bytesWritten } = await this.#spool.write(chunk, done, chunk.length - done, this.#offset);
      done += bytesWritten;
      this.#offset += bytesWritten;
    }
  }
}

function tooLarge(maxBytes: number): CodesetError {
  return new CodesetError(
    'invalid-argument',
    'TOO_LARGE',
    `The archive has more than the ${maxBytes} bytes that are allowed.`,
  );
}

/** What the tar parser itself says is about the archive; errors of the system and of ours go on as they are. */
function asInvalid(error: unknown): unknown {
  if (error instanceof CodesetError || !(error instanceof Error)) return error;
  if ('code' in error && typeof error.code === 'string' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE')
    return error;
  return invalidArchive(`The archive is no tar that can be read (${error.message}).`);
}

/** A full disk by its own name. */
export function asCodesetError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new CodesetError(
    'resource-exhausted',
    'DISK_FULL',
    'The disk of the service is full; free some space in its data folder and try again.',
    { cause: error },
  );
}
