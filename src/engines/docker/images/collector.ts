import type Docker from 'dockerode';
import type { DockerClient } from '../docker-client.js';
import { statusOf } from '../docker-errors.js';
import { GROUND_LABEL, type ImageKind, ownRepository, ownTag } from './names.js';
import { canonicalName, parseReference, repositoryOf } from './reference.js';

/** When images that nothing refers to are removed. */
export interface CollectPolicy {
  /** Of all images that are there because of us, as far as they share nothing with others. Default 50 GiB. */
  readonly maxBytes?: number;
  /** So long after its last use an image stays while there is room, in milliseconds. Default one day. */
  readonly graceMs?: number;
}

export interface Collected {
  /** Names or ids of what was removed. */
  readonly removed: readonly string[];
  /** What the images that are there because of us take, in bytes. */
  readonly bytes: number;
}

/** An image that we pulled, built or made. */
export interface OwnImage {
  readonly id: string;
  readonly kinds: ReadonlySet<ImageKind>;
  /** What a ground image was made of, else itself. */
  readonly source: string;
  /** All of its names that are there because of us. */
  readonly names: readonly string[];
  /** Somebody else gave it a name, too. */
  readonly shared: boolean;
  readonly bytes: number;
  /** Of its last use, as far as the daemon knows. */
  readonly time: number;
}

/** Reads from the daemon which images are there because of us, and removes some. */
export class Collector {
  readonly #client: DockerClient;
  readonly #owner: string;

  constructor(client: DockerClient, owner: string) {
    this.#client = client;
    this.#owner = owner;
  }

  async own(): Promise<readonly OwnImage[]> {
    return this.#client.call("The service's images could not be listed.", async (api) => {
      const listed = await api.listImages();
      const inspected: Docker.ImageInspectInfo[] = [];
      for (const { Id } of listed) {
        try {
          inspected.push(await api.getImage(Id).inspect());
        } catch (error) {
          if (statusOf(error) !== 404) throw error;
        }
      }
      const sizes = ownSizes(inspected);
      return inspected.flatMap((image) => {
        const own = this.#describe(image, sizes.get(image.Id) ?? image.Size);
        return own === undefined ? [] : [own];
      });
    });
  }

  /**
   * Takes away the names that are there because of us, and so the image where it has no other.
   * @returns false where a container needs it
   */
  async remove(image: OwnImage): Promise<boolean> {
    const own = image.names.filter((name) => this.#kindOf(name) !== undefined);
    const names = image.shared ? own : image.names;
    return this.#client.call('An image could not be removed.', async (api) => {
      for (const name of names) {
        try {
          await api.getImage(name).remove();
        } catch (error) {
          // Names fall with others.
          if (statusOf(error) === 409) return false;
          if (statusOf(error) !== 404) throw error;
        }
      }
      return true;
    });
  }

  #kindOf(name: string): ImageKind | undefined {
    const prefix = `${ownRepository(this.#owner)}:`;
    if (!name.startsWith(prefix)) return undefined;
    const kind = /^(pull|build|ground|toolbox)-[0-9a-f]{40}$/.exec(name.slice(prefix.length))?.[1];
    return kind as ImageKind | undefined;
  }

  #describe(image: Docker.ImageInspectInfo, bytes: number): OwnImage | undefined {
    const tags = image.RepoTags ?? [];
    const digests = image.RepoDigests ?? [];
    const own = tags.filter((name) => this.#kindOf(name) !== undefined);
    if (own.length === 0) return undefined;
    const pulls = new Set(own.map((name) => name.slice(name.indexOf(':') + 1)));
    const pulled = [...tags, ...digests].filter((name) => pulls.has(ownTag('pull', canonical(name))));
    // A digest comes and goes with the tags of its repository.
    const repositories = new Set(pulled.map(repository));
    const along = digests.filter((name) => !pulled.includes(name) && repositories.has(repository(name)));
    const others = [...tags, ...digests].filter(
      (name) =>
        !own.includes(name) &&
        !pulled.includes(name) &&
        !along.includes(name) &&
        !name.startsWith(`${ownRepository(this.#owner)}@`),
    );
    const told = image as { Metadata?: { LastTagTime?: string } };
    const time = Math.max(Date.parse(told.Metadata?.LastTagTime ?? ''), 0) || Date.parse(image.Created) || 0;
    const kinds = own.flatMap((name) => this.#kindOf(name) ?? []);
    const source = kinds.includes('ground') ? image.Config?.Labels?.[GROUND_LABEL] : undefined;
    return {
      id: image.Id,
      kinds: new Set(kinds),
      source: source ?? image.Id,
      // Ours at last: while there is another name, it is known as ours.
      names: [...along, ...pulled, ...own],
      shared: others.length > 0,
      bytes,
      time,
    };
  }
}

function canonical(name: string): string {
  try {
    return canonicalName(parseReference(name));
  } catch {
    return name;
  }
}

function repository(name: string): string {
  try {
    return repositoryOf(parseReference(name));
  } catch {
    return name;
  }
}

/** What each image takes beyond the image that it stands on, of all that are there. */
function ownSizes(images: readonly Docker.ImageInspectInfo[]): ReadonlyMap<string, number> {
  const byLayers = new Map<string, number>();
  for (const { RootFS, Size } of images) byLayers.set((RootFS?.Layers ?? []).join(), Size);
  const sizes = new Map<string, number>();
  for (const { Id, RootFS, Size } of images) {
    const layers = RootFS?.Layers ?? [];
    let below = 0;
    for (let count = layers.length - 1; count > 0 && below === 0; count--)
      below = byLayers.get(layers.slice(0, count).join()) ?? 0;
    sizes.set(Id, Math.max(0, Size - below));
  }
  return sizes;
}
