import type { ContainerInfo } from 'dockerode';
import type { DockerClient } from './docker-client.js';
import { unlessGone } from './images/leftovers.js';
import { GROUND_LABEL, IMAGE_PURPOSE } from './images/names.js';
import { hasOwnName, LABEL, type Names, PASSING } from './names.js';

const DOING = 'What the service has in Docker could not be removed.';

/**
 * Removes all that a service ever kept in Docker: for one that has stopped and will not come back. Images that others
 * tagged stay, even those that it pulled when they have another name by now, and so do containers that others made of
 * its images, with what these stand on.
 * @param names of that service; its data folder may be gone since they were made
 */
export async function removeBelongings(client: DockerClient, names: Names): Promise<void> {
  const filters = { label: [`${LABEL.owner}=${names.owner}`] };
  await client.call(DOING, async (api) => {
    for (const container of await api.listContainers({ all: true, filters })) {
      if (!isOwn(names, container)) continue;
      await unlessGone(api.getContainer(container.Id).remove({ force: true, v: true }));
    }
    for (const { Name } of (await api.listVolumes({ filters })).Volumes ?? [])
      await client.find(DOING, () => api.getVolume(Name).remove());
    for (const { Id } of await api.listNetworks({ filters }))
      await client.find(DOING, () => api.getNetwork(Id).remove());
    for (const { RepoTags } of await api.listImages()) {
      for (const tag of RepoTags ?? [])
        if (tag.startsWith(`${names.images}:`)) await unlessGone(api.getImage(tag).remove());
    }
    for (let removed = 1; removed > 0;) {
      // An image's parent dangles only once the image is gone.
      const images = await api.listImages({ filters: { ...filters, dangling: ['true'] } });
      removed = 0;
      for (const { Id } of images)
        if (await unlessGone(api.getImage(Id).remove({ noprune: true }))) removed++;
    }
  });
}

/** The owner's label alone does not tell: a container has its image's labels as well. */
function isOwn(names: Names, { Labels, Names: called }: ContainerInfo): boolean {
  if (hasOwnName(names.owner, called)) return true;
  // What has no name of ours is a step to an image, of a life that was killed.
  const isStep = Labels[LABEL.purpose] === IMAGE_PURPOSE && Labels[GROUND_LABEL] === undefined;
  return isStep || Labels[LABEL.role] === PASSING;
}
