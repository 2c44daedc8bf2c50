import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { failedPrecondition } from '../../../core/errors.js';
import type { ResolveOptions } from '../../../core/ports/engine.js';
import type { Log } from '../../../core/ports/log.js';
import type { DockerClient } from '../docker-client.js';
import { describeError } from '../docker-errors.js';
import { ownRepository, ownTag } from './names.js';
import type { Puller } from './puller.js';
import { canonicalName, familiarName, type ImageReference, parseReference } from './reference.js';

export interface OwnPullsParts {
  readonly client: DockerClient;
  readonly owner: string;
  readonly puller: Puller;
  readonly log: Log;
  /** Where pulls are on record while they go on. Undefined: nowhere, and what a killed life pulled is the user's. */
  readonly folder: string | undefined;
}

/** A pull that was begun. */
interface Intent {
  /** Of its file, which stands until what came of it is known as ours. */
  readonly path: string | undefined;
  readonly reference: ImageReference;
  /** Ids of the images that were there: those are the user's. */
  readonly before: readonly string[];
}

/**
 * Pulls images so that what is there because of us is known by a tag of ours. The daemon names an image before we can,
 * so a pull is on record first: a service that was killed between the two tags it in its next life.
 */
export class OwnPulls {
  readonly #parts: OwnPullsParts;
  /** Files of pulls that go on in this life. */
  readonly #going = new Set<string>();

  constructor(parts: OwnPullsParts) {
    this.#parts = parts;
  }

  /** As Puller.pull. */
  async pull(
    reference: ImageReference,
    progress: ResolveOptions['progress'],
    signal?: AbortSignal,
  ): Promise<Docker.ImageInspectInfo> {
    const intent = await this.#intend(reference);
    try {
      await this.#parts.puller.pull(reference, progress, signal).catch(async (error: unknown) => {
        // It may have come all the same, a moment too late for who asked. Else the file stays for the next sweep.
        await this.#claim(intent).catch(() => undefined);
        throw error;
      });
      const pulled = await this.#claim(intent);
      if (pulled !== undefined) return pulled;
      throw failedPrecondition(
        'ENVIRONMENT_UNMET',
        `Docker pulled the image ${familiarName(reference)} and has none of that name: try again.`,
      );
    } finally {
      if (intent.path !== undefined) this.#going.delete(intent.path);
    }
  }

  /** Tags what came of pulls whose service was killed. Never throws: what fails is tried the next time. */
  async sweep(): Promise<void> {
    const { folder, log } = this.#parts;
    if (folder === undefined) return;
    // Whether anything was ever pulled or not, a data folder looks the same.
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch(() => undefined);
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      if (this.#going.has(path)) continue;
      try {
        const intent = readIntent(path, await readFile(path, 'utf8'));
        // One that was not written to its end was never begun.
        if (intent === undefined) await rm(path, { force: true });
        else await this.#claim(intent);
      } catch (error) {
        log.warn('an image that an earlier life pulled is not tagged yet', { error: describeError(error) });
      }
    }
  }

  async #intend(reference: ImageReference): Promise<Intent> {
    const { client, folder } = this.#parts;
    const images = await client.call('Docker could not list its images.', (api) =>
      api.listImages({ all: true }),
    );
    const before = images.map(({ Id }) => Id);
    if (folder === undefined) return { path: undefined, reference, before };
    const path = join(folder, randomUUID());
    this.#going.add(path);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(path, JSON.stringify({ image: canonicalName(reference), before }), { mode: 0o600 });
    } catch (error) {
      this.#going.delete(path);
      throw error;
    }
    return { path, reference, before };
  }

  /** What the user had before is the user's; the rest is known as ours by a tag. */
  async #claim({ path, reference, before }: Intent): Promise<Docker.ImageInspectInfo | undefined> {
    // With a tag and a digest Docker keeps the digest only.
    const pulled =
      (await this.#inspect(familiarName(reference))) ??
      (reference.digest === undefined
        ? undefined
        : await this.#inspect(familiarName({ ...reference, tag: undefined })));
    if (pulled !== undefined && !before.includes(pulled.Id)) await this.#tag(pulled.Id, reference);
    if (path !== undefined) await rm(path, { force: true });
    return pulled;
  }

  async #tag(id: string, reference: ImageReference): Promise<void> {
    const { client, owner } = this.#parts;
    const kept = reference.digest === undefined ? reference : { ...reference, tag: undefined };
    await client.call('An image could not be tagged.', (api) =>
      api.getImage(id).tag({ repo: ownRepository(owner), tag: ownTag('pull', canonicalName(kept)) }),
    );
  }

  #inspect(name: string): Promise<Docker.ImageInspectInfo | undefined> {
    const { client } = this.#parts;
    return client.find('Docker could not say whether an image is there.', (api) =>
      client.within(() => api.getImage(name).inspect()),
    );
  }
}

/** @returns undefined for what no pull wrote whole */
function readIntent(path: string, text: string): Intent | undefined {
  try {
    const { image, before } = JSON.parse(text) as { image: string; before: readonly string[] };
    return { path, reference: parseReference(image), before };
  } catch {
    return undefined;
  }
}
