import { lstat, mkdir } from 'node:fs/promises';
import { failedPrecondition } from '../../core/errors.js';

/**
 * Makes the folder of sockets and mount points where it is not there. Sandboxes' ids must get through it. Others may
 * write to where an ordinary user's lies: what is there must be the user's own.
 * @throws ENGINE_UNSUPPORTED where it can't be had
 */
export async function takeRunFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o711 });
  } catch (error) {
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      `The run folder ${path} can't be made (${String((error as NodeJS.ErrnoException).code)}): name one that can with --run-dir.`,
      { cause: error },
    );
  }
  const user = process.getuid?.();
  if (user === 0 || (await lstat(path)).uid === user) return;
  throw failedPrecondition(
    'ENGINE_UNSUPPORTED',
    `The run folder ${path} belongs to another user: remove it, or name one of your own with --run-dir.`,
  );
}
