import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CommandError } from '../exit-status.js';

/** `OWNER/NAME`, as SWE-bench files name repositories. */
const NAME = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9_][\w.-]*$/;

/**
 * Clones a repository of GitHub with the caller's own git: its proxies, its credentials.
 * @returns the path of the bare clone, in `folder`. @throws CommandError
 */
export async function cloneFromGitHub(name: string, folder: string): Promise<string> {
  if (!NAME.test(name))
    throw new CommandError(`"${name}" is no OWNER/NAME; give the repository with --repo.`);
  const path = join(folder, `${name.replace('/', '__')}.git`);
  try {
    await promisify(execFile)('git', [
      'clone',
      '--quiet',
      '--mirror',
      '--',
      `https://github.com/${name}`,
      path,
    ]);
  } catch (cause) {
    const words = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause);
    throw new CommandError(
      `${name} could not be cloned; give a clone of it with --repo. git says: ${words}`,
      3,
      {
        cause,
      },
    );
  }
  return path;
}
