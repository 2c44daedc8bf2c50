import type { Duplex } from 'node:stream';
import type { DockerClient } from '../docker-client.js';
import type { Link, LinkedContainer, LinkSettings } from '../parts.js';
import { ExecLinks, IDLE_COMMAND } from './exec-links.js';

/** For containers in which init can't run: their commands are execs of the daemon's. */
export class ExecLink implements Link {
  readonly mode = 'exec';
  readonly #links: ExecLinks;

  constructor(client: DockerClient) {
    this.#links = new ExecLinks(client);
  }

  async prepare(): Promise<LinkSettings> {
    return { initArguments: [], env: [], mounts: [], tmpfs: {}, openStdin: false, command: IDLE_COMMAND };
  }

  open({ sandboxId, containerId }: LinkedContainer, received?: (chunk: Buffer) => void): Promise<Duplex> {
    return this.#links.open(sandboxId, containerId, received);
  }

  async remove(sandboxId: string): Promise<void> {
    this.#links.forget(sandboxId);
  }

  async prepared(): Promise<readonly string[]> {
    return [];
  }
}
