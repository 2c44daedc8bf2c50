import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connectToInit } from '../../shared/init-socket.js';
import type { Names } from '../names.js';
import type { Link, LinkedContainer, LinkSettings } from '../parts.js';

/** Only root comes into it, whoever the folder from outside belongs to. */
const CLOSED = '/run/codeset-link';
const INSIDE = `${CLOSED}/d`;
const SOCKET = 'init.sock';

/** For a daemon that shares this machine: a folder of ours is seen inside, where init listens on a socket. */
export class SocketLink implements Link {
  readonly mode = 'socket';
  readonly #names: Names;

  constructor(names: Names) {
    this.#names = names;
  }

  async prepare(sandboxId: string): Promise<LinkSettings> {
    const folder = this.#names.socketFolder(sandboxId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // Of an init that ended: another can't listen there.
    await rm(join(folder, SOCKET), { force: true });
    return {
      initArguments: ['--listen', `${INSIDE}/${SOCKET}`],
      env: [],
      mounts: [{ Type: 'bind', Source: folder, Target: INSIDE, BindOptions: { Propagation: 'rprivate' } }],
      tmpfs: { [CLOSED]: 'rw,nosuid,nodev,noexec,mode=0700,size=16k' },
      openStdin: false,
    };
  }

  open({ sandboxId }: LinkedContainer, received?: (chunk: Buffer) => void): Promise<Duplex> {
    return connectToInit(join(this.#names.socketFolder(sandboxId), SOCKET), received);
  }

  async remove(sandboxId: string): Promise<void> {
    await rm(this.#names.socketFolder(sandboxId), { recursive: true, force: true });
  }

  async prepared(): Promise<readonly string[]> {
    return readdir(this.#names.run).catch(() => []);
  }
}
