import { lstat, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connectToInit } from '../../shared/init-socket.js';
import type { Names } from '../names.js';
import type { Link, LinkedContainer, LinkSettings } from '../parts.js';

/** Only root comes into it, whoever the folder from outside belongs to. */
const CLOSED = '/run/codeset-link';
const INSIDE = `${CLOSED}/d`;
const SOCKET = 'init.sock';
/** Of a sandbox's folder, what is mounted in it until its init listens. */
const MOUNTED = 'd';

/**
 * For a daemon that shares this machine: init listens on a socket in a folder of ours that is seen inside. Before
 * anything of the sandbox runs the socket is moved to where nothing inside can reach it, and the folder is removed:
 * the sandbox's root could put a link to another's socket there, or files that nobody counts.
 */
export class SocketLink implements Link {
  readonly mode = 'socket';
  readonly #names: Names;

  constructor(names: Names) {
    this.#names = names;
  }

  async prepare(sandboxId: string): Promise<LinkSettings> {
    const folder = this.#names.socketFolder(sandboxId);
    // Of an init that ended: another can't listen there.
    await rm(folder, { recursive: true, force: true });
    const mounted = join(folder, MOUNTED);
    await mkdir(mounted, { recursive: true, mode: 0o700 });
    return {
      initArguments: ['--listen', `${INSIDE}/${SOCKET}`],
      env: [],
      mounts: [{ Type: 'bind', Source: mounted, Target: INSIDE, BindOptions: { Propagation: 'rprivate' } }],
      tmpfs: { [CLOSED]: 'rw,nosuid,nodev,noexec,mode=0700,size=16k' },
      openStdin: false,
      socketFolder: folder,
    };
  }

  /** @throws SocketGone where no init can listen any more */
  async open(
    { sandboxId, socketFolder }: LinkedContainer,
    received?: (chunk: Buffer) => void,
  ): Promise<Duplex> {
    const socket = await this.#closedOff(socketFolder ?? this.#names.socketFolder(sandboxId));
    try {
      return await connectToInit(socket, received);
    } catch (error) {
      // It listens as long as it lives.
      if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') throw new SocketGone(socket, error);
      throw error;
    }
  }

  /** The socket's path, once the sandbox can't reach it. Whoever was killed in the middle of it left it to be gone on with. */
  async #closedOff(folder: string): Promise<string> {
    const socket = join(folder, SOCKET);
    const mounted = join(folder, MOUNTED);
    if (!(await isSocket(socket))) {
      if (await isSocket(join(mounted, SOCKET))) {
        await rename(join(mounted, SOCKET), socket).catch(unlessMissing);
      }
      // Also when another call moved it meanwhile.
      if (!(await isSocket(socket))) {
        await lstat(folder).catch((error: unknown) => {
          throw new SocketGone(folder, error);
        });
        throw new Error(`init does not listen at ${socket}`);
      }
    }
    await rmdir(mounted).catch(unlessMissing);
    return socket;
  }

  async remove(sandboxId: string, socketFolder = this.#names.socketFolder(sandboxId)): Promise<void> {
    for (const folder of new Set([this.#names.socketFolder(sandboxId), socketFolder]))
      await rm(folder, { recursive: true, force: true });
  }

  async prepared(): Promise<readonly string[]> {
    return readdir(this.#names.run).catch(() => []);
  }
}

/** No init listens at a sandbox's socket, or ever will: it has ended, or is not on this machine any more. */
export class SocketGone extends Error {
  override readonly name = 'SocketGone';

  constructor(path: string, cause: unknown) {
    super(`nothing listens at ${path}`, { cause });
  }
}

/** False for a link to one. */
async function isSocket(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isSocket(),
    () => false,
  );
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
