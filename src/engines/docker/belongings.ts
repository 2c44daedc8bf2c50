import type { DockerClient } from './docker-client.js';
import { LABEL, type Names } from './names.js';

const DOING = 'What the service has in Docker could not be removed.';

/**
 * Removes all that a service ever kept in Docker: for one that has stopped and will not come back. Images that others
 * tagged stay, even those that it pulled when they have another name by now.
 * @param names of that service; its data folder may be gone since they were made
 */
export async function removeBelongings(client: DockerClient, names: Names): Promise<void> {
  const filters = { label: [`${LABEL.owner}=${names.owner}`] };
  await client.call(DOING, async (api) => {
    for (const { Id } of await api.listContainers({ all: true, filters }))
      await client.find(DOING, () => api.getContainer(Id).remove({ force: true, v: true }));
    for (const { Name } of (await api.listVolumes({ filters })).Volumes)
      await client.find(DOING, () => api.getVolume(Name).remove());
    for (const { Id } of await api.listNetworks({ filters }))
      await client.find(DOING, () => api.getNetwork(Id).remove());
    for (const { RepoTags } of await api.listImages()) {
      for (const tag of RepoTags ?? [])
        if (tag.startsWith(`${names.images}:`)) await client.find(DOING, () => api.getImage(tag).remove());
    }
    const dangling = { ...filters, dangling: ['true'] };
    for (const { Id } of await api.listImages({ filters: dangling }))
      await client.find(DOING, () => api.getImage(Id).remove());
  });
}
