import { INIT } from './environment.js';
import { failedPrecondition } from './errors.js';
import type { WorkResult, WorkSandbox } from './work-sandbox.js';

/** What git gets, so that it takes a patch for files and nothing of a repository has a say. */
export const PATCH_ENV: Readonly<Record<string, string>> = {
  GIT_DIR: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
};

export interface PatchedCopy {
  /** The paths that the patch names, as git tells them. */
  readonly names: readonly string[];
  /** For init's `exchange write`: the files as they were, then as the patch makes them. */
  readonly exchange: Uint8Array;
}

/**
 * Applies a patch in a side sandbox over a copy of a workspace, below `workdir`.
 * @throws PATCH_REJECTED with git's words.
 */
export async function patchCopy(
  side: WorkSandbox,
  workdir: string,
  patch: Uint8Array,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<PatchedCopy> {
  const run = async (argv: readonly string[], stdin: Uint8Array): Promise<Buffer> => {
    const result = await side.run({ argv, env: PATCH_ENV, cwd: workdir, stdin, ...options });
    if (result.exit.code === 0) return result.stdout;
    throw patchRejected(result.stderr, result.exit);
  };
  const names = patchedNames(await run(['git', 'apply', '--numstat', '-z', '-'], patch));
  // Of a rename the patch tells its new name, and undone its old one.
  const back = patchedNames(await run(['git', 'apply', '--reverse', '--numstat', '-z', '-'], patch));
  const all = Buffer.from([...new Set([...names, ...back])].map((name) => `${name}\0`).join(''), 'latin1');
  const before = await run([INIT, 'exchange', 'read'], all);
  await run(['git', 'apply', '--whitespace=nowarn', '-'], patch);
  const after = await run([INIT, 'exchange', 'read'], all);
  return { names: namesAsText(names), exchange: Buffer.concat([before, after]) };
}

/** The names in what `git apply --numstat -z` says, a byte a character. */
function patchedNames(numstat: Buffer): readonly string[] {
  return numstat
    .toString('latin1')
    .split('\0')
    .filter(Boolean)
    .map((line) => line.replace(/^[^\t]*\t[^\t]*\t/, ''));
}

function namesAsText(names: readonly string[]): readonly string[] {
  return names.map((name) => Buffer.from(name, 'latin1').toString('utf8'));
}

/** What `git apply --numstat -z` says the patch changes. */
export function numstatNames(numstat: Buffer): readonly string[] {
  return namesAsText(patchedNames(numstat));
}

export function patchRejected(stderr: string, exit: WorkResult['exit']): Error {
  const text = stderr.trim().slice(0, 2000);
  return failedPrecondition(
    'PATCH_REJECTED',
    `The patch does not apply; nothing was changed: ${text || exit.message}`,
  );
}
