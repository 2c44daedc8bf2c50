import { INIT } from './environment.js';
import { CodesetError, failedPrecondition, invalidFields } from './errors.js';
import type { ErrorReason } from './errors.js';
import type { ExecExit } from './exec.js';
import { feedStdin, writeStdin } from './feed-stdin.js';
import type { InternalProcess } from './ports/execs.js';
import type { Page, PageRequest } from './ports/storage.js';
import type { SessionManager } from './session-manager.js';

/** The applet of init that works on files; see init/PROTOCOL.md. It runs inside, so no path can lead out. */
const FS = [INIT, 'fs'] as const;
/** Exit statuses of init's `unpack`. */
const UNPACK_DENIED = 3;
const UNPACK_DISK_FULL = 4;
const TIMEOUT_MS = 60_000;
const ARCHIVE_TIMEOUT_MS = 30 * 60_000;
/** What ReplaceInFile edits at most. */
const MAX_EDIT_BYTES = 16 * 1024 * 1024;
const MAX_LISTING_BYTES = 16 * 1024 * 1024;

export interface FileEntry {
  /** As the caller named it, or below the folder that was listed. */
  readonly path: string;
  readonly type: 'REGULAR' | 'DIRECTORY' | 'SYMLINK' | 'OTHER';
  /** Permission bits. */
  readonly mode: number;
  readonly sizeBytes: number;
  readonly modifyTime: Date;
  readonly uid: number;
  readonly gid: number;
  /** '' unless it is a symlink. */
  readonly symlinkTarget: string;
}

interface RawEntry {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: string;
  readonly target?: string;
}

/** Files of a session, read and written inside its sandbox as the session's user. */
export class SessionFiles {
  readonly #sessions: SessionManager;

  constructor(sessions: SessionManager) {
    this.#sessions = sessions;
  }

  /** At most `limit` bytes from `offset`, and the size of the whole. */
  async read(
    sessionId: string,
    path: string,
    offset: number,
    limit: number,
  ): Promise<{ readonly data: Uint8Array; readonly sizeBytes: number }> {
    const out = await this.#fs(sessionId, path, ['read', '--', path, String(offset), String(limit)], {
      maxBytes: limit + 64 * 1024,
    });
    const lineEnd = out.indexOf(0x0a);
    const entry = JSON.parse(out.subarray(0, lineEnd).toString('utf8')) as RawEntry;
    return { data: out.subarray(lineEnd + 1), sizeBytes: entry.size };
  }

  /** The whole content in one step: readers see the old or the new. `mode` is for a new file; default 0644. */
  async write(
    sessionId: string,
    path: string,
    data: Uint8Array,
    options: { readonly mode: number | undefined; readonly makeParents: boolean },
  ): Promise<void> {
    const flags = ['--expected', String(data.length), ...(options.makeParents ? ['--parents'] : [])];
    const mode = (options.mode ?? 0o644).toString(8);
    await this.#fs(sessionId, path, ['write', ...flags, '--', path, mode], { stdin: data });
  }

  async stat(sessionId: string, path: string): Promise<FileEntry> {
    const out = await this.#fs(sessionId, path, ['stat', '--no-follow', '--', path]);
    return toEntry(JSON.parse(out.toString('utf8')) as RawEntry, path);
  }

  /** Entries by name; the page's `after` is the number of entries before it. */
  async list(sessionId: string, path: string, page: PageRequest): Promise<Page<FileEntry>> {
    const from = page.after === undefined ? 0 : Number(page.after);
    const out = await this.#fs(sessionId, path, ['list', '--', path, String(from), String(page.size)], {
      maxBytes: MAX_LISTING_BYTES,
    });
    const [head = '{}', ...lines] = out.toString('utf8').split('\n').filter(Boolean);
    const { total } = JSON.parse(head) as { total: number };
    const base = path.replace(/\/+$/, '');
    const items = lines.map((line) => {
      const raw = JSON.parse(line) as RawEntry;
      return toEntry(raw, `${base}/${decodeName(raw.name)}`);
    });
    const end = from + items.length;
    return { items, next: items.length > 0 && end < total ? String(end) : undefined };
  }

  async move(sessionId: string, source: string, destination: string, overwrite: boolean): Promise<void> {
    const flags = overwrite ? ['--overwrite'] : [];
    await this.#fs(sessionId, source, ['move', ...flags, '--', source, destination]);
  }

  async remove(sessionId: string, path: string, recursive: boolean): Promise<void> {
    await this.#fs(sessionId, path, ['remove', ...(recursive ? ['--recursive'] : []), '--', path]);
  }

  /** Puts new text in the place of old. @throws TEXT_NOT_FOUND, TEXT_NOT_UNIQUE without `all`, NOT_TEXT. */
  async replace(
    sessionId: string,
    path: string,
    edit: { readonly oldText: string; readonly newText: string; readonly all: boolean },
  ): Promise<number> {
    const { data, sizeBytes } = await this.read(sessionId, path, 0, MAX_EDIT_BYTES);
    if (sizeBytes > data.length) {
      throw failedPrecondition(
        'TOO_LARGE',
        `${path} has ${sizeBytes} bytes; at most ${MAX_EDIT_BYTES} can be edited.`,
      );
    }
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
    } catch {
      throw failedPrecondition('NOT_TEXT', `${path} is not UTF-8 text; read and write it as bytes.`);
    }
    const pieces = text.split(edit.oldText);
    const found = pieces.length - 1;
    if (found === 0) {
      throw failedPrecondition(
        'TEXT_NOT_FOUND',
        `${path} does not hold the text to replace; read it and compare, spaces too.`,
      );
    }
    if (found > 1 && !edit.all) {
      throw failedPrecondition(
        'TEXT_NOT_UNIQUE',
        `${path} holds the text ${found} times; name more of what stands around it, or replace all.`,
        { metadata: { count: String(found) } },
      );
    }
    const options = { mode: undefined, makeParents: false };
    await this.write(sessionId, path, Buffer.from(pieces.join(edit.newText), 'utf8'), options);
    return found;
  }

  /** Unpacks a tar stream in a folder, which is made. Entries that lead out of it are refused. */
  async unpack(sessionId: string, path: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#fs(sessionId, path, ['mkdir', '--parents', '--', path]);
    const process = await this.#spawn(sessionId, [INIT, 'unpack', path], true);
    try {
      const drained = drain(process.stdout, 64 * 1024);
      for await (const piece of tar) await writeStdin(process.stdin, piece);
      await process.stdin.end();
      await drained;
    } catch (error) {
      process.kill();
      throw error;
    }
    const exit = await process.exit;
    if (exit.code === 0) return;
    const text = process.stderr().trim().slice(0, 2000);
    if (exit.code === UNPACK_DISK_FULL) {
      throw new CodesetError('resource-exhausted', 'DISK_FULL', 'The disk of the session is full.');
    }
    if (exit.code === UNPACK_DENIED) throw failedPrecondition('PATH_DENIED', text);
    throw invalidFields(
      [{ field: 'data', description: `The archive can't be unpacked: ${text || exitText(exit)}` }],
      'INVALID_ARCHIVE',
    );
  }

  /** A file or folder as a tar stream, names relative to its parent. */
  async *pack(sessionId: string, path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const entry = await this.stat(sessionId, path);
    const clean = path.replace(/\/+$/, '') || '/';
    const cut = clean.lastIndexOf('/');
    const [folder, name] =
      clean === '/'
        ? ['/', '.']
        : [cut <= 0 ? (cut === 0 ? '/' : '.') : clean.slice(0, cut), clean.slice(cut + 1)];
    const process = await this.#spawn(sessionId, [INIT, 'pack', folder, name], false);
    const kill = (): void => process.kill();
    signal.addEventListener('abort', kill);
    let finished = false;
    try {
      yield* process.stdout;
      finished = true;
      const exit = await process.exit;
      if (exit.code === 0 || signal.aborted) return;
      throw failedPrecondition(
        'PATH_DENIED',
        `${entry.path} could not be packed: ${process.stderr().trim().slice(0, 2000)}`,
      );
    } finally {
      signal.removeEventListener('abort', kill);
      if (!finished) process.kill();
    }
  }

  async #spawn(sessionId: string, argv: readonly string[], stdin: boolean): Promise<InternalProcess> {
    const execs = await this.#sessions.execs(sessionId);
    return execs.spawn({ argv, env: {}, cwd: '', user: '', stdin, timeoutMs: ARCHIVE_TIMEOUT_MS });
  }

  async #fs(
    sessionId: string,
    path: string,
    words: readonly string[],
    io: { readonly stdin?: Uint8Array; readonly maxBytes?: number } = {},
  ): Promise<Buffer> {
    const execs = await this.#sessions.execs(sessionId);
    const process = await execs.spawn({
      argv: [...FS, ...words],
      env: {},
      cwd: '',
      user: '',
      stdin: io.stdin !== undefined,
      timeoutMs: TIMEOUT_MS,
    });
    const [out] = await Promise.all([
      drain(process.stdout, io.maxBytes ?? 1024 * 1024),
      feedStdin(process.stdin, io.stdin),
    ]);
    const exit = await process.exit;
    if (exit.code === 0) return out;
    throw fileError(process.stderr(), exit, path);
  }
}

async function drain(stdout: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stdout) {
    bytes += piece.length;
    if (bytes <= limit) pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}

function toEntry(raw: RawEntry, path: string): FileEntry {
  const types: Readonly<Record<string, FileEntry['type']>> = {
    file: 'REGULAR',
    directory: 'DIRECTORY',
    symlink: 'SYMLINK',
  };
  return {
    path,
    type: types[raw.type] ?? 'OTHER',
    mode: raw.mode & 0o7777,
    sizeBytes: raw.size,
    modifyTime: new Date(Number(BigInt(raw.mtimeNs) / 1_000_000n)),
    uid: raw.uid,
    gid: raw.gid,
    symlinkTarget: raw.target === undefined ? '' : decodeName(raw.target),
  };
}

/** Undoes `%XX`; bytes that are no UTF-8 become U+FFFD, since a proto string can't hold them. */
function decodeName(name: string): string {
  if (!name.includes('%')) return name;
  const bytes: number[] = [];
  for (let i = 0; i < name.length; i++) {
    if (name[i] === '%') {
      bytes.push(Number.parseInt(name.slice(i + 1, i + 3), 16));
      i += 2;
    } else {
      bytes.push(name.charCodeAt(i));
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

const FILE_ERRORS: Readonly<
  Record<string, { kind: CodesetError['kind']; reason: ErrorReason; text: string }>
> = {
  ENOENT: { kind: 'not-found', reason: 'PATH_NOT_FOUND', text: 'There is nothing at' },
  EEXIST: { kind: 'already-exists', reason: 'PATH_EXISTS', text: 'Something is there already at' },
  ENOTFILE: { kind: 'failed-precondition', reason: 'NOT_A_FILE', text: 'This is not a regular file:' },
  EISDIR: { kind: 'failed-precondition', reason: 'NOT_A_FILE', text: 'This is a folder:' },
  ENOTDIR: {
    kind: 'failed-precondition',
    reason: 'NOT_A_DIRECTORY',
    text: 'A part of the path is not a folder:',
  },
  ENOTEMPTY: {
    kind: 'failed-precondition',
    reason: 'DIRECTORY_NOT_EMPTY',
    text: 'The folder is not empty (say recursive):',
  },
  EACCES: {
    kind: 'failed-precondition',
    reason: 'PATH_DENIED',
    text: "The session's user may not do that at",
  },
  EPERM: {
    kind: 'failed-precondition',
    reason: 'PATH_DENIED',
    text: "The session's user may not do that at",
  },
  EROFS: {
    kind: 'failed-precondition',
    reason: 'PATH_DENIED',
    text: 'This part of the sandbox is read-only:',
  },
  ELOOP: { kind: 'failed-precondition', reason: 'PATH_DENIED', text: 'Too many symlinks at' },
  EBUSY: { kind: 'failed-precondition', reason: 'PATH_DENIED', text: 'This is in use as a mount point:' },
  EXDEV: {
    kind: 'failed-precondition',
    reason: 'PATH_DENIED',
    text: 'This would cross file systems; copy it instead:',
  },
  ENAMETOOLONG: { kind: 'invalid-argument', reason: 'INVALID_FIELD', text: 'The name is too long:' },
  EINVAL: { kind: 'invalid-argument', reason: 'INVALID_FIELD', text: 'This can not be done with' },
  ENOSPC: {
    kind: 'resource-exhausted',
    reason: 'DISK_FULL',
    text: 'The disk of the session is full; could not write',
  },
  EDQUOT: {
    kind: 'resource-exhausted',
    reason: 'DISK_FULL',
    text: 'The disk of the session is full; could not write',
  },
};

function fileError(stderr: string, exit: ExecExit, path: string): Error {
  const name = /^(E[A-Z0-9]+):/.exec(stderr)?.[1] ?? '';
  const known = FILE_ERRORS[name];
  if (known !== undefined) {
    return new CodesetError(known.kind, known.reason, `${known.text} ${path}.`, { metadata: { path } });
  }
  if (exit.reason === 'SESSION_ENDED' || exit.reason === 'LOST') {
    return failedPrecondition('SESSION_LOST', 'The sandbox went away meanwhile; look at the session.');
  }
  if (exit.reason === 'TIMEOUT') {
    return new CodesetError(
      'deadline-exceeded',
      'DEADLINE',
      `The file system of the session did not answer in time for ${path}.`,
    );
  }
  return new Error(`fs: ${exitText(exit)}: ${stderr.slice(0, 500)}`);
}

function exitText(exit: ExecExit): string {
  return exit.code === undefined
    ? `${exit.reason} ${exit.signal ?? ''} ${exit.message}`.trim()
    : `exit status ${exit.code}`;
}
