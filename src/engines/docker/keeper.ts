import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import type { ContainerCreateOptions, ContainerInspectInfo } from 'dockerode';
import { CodesetError } from '../../core/errors.js';
import type { Log } from '../../core/ports/log.js';
import { diskFull } from '../shared/disk-full.js';
import { InitClient, type ProgramOptions, type ProgramResult } from '../shared/init-client.js';
import { Carrier } from './carrier.js';
import type { DockerClient } from './docker-client.js';
import { statusOf } from './docker-errors.js';
import { importKeeperImage } from './keeper-image.js';
import { linkLabels } from './container-link.js';
import { LABEL, type Names, STORE } from './names.js';
import { OWN_INIT } from './own-init.js';
import type { Link } from './parts.js';

export const CGROUPS = '/cgroup';
export const KEEPER = 'keeper';
const INIT = '/codeset-init';
const CONNECT_MS = 10_000;
const RETRY_MS = 2000;
const DOING = "The service's own container in Docker could not be started.";

export interface KeeperParts {
  readonly client: DockerClient;
  readonly names: Names;
  readonly link: Link;
  /** The codeset-init of the daemon's own architecture. */
  readonly initPath: string;
  readonly log: Log;
}

/** Files that a daemon holds are worked on by programs of init's in this container, which stands as long as the service uses it. */
export class Keeper {
  readonly #parts: KeeperParts;
  readonly #carrier: Carrier;
  #client: InitClient | undefined;
  #opening: Promise<InitClient> | undefined;
  #mountpoint = '';
  #closed = false;
  /** Called when the keeper was begun anew, before anybody uses it: what was known of the store may be old. */
  onBegun: () => Promise<void> = async () => undefined;
  #begun = false;
  #beginning = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#carrier = new Carrier(parts.client, parts.names);
  }

  /** Starts it where it does not run. */
  async open(): Promise<void> {
    await this.#connected();
  }

  /** Where the store lies for the daemon. */
  get mountpoint(): string {
    return this.#mountpoint;
  }

  /** @throws ENGINE_UNAVAILABLE where the keeper went meanwhile: whether the program ran is not known then. */
  async run(argv: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
    const client = await this.#connected();
    try {
      return await client.run(argv, options);
    } catch (error) {
      throw new CodesetError(
        'unavailable',
        'ENGINE_UNAVAILABLE',
        "The service's own container in Docker went while it was needed: try again.",
        { cause: error, retryAfterMs: RETRY_MS },
      );
    }
  }

  /** One of init's own programs: `store …`, `fs …`. @throws DISK_FULL, ENGINE_FAILED */
  async init(...words: readonly string[]): Promise<Buffer> {
    const { code, stdout, stderr } = await this.run([INIT, ...words]);
    if (code === 0) return stdout;
    if (code === 4 || /No space left on device|Disk quota exceeded/.test(stderr))
      throw diskFull(new Error(stderr));
    throw new KeeperFailure(code, stderr);
  }

  /** Small files as the keeper sees them; undefined for one that can't be read. */
  async cat(...paths: readonly string[]): Promise<readonly (string | undefined)[]> {
    const output = await this.init('store', 'cat', ...paths);
    const texts: (string | undefined)[] = [];
    for (let at = 0; at < output.length;) {
      const line = output.indexOf('\n', at);
      const length = output.toString('latin1', at, line);
      at = line + 1;
      if (length === '-') {
        texts.push(undefined);
        continue;
      }
      texts.push(output.toString('utf8', at, at + Number(length)));
      at += Number(length);
    }
    return texts;
  }

  /** The keeper's init, on this machine. */
  get hostInitPath(): string {
    return this.#parts.initPath;
  }

  /** The command line of init's programs in the keeper. */
  get initPath(): string {
    return INIT;
  }

  /** Unpacks a tar into a folder of the store. The stream must be one that was checked. */
  async put(path: string, tar: Readable, abortSignal?: AbortSignal): Promise<void> {
    await this.#connected();
    await this.#carrier.put(path, tar, abortSignal);
  }

  close(): void {
    this.#closed = true;
    this.#client?.close();
  }

  /** Ends and removes the container; the store stays. */
  async remove(): Promise<void> {
    this.close();
    const { client, link, names } = this.#parts;
    await this.#carrier.remove();
    await client.find('The keeper could not be removed.', (api) =>
      client.within((abortSignal) =>
        api.getContainer(names.keeper).remove({ force: true, v: true, abortSignal }),
      ),
    );
    await link.remove(KEEPER);
  }

  async #connected(): Promise<InitClient> {
    if (this.#client?.isOpen === true) return this.#client;
    if (this.#closed) throw new CodesetError('unavailable', 'SHUTTING_DOWN', 'The service is stopping.');
    this.#opening ??= this.#connect().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #connect(): Promise<InitClient> {
    if (await this.#ensureContainer()) this.#begun = false;
    const { link, names } = this.#parts;
    const deadline = Date.now() + CONNECT_MS;
    for (let pause = 2; ; pause = Math.min(pause * 2, 200)) {
      try {
        const found = new InitClient(await link.open({ sandboxId: KEEPER, containerId: names.keeper }));
        await this.#begin(found);
        return found;
      } catch (error) {
        if (error instanceof CodesetError && error.reason !== 'ENGINE_FAILED') throw error;
        // Of a socket of ours, its code would say something else of the daemon's.
        if (Date.now() > deadline)
          throw new CodesetError('internal', 'ENGINE_FAILED', DOING, { cause: error });
        await sleep(pause);
      }
    }
  }

  async #begin(found: InitClient): Promise<void> {
    this.#client = found;
    if (this.#begun || this.#beginning) return;
    this.#beginning = true;
    // Uses this very connection: nobody waits for the opening in it.
    this.#opening = undefined;
    try {
      await this.onBegun();
      this.#begun = true;
    } catch (error) {
      found.close();
      throw error;
    } finally {
      this.#beginning = false;
    }
  }

  /** True when it had to be started. */
  async #ensureContainer(): Promise<boolean> {
    const { client, names } = this.#parts;
    const image = await importKeeperImage(client, names, this.#parts.initPath);
    const volume = await client.call(DOING, (api) =>
      api.createVolume({ Name: names.store, Labels: { [LABEL.owner]: names.owner, [LABEL.role]: 'store' } }),
    );
    this.#mountpoint =
      (volume as unknown as { Mountpoint?: string }).Mountpoint ??
      (await client.call(DOING, (api) => api.getVolume(names.store).inspect())).Mountpoint;
    await this.#carrier.ensure(image);
    const found = await client.find(DOING, (api) => api.getContainer(names.keeper).inspect());
    if (found !== undefined && this.#isOurs(found, image)) return false;
    if (found !== undefined) {
      await client.find(DOING, (api) => api.getContainer(names.keeper).remove({ force: true, v: true }));
    }
    const settings = await this.#settings(image);
    await client.call(DOING, async (api) => {
      await api.createContainer(settings).catch((error: unknown) => {
        // Two that begin at once: the other's is as good.
        if (statusOf(error) !== 409) throw error;
      });
      await api.getContainer(names.keeper).start();
    });
    return true;
  }

  #isOurs(found: ContainerInspectInfo, image: string): boolean {
    const { link, names } = this.#parts;
    return (
      found.State.Running &&
      !found.State.Paused &&
      found.Image === image &&
      found.Config.Labels[LABEL.link] === link.mode &&
      (link.mode !== 'socket' || found.Config.Labels[LABEL.linkFolder] === names.socketFolder(KEEPER))
    );
  }

  async #settings(image: string): Promise<ContainerCreateOptions> {
    const { link, names } = this.#parts;
    const linked = await link.prepare(KEEPER);
    const { initArguments, env, mounts, tmpfs, openStdin } = linked;
    return {
      name: names.keeper,
      Image: image,
      Entrypoint: [INIT],
      Cmd: [...initArguments],
      Env: [...env],
      User: '0:0',
      OpenStdin: openStdin,
      StdinOnce: false,
      AttachStdin: false,
      Hostname: 'codeset-keeper',
      Labels: { [LABEL.owner]: names.owner, [LABEL.role]: KEEPER, ...linkLabels(link.mode, linked) },
      HostConfig: {
        NetworkMode: 'none',
        UsernsMode: 'host',
        ...OWN_INIT,
        CapDrop: ['ALL'],
        CapAdd: [
          'CAP_SYS_ADMIN',
          'CAP_MKNOD',
          'CAP_CHOWN',
          'CAP_DAC_OVERRIDE',
          'CAP_DAC_READ_SEARCH',
          'CAP_FOWNER',
          'CAP_FSETID',
          'CAP_SETFCAP',
          'CAP_SETUID',
          'CAP_SETGID',
          'CAP_KILL',
        ],
        // Copies of what sandboxes wrote keep the overlay's own marks, and stacks of layers are mounted to be read.
        SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined', 'label=disable'],
        LogConfig: { Type: 'none', Config: {} },
        RestartPolicy: { Name: 'no' },
        Tmpfs: { ...tmpfs },
        Mounts: [
          {
            Type: 'volume',
            Source: names.store,
            Target: STORE,
            VolumeOptions: {
              NoCopy: true,
              Labels: {},
              DriverConfig: { Name: 'local', Options: {} },
            },
          },
          { Type: 'bind', Source: '/sys/fs/cgroup', Target: CGROUPS, ReadOnly: true },
          ...mounts,
        ],
      },
    };
  }
}

/** A program of the keeper's failed. */
export class KeeperFailure extends CodesetError {
  /** Its exit; init/PROTOCOL.md says what each means. Undefined after a signal. */
  readonly code: number | undefined;

  constructor(code: number | undefined, stderr: string) {
    super('internal', 'ENGINE_FAILED', 'Docker could not do what the sandbox needs.', {
      cause: new Error(stderr),
    });
    this.code = code;
  }
}
