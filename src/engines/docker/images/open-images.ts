import type { DockerClient } from '../docker-client.js';
import type { DockerEngineOptions } from '../options.js';
import type { BuildNetwork } from './builder.js';
import { DockerImages } from './docker-images.js';

/**
 * The images of an engine with these options. What an earlier life left half-made goes at once, before anything new is
 * made.
 * @param openBuildNetwork see build-network.ts; undefined: no build gets a network
 */
export function openImages(
  options: DockerEngineOptions,
  client: DockerClient,
  owner: string,
  openBuildNetwork?: (signal: AbortSignal) => Promise<BuildNetwork>,
): DockerImages {
  const { configDir, imagePolicy, log, passThroughEnv, toolboxImage } = options;
  const images = new DockerImages({
    client,
    owner,
    log,
    ...(configDir === undefined ? {} : { dockerConfigDir: configDir }),
    ...(imagePolicy === undefined ? {} : { policy: imagePolicy }),
    ...(passThroughEnv === undefined ? {} : { passThroughEnv }),
    ...(toolboxImage === undefined ? {} : { toolboxImage }),
    ...(openBuildNetwork === undefined ? {} : { openBuildNetwork }),
  });
  // It says in the log what it could not do, and what is made waits for it.
  void images.start();
  return images;
}
