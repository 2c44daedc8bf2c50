import { lstat, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { Command } from 'commander';
import type { SessionClient } from '../client/connection.js';
import { CodesetClientError } from '../client/errors.js';
import { isDirectory } from '../client/words.js';
import { upload } from '../client/upload.js';
import { packPath } from './archive/pack.js';
import { unpackInto } from './archive/unpack.js';
import type { Cli } from './context.js';
import { CommandError, NEGATIVE, UsageError } from './exit-status.js';
import { counted } from './live/counted.js';
import { Progress } from './live/progress.js';
import { withCommonOptions } from './options.js';
import { printable, type Output } from './output.js';

export interface CopyEnd {
  /** Undefined: on this machine. */
  readonly sessionId: string | undefined;
  readonly path: string;
}

/** `SESSION:PATH`, or a path here: one with a slash in front of the colon is always that. */
export function copyEnd(text: string): CopyEnd {
  const match = /^([^/:]+):(.+)$/s.exec(text);
  return match === null
    ? { sessionId: undefined, path: text }
    : { sessionId: match[1] ?? '', path: match[2] ?? '' };
}

export function cpCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('cp'))
    .description('copy a file or folder into a session or out of it')
    .argument('<SRC>', 'a path here, or SESSION:PATH')
    .argument('<DST>', 'the new path, or an existing folder to copy into; here or SESSION:PATH');
  return command.action((source: string, destination: string) =>
    cli.run(command, async (context) => {
      const from = copyEnd(source);
      const to = copyEnd(destination);
      if ((from.sessionId === undefined) === (to.sessionId === undefined))
        throw new UsageError('Name one place here and one as SESSION:PATH (./a:b names a file here).');
      const { sessions } = await context.connect();
      using progress = new Progress(context);
      const moved = (bytes: number, total?: number): void =>
        progress.moved(basename(from.path), bytes, total);
      if (to.sessionId !== undefined)
        await copyIn(sessions, resolve(from.path), { sessionId: to.sessionId, path: to.path }, moved);
      else
        await copyOut(
          { sessions, out: context.out },
          { sessionId: from.sessionId ?? '', path: from.path },
          to.path,
          moved,
        );
      if (context.out.json) await context.out.document({});
    }),
  );
}

async function copyIn(
  sessions: SessionClient,
  source: string,
  { sessionId, path }: { readonly sessionId: string; readonly path: string },
  onMoved: (bytes: number, total?: number) => void,
): Promise<void> {
  const found = await lstat(source).catch((cause: unknown) => {
    throw new CommandError(`There is no ${source}.`, NEGATIVE, { cause });
  });
  const into = path.endsWith('/') || (await isFolder(sessions, sessionId, path));
  const name = into ? basename(source) : posix.basename(path);
  const folder = into ? path : posix.dirname(path);
  if (name === '..' || name === '.') throw new UsageError(`${path} names no file.`);
  const archive = counted(packPath(source, name), (bytes) =>
    onMoved(bytes, found.isFile() ? found.size : undefined),
  );
  await sessions.uploadArchive(upload({ sessionId, path: folder }, archive));
}

async function isFolder(sessions: SessionClient, sessionId: string, path: string): Promise<boolean> {
  try {
    // The slash follows a link at the end.
    const { file } = await sessions.stat({ sessionId, path: `${path}/.` });
    return file !== undefined && isDirectory(file.type);
  } catch (error) {
    const no = error instanceof CodesetClientError && /^(PATH_NOT_FOUND|NOT_A_DIRECTORY)$/.test(error.reason);
    if (no) return false;
    throw error;
  }
}

async function copyOut(
  { sessions, out }: { readonly sessions: SessionClient; readonly out: Output },
  { sessionId, path }: { readonly sessionId: string; readonly path: string },
  destination: string,
  onMoved: (bytes: number) => void,
): Promise<void> {
  const target = resolve(destination);
  const existing = await stat(target).catch(() => undefined);
  const into = existing?.isDirectory() === true;
  if (destination.endsWith('/') && !into) throw new CommandError(`There is no folder ${target}.`, NEGATIVE);
  const parent = into ? target : dirname(target);
  const scratch = await mkdtemp(join(parent, '.codeset-cp-')).catch((cause: unknown) => {
    throw new CommandError(`Nothing can be written in ${parent}.`, NEGATIVE, { cause });
  });
  try {
    const download = sessions.downloadArchive({ sessionId, path });
    const archive = Readable.from(piecesOf(download), { objectMode: false });
    const skipped = await unpackInto(counted(archive, onMoved), scratch);
    for (const name of skipped) out.note(`codeset: ${printable(name)} is no file, folder or link; left out.`);
    const [name] = await readdir(scratch);
    if (name === undefined) throw new CommandError(`${path} holds nothing that can be copied.`, NEGATIVE);
    const end = into ? join(target, name) : target;
    await rename(join(scratch, name), end).catch((cause: unknown) => {
      throw new CommandError(`${end} is there already and can't be replaced.`, NEGATIVE, { cause });
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function* piecesOf(download: AsyncIterable<{ data: Buffer }>): AsyncGenerator<Buffer> {
  for await (const { data } of download) yield data;
}
