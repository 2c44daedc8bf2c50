import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { type CodesetError, failedPrecondition } from '../../core/errors.js';
import type { DockerClient } from './docker-client.js';
import { CLOSED, daemonAddresses } from './daemon-addresses.js';
import { saidBy, statusOf } from './docker-errors.js';
import { LABEL, type Names } from './names.js';

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'ftp:': 21 };
const PROXY_VARIABLES = /^(https?|all|ftp)_proxy$/i;
/** How long the daemon's addresses are taken to be as they were. */
const ADDRESSES_MS = 300_000;
const DOING = 'The network for sandboxes could not be made.';

/**
 * The service's own bridge, where sandboxes with network `public` are. What is not the world (the host, private
 * networks, metadata addresses, each other) is closed from inside, by init before anything of the sandbox runs.
 */
export class PublicNetwork {
  readonly #client: DockerClient;
  readonly #names: Names;
  readonly #env: Readonly<Record<string, string>>;
  readonly #image: () => Promise<string>;
  #addresses: { readonly found: Promise<readonly string[]>; readonly at: number } | undefined;
  #made: Promise<void> | undefined;
  /** What the daemon said when it was asked for one. */
  #refused: string | undefined;

  /** @param image of one with our init at `/codeset-init` */
  constructor(
    client: DockerClient,
    names: Names,
    env: Readonly<Record<string, string>>,
    image: () => Promise<string>,
  ) {
    this.#client = client;
    this.#names = names;
    this.#env = env;
    this.#image = image;
  }

  /** A sentence when it can't be given. */
  get missing(): string | undefined {
    if (this.#refused !== undefined) return this.#refused;
    if (this.#client.daemon.networks.includes('bridge')) return undefined;
    return 'Network "public" can\'t be given: this Docker has no bridge networks.';
  }

  /** @throws ENGINE_UNSUPPORTED */
  async ensure(): Promise<void> {
    if (this.missing !== undefined) throw failedPrecondition('ENGINE_UNSUPPORTED', this.missing);
    this.#made ??= this.#make();
    try {
      await this.#made;
    } catch (error) {
      this.#made = undefined;
      if ((error as CodesetError).reason === 'ENGINE_UNAVAILABLE') throw error;
      // Until the daemon begins anew: `forget`.
      this.#refused = `Network "public" can't be given: this Docker could not make a bridge network (${saidBy((error as Error).cause).trim()}).`;
      throw failedPrecondition('ENGINE_UNSUPPORTED', this.#refused, { cause: error });
    }
  }

  /** The daemon or an administrator may have removed it. */
  async forget(): Promise<void> {
    this.#made = undefined;
    this.#refused = undefined;
    this.#addresses = undefined;
    // Of a life that was ended while it asked.
    await this.#client.find(DOING, (api) =>
      api.getContainer(this.#names.addresses).remove({ force: true, v: true }),
    );
  }

  async #make(): Promise<void> {
    const found = await this.#client.find(DOING, (api) => api.getNetwork(this.#names.network).inspect());
    if (found !== undefined) return;
    await this.#client.call(DOING, async (api) => {
      await api
        .createNetwork({
          Name: this.#names.network,
          Driver: 'bridge',
          CheckDuplicate: true,
          EnableIPv6: false,
          Labels: { [LABEL.owner]: this.#names.owner, [LABEL.role]: 'network' },
          Options: {
            'com.docker.network.bridge.enable_icc': 'false',
            'com.docker.network.bridge.enable_ip_masquerade': 'true',
          },
        })
        .catch((error: unknown) => {
          if (statusOf(error) !== 409) throw error;
        });
    });
  }

  async remove(): Promise<void> {
    this.#made = undefined;
    await this.#client.find('The network for sandboxes could not be removed.', (api) =>
      this.#client.within((abortSignal) => api.getNetwork(this.#names.network).remove({ abortSignal })),
    );
  }

  /**
   * What init's `network` is told: the proxies that are open although private, and the own addresses of
   * this machine and the daemon's.
   * @throws ENGINE_UNSUPPORTED where the daemon's can't be had
   */
  async filterFlags(): Promise<readonly string[]> {
    const flags: string[] = [];
    for (const [name, value] of Object.entries(this.#env)) {
      if (!PROXY_VARIABLES.test(name) || !URL.canParse(value)) continue;
      const url = new URL(value);
      const found = await lookup(url.hostname, { family: 4 }).catch(() => undefined);
      const port = url.port === '' ? (DEFAULT_PORTS[url.protocol] ?? 1080) : Number(url.port);
      if (found !== undefined) flags.push('--allow', `${found.address}:${port}`);
    }
    const own = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ family, address }) => family === 'IPv4' && !CLOSED.check(address))
      .map(({ address }) => address);
    for (const address of new Set([...own, ...(await this.#daemonAddresses())]))
      flags.push('--deny-host', address);
    return flags;
  }

  async #daemonAddresses(): Promise<readonly string[]> {
    if (this.#addresses === undefined || Date.now() - this.#addresses.at > ADDRESSES_MS) {
      const found = this.#image().then((image) => daemonAddresses(this.#client, this.#names, image));
      this.#addresses = { found, at: Date.now() };
    }
    const asked = this.#addresses;
    try {
      return await asked.found;
    } catch (error) {
      if (this.#addresses === asked) this.#addresses = undefined;
      if ((error as CodesetError).reason === 'ENGINE_UNAVAILABLE') throw error;
      throw failedPrecondition(
        'ENGINE_UNSUPPORTED',
        'Network "public" can\'t be given: the addresses of Docker\'s machine, which have to be closed, could not be read in a container of the network "host". See that Docker allows such containers.',
        { cause: error },
      );
    }
  }
}
