import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import tar from 'tar-stream';
import { AGENT_UID } from '../../core/environment.js';
import { failedPrecondition } from '../../core/errors.js';
import type { Keeper } from './keeper.js';
import { INITS } from './names.js';

/** The folders that sandboxes see as /run/codeset, one per build of init and kind of user. They lie in the store. */
export class InitFolders {
  readonly #keeper: Keeper;
  readonly #initPath: (architecture: string) => string | undefined;
  readonly #made = new Map<string, Promise<string>>();

  constructor(keeper: Keeper, initPath: (architecture: string) => string | undefined) {
    this.#keeper = keeper;
    this.#initPath = initPath;
  }

  /** The store began anew: nothing is known of it. */
  forget(): void {
    this.#made.clear();
  }

  /**
   * Where the daemon finds the folder.
   * @param architecture as Docker calls it
   * @throws ENGINE_UNSUPPORTED where this installation has no init for it
   */
  async find(architecture: string, user: string): Promise<string> {
    let made = this.#made.get(architecture);
    if (made === undefined) {
      made = this.#make(architecture);
      this.#made.set(architecture, made);
      made.catch(() => this.#made.delete(architecture));
    }
    return `${this.#keeper.mountpoint}/init/${await made}/${user === 'root' || user === 'agent' ? user : 'other'}`;
  }

  async #make(architecture: string): Promise<string> {
    const path = this.#initPath(architecture);
    const init = path === undefined ? undefined : await readFile(path).catch(() => undefined);
    if (init === undefined) {
      throw failedPrecondition(
        'ENGINE_UNSUPPORTED',
        `Images for ${architecture} can't be used: this installation has no codeset-init for it (init/build.sh makes one with CC set to a compiler for it).`,
      );
    }
    const name = `${createHash('sha256').update(init).update('agent root other 2').digest('hex').slice(0, 12)}-${architecture}`;
    const { code } = await this.#keeper.run([
      this.#keeper.initPath,
      'fs',
      'stat',
      '--',
      `${INITS}/${name}/whole`,
    ]);
    if (code === 0) return name;
    await this.#keeper.init('fs', 'mkdir', '--parents', '--', INITS);
    const pack = tar.pack();
    for (const user of ['agent', 'root', 'other']) {
      const at = `${name}/${user}`;
      pack.entry({ name: `${at}/bin/`, type: 'directory', mode: 0o755 });
      pack.entry({ name: `${at}/init`, mode: 0o755 }, init);
      pack.entry({ name: `${at}/bin/as-subject`, type: 'symlink', linkname: '../init' });
      // An image's own user is told by the verification's environment instead.
      // With its ids: what the name means, a file of the sandbox says, which may be the subject's.
      const ids = user === 'agent' ? ` ${AGENT_UID}:${AGENT_UID}` : '';
      if (user !== 'other') pack.entry({ name: `${at}/subject`, mode: 0o644 }, `${user}${ids}\n`);
    }
    // Last: with it all is there.
    pack.entry({ name: `${name}/whole`, mode: 0o644 }, '1');
    pack.finalize();
    await this.#keeper.put(INITS, Readable.from(pack as AsyncIterable<Buffer>));
    return name;
  }
}
