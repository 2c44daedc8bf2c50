import { chmod, mkdtemp, readFile, stat, statfs } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { removeServerFolder } from '../open-engines.js';

const OVERLAY = 0x794c7630;

/** A folder for a server that lives for minutes; removed whole when it is disposed. */
export class TemporaryHome implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * In the first place that will do: an upper of an overlay can't lie on another one, as /tmp does in many a
   * container, and the sandboxes' ids must get through to it.
   */
  static async make(): Promise<TemporaryHome> {
    const bases = [tmpdir(), '/var/tmp', '/dev/shm', homedir()];
    let folder: string | undefined;
    for (const base of bases) {
      const type = await statfs(base).then(
        (info) => info.type,
        () => undefined,
      );
      if (type === undefined || type === OVERLAY || !(await openToAll(base))) continue;
      folder = await mkdtemp(join(base, 'codeset-demo-')).catch(() => undefined);
      if (folder !== undefined) break;
    }
    folder ??= await mkdtemp(join(tmpdir(), 'codeset-demo-'));
    // Sandboxes enter the run folder in it with ids of their own.
    await chmod(folder, 0o711);
    return new TemporaryHome(folder);
  }

  /** What is still mounted in it is left alone, with a word about it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
    if (mounts.includes(` ${this.folder}/`)) {
      process.stderr.write(`demo: Sandboxes are still mounted in ${this.folder}: it was not removed.\n`);
      return;
    }
    await removeServerFolder(this.folder);
  }
}

/** Whether everybody may go through this folder and those above it. */
async function openToAll(folder: string): Promise<boolean> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
    if (at === '/') return true;
  }
}
