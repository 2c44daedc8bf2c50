import type { Duplex } from 'node:stream';
import { CodesetError } from '../../../core/errors.js';
import type { DockerClient } from '../docker-client.js';
import { Signals } from './signals.js';
import { StandIn } from './stand-in.js';

/**
 * What PID 1 of such a container is: it waits, and buries what others leave. The image must have `/bin/sh` and `sleep`;
 * for signals `tr`, `grep` and `sed` as well.
 */
export const IDLE_COMMAND: readonly string[] = [
  '/bin/sh',
  '-c',
  'trap "exit 0" TERM; while :; do sleep 3600 & wait; done',
];

const SIGKILL = 9;

interface Known {
  readonly containerId: string;
  readonly standIn: StandIn;
  /** Resolves when nothing of an earlier life runs in it any more. */
  readonly cleared: Promise<void>;
}

/**
 * Links to containers in which init can't run. What is behind one lives in this process: commands that run when it
 * ends are told as lost by the next, whose first connection ends them and all else that runs there: nobody is left to
 * hold them to their limits.
 *
 * What such a link lacks: the processor time and memory of a command are told as 0; an exit by a signal that nobody
 * here sent, SIGKILL aside, is told as the exit status 128 + signal; stdout and stderr stop together when either is not
 * read; what a child writes after the command's exit and its streams' end is lost; commands keep the capabilities' bounding set
 * of the container, of which they can gain none; named shells, files and the verification's `as-subject` need init.
 */
export class ExecLinks {
  readonly #client: DockerClient;
  readonly #standIns = new Map<string, Known>();

  constructor(client: DockerClient) {
    this.#client = client;
  }

  /**
   * As Engine.connect.
   * @throws SESSION_LOST when the container is gone or ended; ENGINE_UNAVAILABLE, ENGINE_FAILED
   */
  async open(sandboxId: string, containerId: string, received?: (chunk: Buffer) => void): Promise<Duplex> {
    const found = await this.#client.find('The connection to the sandbox could not be made.', (api) =>
      api.getContainer(containerId).inspect(),
    );
    if (found === undefined || !found.State.Running) {
      this.forget(sandboxId);
      throw gone();
    }
    let known = this.#standIns.get(sandboxId);
    if (known?.containerId !== containerId) {
      known?.standIn.close();
      known = {
        containerId,
        standIn: new StandIn(this.#client, containerId),
        cleared: this.#clear(containerId),
      };
      this.#standIns.set(sandboxId, known);
    }
    try {
      await known.cleared;
    } catch (error) {
      // Whoever comes next begins anew.
      if (this.#standIns.get(sandboxId) === known) this.forget(sandboxId);
      throw error;
    }
    if (this.#standIns.get(sandboxId) !== known) throw gone();
    return known.standIn.open(received);
  }

  async #clear(containerId: string): Promise<void> {
    await new Signals(this.#client, containerId).toAll(SIGKILL);
  }

  /** Lets go of what is held for a sandbox that is no more. */
  forget(sandboxId: string): void {
    this.#standIns.get(sandboxId)?.standIn.close();
    this.#standIns.delete(sandboxId);
  }
}

function gone(): CodesetError {
  return new CodesetError('failed-precondition', 'SESSION_LOST', 'The sandbox is gone.');
}
