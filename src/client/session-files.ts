import { Readable } from 'node:stream';
import { bytesOf } from './bytes-of.js';
import type { Connection } from './connection.js';
import type { CallControl } from './deadline.js';
import { fileInfo, type FileInfo } from './file-info.js';
import { pages, present } from './present.js';
import { upload } from './upload.js';

const READ_BYTES = 2 * 1024 * 1024;
const LIST_SIZE = 1000;

export interface ReadFileOptions extends CallControl {
  /** Where to begin, in bytes. Default 0. */
  readonly offset?: number | undefined;
  /** How many bytes to read at most. Default: to the end. */
  readonly limit?: number | undefined;
}

export interface WriteFileOptions extends CallControl {
  /** Its permission bits, at most 0o7777. Default: those it has, 0o644 for a new file. */
  readonly mode?: number | undefined;
  /** Whether to make directories that are missing. Default false. */
  readonly makeParents?: boolean | undefined;
}

/**
 * The files of a session: a Session has all of this. Paths are absolute or relative to the session's working
 * directory; they are resolved inside the sandbox, by its user, so that nothing outside can be named.
 */
export abstract class SessionFiles {
  /** The session's id, `ses_…`. */
  readonly id: string;
  protected readonly connection: Connection;

  protected constructor(connection: Connection, id: string) {
    this.connection = connection;
    this.id = id;
  }

  /**
   * Reads a file, in pieces of 2 MiB: a file that changes meanwhile may come mixed.
   * @param path with `'utf8'` for the text, else bytes come.
   * @throws NotFoundError PATH_NOT_FOUND, FailedPreconditionError NOT_A_FILE or PATH_DENIED
   *
   * @example
   * const text = await session.readFile('README.md', 'utf8');
   * const first = await session.readFile('/bin/ls', { limit: 4 });
   */
  readFile(path: string, encoding: 'utf8', options?: ReadFileOptions): Promise<string>;
  readFile(path: string, options?: ReadFileOptions): Promise<Buffer>;
  async readFile(
    path: string,
    first?: 'utf8' | ReadFileOptions,
    second?: ReadFileOptions,
  ): Promise<string | Buffer> {
    const {
      offset = 0,
      limit = Number.POSITIVE_INFINITY,
      ...control
    } = (typeof first === 'string' ? second : first) ?? {};
    const parts: Buffer[] = [];
    let at = offset;
    for (let left = limit; left > 0;) {
      const ask = { sessionId: this.id, path, offset: BigInt(at), limit: Math.min(left, READ_BYTES) };
      const { data, sizeBytes } = await this.connection.sessions.readFile(ask, control);
      parts.push(data);
      at += data.length;
      left -= data.length;
      if (data.length === 0 || at >= Number(sizeBytes)) break;
    }
    const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    return first === 'utf8' ? bytes.toString() : bytes;
  }

  /**
   * Writes a whole file; readers see the old or the new content, never a mixture.
   * @param data text is written as UTF-8; at most 3 MiB, `uploadArchive` takes more.
   * @throws NotFoundError PATH_NOT_FOUND (no such directory), FailedPreconditionError NOT_A_FILE, NOT_A_DIRECTORY
   * or PATH_DENIED, ResourceExhaustedError DISK_FULL
   *
   * @example
   * await session.writeFile('bin/hello', '#!/bin/sh\necho hello\n', { mode: 0o755, makeParents: true });
   */
  async writeFile(path: string, data: string | Uint8Array, options: WriteFileOptions = {}): Promise<void> {
    const { mode, makeParents, ...control } = options;
    await this.connection.sessions.writeFile(
      {
        sessionId: this.id,
        path,
        data: bytesOf(data),
        ...(mode === undefined ? {} : { mode }),
        makeParents: makeParents ?? false,
      },
      control,
    );
  }

  /**
   * Shows what is known of a path; a symbolic link is not followed.
   * @throws NotFoundError PATH_NOT_FOUND, FailedPreconditionError PATH_DENIED
   *
   * @example
   * const { type, size } = await session.stat('setup.py');
   */
  async stat(path: string, control: CallControl = {}): Promise<FileInfo> {
    const { file } = await this.connection.sessions.stat({ sessionId: this.id, path }, control);
    return fileInfo(present(file, 'file'));
  }

  /**
   * Lists a directory by name, page after page as it is read. What changes meanwhile may or may not be seen.
   * @throws NotFoundError PATH_NOT_FOUND, FailedPreconditionError NOT_A_DIRECTORY or PATH_DENIED
   *
   * @example
   * for await (const { path, type } of session.list('src')) console.log(type, path);
   */
  list(path: string, control: CallControl = {}): AsyncIterableIterator<FileInfo> {
    return pages(async (pageToken) => {
      const ask = { sessionId: this.id, path, pageSize: LIST_SIZE, pageToken };
      const { files, nextPageToken } = await this.connection.sessions.listDirectory(ask, control);
      return { items: files.map(fileInfo), nextPageToken };
    });
  }

  /**
   * Moves or renames a file or directory. It is not sent twice: a ConnectionError leaves open whether it was done.
   * @param destination the new path itself, not a directory to put it in.
   * @throws NotFoundError PATH_NOT_FOUND, AlreadyExistsError PATH_EXISTS (without `overwrite`),
   * FailedPreconditionError
   *
   * @example
   * await session.move('notes.txt', 'docs/notes.txt', { overwrite: true });
   */
  async move(
    source: string,
    destination: string,
    { overwrite = false, ...control }: CallControl & { readonly overwrite?: boolean | undefined } = {},
  ): Promise<void> {
    await this.connection.sessions.move({ sessionId: this.id, source, destination, overwrite }, control);
  }

  /**
   * Removes a file, a symbolic link (not what it points to) or a directory. It is not sent twice.
   * @throws NotFoundError PATH_NOT_FOUND, FailedPreconditionError DIRECTORY_NOT_EMPTY (without `recursive`) or
   * PATH_DENIED
   *
   * @example
   * await session.remove('build', { recursive: true });
   */
  async remove(
    path: string,
    { recursive = false, ...control }: CallControl & { readonly recursive?: boolean | undefined } = {},
  ): Promise<void> {
    await this.connection.sessions.remove({ sessionId: this.id, path, recursive }, control);
  }

  /**
   * Replaces text in a UTF-8 file, as editors of language models do. It is not sent twice.
   * @returns how many occurrences were replaced.
   * @throws FailedPreconditionError TEXT_NOT_FOUND, TEXT_NOT_UNIQUE (without `replaceAll`), NOT_TEXT, NOT_A_FILE
   * or PATH_DENIED, NotFoundError PATH_NOT_FOUND, ResourceExhaustedError TOO_LARGE
   *
   * @example
   * await session.replaceInFile('config.py', 'DEBUG = True', 'DEBUG = False');
   */
  async replaceInFile(
    path: string,
    oldText: string,
    newText: string,
    { replaceAll = false, ...control }: CallControl & { readonly replaceAll?: boolean | undefined } = {},
  ): Promise<number> {
    const ask = { sessionId: this.id, path, oldText, newText, replaceAll };
    return (await this.connection.sessions.replaceInFile(ask, control)).replacedCount;
  }

  /**
   * Applies a unified diff to the workspace, whole or not at all. It is not sent twice.
   * @param diff with git's headers, relative to the workspace; at most 3 MiB.
   * @returns the paths that were changed.
   * @throws InvalidArgumentError or FailedPreconditionError PATCH_REJECTED
   *
   * @example
   * const changed = await session.applyPatch(await readFile('fix.patch'));
   */
  async applyPatch(diff: string | Uint8Array, control: CallControl = {}): Promise<readonly string[]> {
    const ask = { sessionId: this.id, diff: bytesOf(diff) };
    return (await this.connection.sessions.applyPatch(ask, control)).changedPaths;
  }

  /**
   * The difference of the workspace from the sample's baseline as a git patch, binary files too: what
   * `applyPatch` and `client.verifyPatch` take. Empty when nothing differs.
   *
   * @example
   * await writeFile('work.patch', await session.diff());
   */
  async diff(control: CallControl = {}): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const { data } of this.connection.sessions.getDiff({ sessionId: this.id }, control))
      parts.push(data);
    return Buffer.concat(parts);
  }

  /**
   * Unpacks an uncompressed tar into a directory of the sandbox, which must exist. Entries that would leave it are
   * refused.
   * @param tar read to its end, or destroyed when it fails.
   * @throws InvalidArgumentError INVALID_ARCHIVE, NotFoundError PATH_NOT_FOUND, FailedPreconditionError,
   * ResourceExhaustedError TOO_LARGE or DISK_FULL
   *
   * @example
   * await session.uploadArchive('/workspace', createReadStream('project.tar'));
   */
  async uploadArchive(
    path: string,
    tar: AsyncIterable<Uint8Array>,
    control: CallControl = {},
  ): Promise<void> {
    const content = tar instanceof Readable ? tar : Readable.from(tar, { objectMode: false });
    await this.connection.sessions.uploadArchive(upload({ sessionId: this.id, path }, content), control);
  }

  /**
   * Packs a file or directory into an uncompressed tar, a stream of Buffers; its name alone is the root of the
   * entries.
   * @throws NotFoundError PATH_NOT_FOUND, FailedPreconditionError PATH_DENIED: when it is read
   *
   * @example
   * await pipeline(session.downloadArchive('dist'), createWriteStream('dist.tar'));
   */
  downloadArchive(path: string, control: CallControl = {}): Readable {
    const download = this.connection.sessions.downloadArchive({ sessionId: this.id, path }, control);
    return Readable.from(dataOf(download), { objectMode: false });
  }
}

async function* dataOf(messages: AsyncIterable<{ readonly data: Buffer }>): AsyncGenerator<Buffer> {
  for await (const { data } of messages) yield data;
}
