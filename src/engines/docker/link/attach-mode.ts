import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { DockerClient } from '../docker-client.js';
import { madeOnce } from '../made-once.js';
import type { Link, LinkedContainer, LinkSettings } from '../parts.js';
import { linkEnvironment, linkSecret, openAttachLink } from './attach-link.js';

const KEY_BYTES = 32;

/** For any daemon, near or far: packets over PID 1's own stdin and stdout. */
export class AttachLink implements Link {
  readonly mode = 'attach';
  readonly #client: DockerClient;
  readonly #key: Buffer;

  private constructor(client: DockerClient, key: Buffer) {
    this.#client = client;
    this.#key = key;
  }

  /** @param folder the service's own, where its key lies */
  static async open(client: DockerClient, folder: string): Promise<AttachLink> {
    const path = join(folder, 'link-key');
    const key = await madeOnce(folder, 'link-key', () => randomBytes(KEY_BYTES));
    // A new one in its place would open none of the sandboxes that are there.
    if (key.length !== KEY_BYTES)
      throw new Error(`${path} should hold ${KEY_BYTES} bytes: restore it from a backup.`);
    return new AttachLink(client, key);
  }

  async prepare(sandboxId: string): Promise<LinkSettings> {
    return {
      initArguments: ['--attach'],
      env: [linkEnvironment(linkSecret(this.#key, sandboxId))],
      mounts: [],
      tmpfs: {},
      openStdin: true,
    };
  }

  open({ sandboxId, containerId }: LinkedContainer, received?: (chunk: Buffer) => void): Promise<Duplex> {
    return openAttachLink(this.#client, containerId, linkSecret(this.#key, sandboxId), received);
  }

  async remove(): Promise<void> {}

  async prepared(): Promise<readonly string[]> {
    return [];
  }
}
