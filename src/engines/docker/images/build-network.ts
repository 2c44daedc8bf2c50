import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { DockerClient } from '../docker-client.js';
import { statusOf } from '../docker-errors.js';
import { OWN_INIT } from '../own-init.js';
import type { BuildNetwork } from './builder.js';
import { hasFile } from './container-files.js';
import { ownLabels } from './names.js';

export interface BuildNetworkParts {
  readonly client: DockerClient;
  readonly owner: string;
  /** An image with codeset-init at `/codeset-init` and a folder /run. */
  readonly image: () => Promise<string>;
  /** A network of Docker's that reaches the world; made where it is not there. */
  readonly network: () => Promise<string>;
  /** What init's `network` is told beside. */
  readonly filterFlags: () => Promise<readonly string[]>;
}

const DOING = 'The network for building could not be made.';
const SOCKET = '/run/build';
const LOOKS = 300;
const LOOK_MS = 50;
const MEMORY_BYTES = 64 * 1024 ** 2;

/**
 * The network of a build's steps. They would be on Docker's default bridge, which reaches private networks and the
 * host; so they join the network of a container in which our init closed what is not the world. A build's steps have
 * Docker's default capabilities: they can't open it again. One of them, NET_RAW, can't be taken from a build, and who
 * makes up whole packets with it gets past the filter: a Dockerfile is trusted as far as that.
 */
export async function openBuildNetwork(parts: BuildNetworkParts, signal: AbortSignal): Promise<BuildNetwork> {
  const { client, owner } = parts;
  const [image, network, flags] = await Promise.all([parts.image(), parts.network(), parts.filterFlags()]);
  signal.throwIfAborted();
  return client.call(DOING, async (api) => {
    const init = '/codeset-init';
    const container = await api.createContainer({
      Image: image,
      Entrypoint: [init, 'network', ...flags, '--', init, '--listen', SOCKET],
      Cmd: [],
      Labels: ownLabels(owner),
      HostConfig: {
        NetworkMode: network,
        ...OWN_INIT,
        CapDrop: ['ALL'],
        // Init's filter needs it, and gives it up before it listens.
        CapAdd: ['NET_ADMIN', 'SETPCAP'],
        SecurityOpt: ['no-new-privileges'],
        Memory: MEMORY_BYTES,
        PidsLimit: 16,
        LogConfig: { Type: 'none', Config: {} },
      },
    });
    const remove = async (): Promise<void> => {
      await container.remove({ force: true, v: true }).catch((error: unknown) => {
        if (statusOf(error) !== 404) throw client.failed(error, DOING);
      });
    };
    try {
      await container.start();
      await untilClosed(container, signal);
      return { mode: `container:${container.id}`, [Symbol.asyncDispose]: remove };
    } catch (error) {
      await remove();
      throw error;
    }
  });
}

/** Init listens only behind its filter; its socket is a file that the daemon sees. */
async function untilClosed(container: Docker.Container, signal: AbortSignal): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    const { State } = await container.inspect();
    if (!State.Running)
      throw new Error(`the filter of the build's network ended with exit code ${State.ExitCode}`);
    if (await hasFile(container, SOCKET)) return;
    await delay(LOOK_MS, undefined, { signal });
  }
  throw new Error("the filter of the build's network did not come up");
}
