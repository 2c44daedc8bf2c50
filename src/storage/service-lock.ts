import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodesetError } from '../core/errors.js';
import { holdExclusively, LockHeld } from './exclusive-lock.js';
import { asStorageError } from './sqlite-errors.js';

/**
 * Makes this process the one service of a data folder until the lock is disposed or the process ends, however
 * it ends. `codeset key` needs no lock. `run/service.pid` only tells people who it is.
 * @throws CodesetError with a sentence for the operator.
 */
export function acquireServiceLock(dataDir: string): Disposable {
  const folder = join(dataDir, 'run');
  const owner = join(folder, 'service.pid');
  let lock: Disposable;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    lock = holdExclusively(join(folder, 'service.lock'));
  } catch (error) {
    throw error instanceof LockHeld
      ? inUse(dataDir, owner, error)
      : asStorageError(error, join(folder, 'service.lock'));
  }
  writeFileSync(owner, `${process.pid}\n`, { mode: 0o600 });
  return new ServiceLock(lock, owner);
}

class ServiceLock implements Disposable {
  readonly #lock: Disposable;
  readonly #owner: string;
  #released = false;

  constructor(lock: Disposable, owner: string) {
    this.#lock = lock;
    this.#owner = owner;
  }

  [Symbol.dispose](): void {
    if (this.#released) return;
    this.#released = true;
    rmSync(this.#owner, { force: true });
    this.#lock[Symbol.dispose]();
  }
}

function inUse(dataDir: string, owner: string, cause: unknown): CodesetError {
  let who = '';
  try {
    const pid = /^\d{1,10}$/.exec(readFileSync(owner, 'utf8').trim())?.[0];
    if (pid !== undefined) who = ` (process ${pid})`;
  } catch {
    // Not written yet; the sentence does without.
  }
  return new CodesetError(
    'failed-precondition',
    'ENVIRONMENT_UNMET',
    `Another codeset server${who} uses the data folder ${dataDir}: stop it, or choose another with --data-dir.`,
    { cause },
  );
}
