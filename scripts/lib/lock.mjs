// One set-up at a time in a checkout, however many commands are started at once.
import { mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { root } from './process.mjs';

const folder = join(root, '.setup');
const path = join(folder, 'lock');

/** Names a process for good: its id, and on Linux when it started, since ids come round again. */
function identity(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return `${pid}:${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return `${pid}:`;
  }
}

function alive(holder) {
  const pid = Number(holder.split(':')[0]);
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
  return identity(pid) === holder;
}

/**
 * Runs `body` while no other process does. A holder that died is taken over.
 * @param onWait called once when someone else holds the lock.
 */
export async function locked(body, onWait) {
  mkdirSync(folder, { recursive: true });
  const own = identity(process.pid);
  let told = false;
  for (;;) {
    try {
      // A link is made with its content or not at all.
      symlinkSync(own, path);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!takeOver(own)) {
      if (!told) onWait?.();
      told = true;
      await delay(200);
    }
  }
  const release = () => {
    if (holder() === own) rmSync(path, { force: true });
  };
  process.once('exit', release);
  try {
    return await body();
  } finally {
    release();
    process.off('exit', release);
  }
}

function holder() {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Removes a dead holder's lock. False when the holder lives. */
function takeOver(own) {
  const found = holder();
  if (found === undefined) return true;
  if (alive(found)) return false;
  const aside = `${path}.${own.replace(':', '-')}`;
  try {
    renameSync(path, aside);
    const moved = readlinkSync(aside);
    // Another may have taken over between our look and our rename: give it back.
    if (moved !== found && alive(moved)) renameSync(aside, path);
    else rmSync(aside, { force: true });
  } catch {
    // Somebody was quicker.
  }
  return true;
}
