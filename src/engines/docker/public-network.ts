import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { type CodesetError, failedPrecondition } from '../../core/errors.js';
import type { DockerClient } from './docker-client.js';
import { saidBy, statusOf } from './docker-errors.js';
import { LABEL, type Names } from './names.js';

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'ftp:': 21 };
const PROXY_VARIABLES = /^(https?|all|ftp)_proxy$/i;
const DOING = 'The network for sandboxes could not be made.';

/**
 * The service's own bridge, where sandboxes with network `public` are. What is not the world (the host, private
 * networks, metadata addresses, each other) is closed from inside, by init before anything of the sandbox runs.
 */
export class PublicNetwork {
  readonly #client: DockerClient;
  readonly #names: Names;
  readonly #env: Readonly<Record<string, string>>;
  #made: Promise<void> | undefined;
  /** What the daemon said when it was asked for one. */
  #refused: string | undefined;

  constructor(client: DockerClient, names: Names, env: Readonly<Record<string, string>>) {
    this.#client = client;
    this.#names = names;
    this.#env = env;
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
  forget(): void {
    this.#made = undefined;
    this.#refused = undefined;
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
      api.getNetwork(this.#names.network).remove(),
    );
  }

  /** What init's `network` is told: the proxies that are open although private, and this host's own addresses. */
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
      .filter((address) => address.family === 'IPv4' && !address.internal);
    for (const { address } of own) flags.push('--deny-host', address);
    return flags;
  }
}
