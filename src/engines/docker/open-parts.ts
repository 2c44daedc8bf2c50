import { join } from 'node:path';
import { checkRuntime } from './check-runtime.js';
import { DockerClient } from './docker-client.js';
import { InitFolders } from './init-folders.js';
import { importKeeperImage } from './keeper-image.js';
import type { Keeper } from './keeper.js';
import { KnownContainers } from './known-containers.js';
import { Layers } from './layers.js';
import type { Links } from './links.js';
import type { MakeImages } from './make-images.js';
import { SandboxMaker } from './maker.js';
import { Names } from './names.js';
import { openKeeper } from './open-keeper.js';
import type { DockerEngineOptions } from './options.js';
import { openOwner } from './owner.js';
import type { Images } from './parts.js';
import { PublicNetwork } from './public-network.js';
import { Roots } from './roots.js';
import { Sandboxes } from './sandboxes.js';

const RESERVE_BYTES = 512 * 1024 ** 2;

/** What an engine works with, tied to one daemon. */
export interface DockerParts {
  readonly options: DockerEngineOptions;
  /** Bytes kept free on the daemon's file system. */
  readonly reserveBytes: number;
  readonly client: DockerClient;
  readonly names: Names;
  readonly keeper: Keeper;
  readonly links: Links;
  readonly images: Images;
  readonly layers: Layers;
  readonly roots: Roots;
  readonly inits: InitFolders;
  readonly network: PublicNetwork;
  readonly sandboxes: Sandboxes;
  readonly containers: KnownContainers;
  readonly maker: SandboxMaker;
}

/**
 * Finds the daemon, and makes an engine's parts on it. What an earlier life left is not looked at yet.
 * @throws ENGINE_UNAVAILABLE while the daemon is away, ENGINE_UNSUPPORTED
 */
export async function openParts(options: DockerEngineOptions, makeImages: MakeImages): Promise<DockerParts> {
  const client = await DockerClient.open(options.address, options.tls);
  const { log, runtime } = options;
  checkRuntime(client, runtime);
  const names = new Names(await openOwner(options.dataDir), options.runDir);
  const { keeper, links } = await openKeeper(options, client, names);
  try {
    const reserveBytes = options.reserveBytes ?? RESERVE_BYTES;
    const layers = new Layers(keeper);
    const inits = new InitFolders(keeper, options.initPath);
    const network = new PublicNetwork(client, names, options.passThroughEnv ?? {}, () =>
      importKeeperImage(client, names, keeper.hostInitPath),
    );
    const sandboxes = new Sandboxes({
      client,
      names,
      keeper,
      layers,
      links,
      reserveBytes,
      endedFolder: join(options.dataDir, 'docker', 'ended'),
    });
    return {
      options,
      reserveBytes,
      client,
      names,
      keeper,
      links,
      images: await makeImages({ options, client, keeper, names, network }),
      layers,
      roots: new Roots(client, names, layers, options.log),
      inits,
      network,
      sandboxes,
      containers: new KnownContainers(async (sandboxId) => (await sandboxes.find(sandboxId))?.container),
      maker: new SandboxMaker({
        client,
        names,
        keeper,
        layers,
        links,
        sandboxes,
        inits,
        network,
        runtime,
        log,
      }),
    };
  } catch (error) {
    keeper.close();
    throw error;
  }
}
