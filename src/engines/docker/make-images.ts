import { join } from 'node:path';
import type { DockerClient } from './docker-client.js';
import { openBuildNetwork } from './images/build-network.js';
import { DockerImages } from './images/docker-images.js';
import { importKeeperImage } from './keeper-image.js';
import type { Keeper } from './keeper.js';
import type { Names } from './names.js';
import type { DockerEngineOptions } from './options.js';
import type { Images } from './parts.js';
import type { PublicNetwork } from './public-network.js';

export interface ImageParts {
  readonly options: DockerEngineOptions;
  readonly client: DockerClient;
  readonly keeper: Keeper;
  readonly names: Names;
  readonly network: PublicNetwork;
}

export type MakeImages = (parts: ImageParts) => Promise<Images>;

/** The images that the options ask for. */
export const makeDockerImages: MakeImages = async ({ options, client, keeper, names, network }) => {
  const images = new DockerImages({
    client,
    owner: names.owner,
    log: options.log,
    pullsFolder: join(options.dataDir, 'docker', 'pulls'),
    openBuildNetwork: (signal) =>
      openBuildNetwork(
        {
          client,
          owner: names.owner,
          image: () => importKeeperImage(client, names, keeper.hostInitPath),
          network: async () => {
            await network.ensure();
            return names.network;
          },
          filterFlags: () => network.filterFlags(),
        },
        signal,
      ),
    ...(options.configDir === undefined ? {} : { dockerConfigDir: options.configDir }),
    ...(options.toolboxImage === undefined ? {} : { toolboxImage: options.toolboxImage }),
    ...(options.passThroughEnv === undefined ? {} : { passThroughEnv: options.passThroughEnv }),
    ...(options.imagePolicy === undefined ? {} : { policy: options.imagePolicy }),
  });
  return images;
};
