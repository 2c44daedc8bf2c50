import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { failedPrecondition } from '../../../core/errors.js';
import type { DockerClient } from '../docker-client.js';
import { daemonEvents, failureIn } from './json-lines.js';
import { ownLabels, ownRepository, ownTag } from './names.js';
import { toolboxTar } from './toolbox-tar.js';

/** Node's words for what Docker calls otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/**
 * Brings the image of this machine's own tools to the daemon, unless it has the very same.
 * @returns its id
 * @throws ENVIRONMENT_UNMET where this machine lacks a tool, ENGINE_UNSUPPORTED where the daemon runs another
 *   architecture
 */
export async function bringToolbox(client: DockerClient, owner: string): Promise<string> {
  const here = ARCHITECTURES[process.arch] ?? process.arch;
  if (here !== client.daemon.architecture) {
    throw failedPrecondition(
      'ENGINE_UNSUPPORTED',
      `Docker runs on ${client.daemon.architecture} and this service on ${here}, so that the image for its own work can't be made of this machine's tools: name an image that has git and a shell in the setting toolbox_image.`,
    );
  }
  const tar = await toolboxTar();
  const repo = ownRepository(owner);
  const tag = ownTag('toolbox', createHash('sha256').update(tar).digest('hex'));
  const doing = "The image of this machine's tools could not be given to Docker.";
  const there = await client.find(doing, (api) => api.getImage(`${repo}:${tag}`).inspect());
  if (there !== undefined) return there.Id;
  const changes = Object.entries(ownLabels(owner)).map(([key, value]) => `LABEL ${key}=${value}`);
  return client.call(doing, async (api) => {
    const answer = await api.importImage(Readable.from([tar]), { repo, tag, changes });
    for await (const event of daemonEvents(Readable.from(answer))) {
      const failure = failureIn(event);
      if (failure !== undefined) throw new Error(failure);
    }
    return (await api.getImage(`${repo}:${tag}`).inspect()).Id;
  });
}
