import { createHmac, randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CodesetError } from '../../../core/errors.js';
import type { DockerClient } from '../docker-client.js';
import { statusOf } from '../docker-errors.js';
import { AttachStream } from './attach-stream.js';
import { NONCE_SIZE, SECRET_VARIABLE } from './packets.js';

const ANSWER_MS = 10_000;
const RETRY_MS = 1000;
const DOING = 'The connection to the sandbox could not be made.';

/** The secret of a container. @param key of the service, that no sandbox knows */
export function linkSecret(key: Buffer, sandboxId: string): Buffer {
  return createHmac('sha256', key).update(`link ${sandboxId}`).digest();
}

/** What PID 1 of a container finds in its environment, and removes. */
export function linkEnvironment(secret: Buffer): string {
  return `${SECRET_VARIABLE}=${secret.toString('hex')}`;
}

/**
 * A new connection to the init of a container that was created with OpenStdin, without StdinOnce, Tty and a log, and
 * whose init runs with `--attach`. It takes the place of the one before.
 * @param secret as its environment has it
 * @param received may get what comes, in place of `data` events; the chunk is good during the call only
 * @throws SESSION_LOST when the container is gone or ended; ENGINE_UNAVAILABLE, ENGINE_FAILED: try again
 */
export async function openAttachLink(
  client: DockerClient,
  containerId: string,
  secret: Buffer,
  received?: (chunk: Buffer) => void,
): Promise<Duplex> {
  await checkRuns(client, containerId);
  const socket = await attach(client, containerId);
  const stream = new AttachStream(socket, secret, randomBytes(NONCE_SIZE), received);
  let problem: unknown;
  const note = (error: unknown): void => void (problem ??= error);
  // Stays: whoever takes the stream over may come a moment after its end.
  stream.on('error', note);
  try {
    await stream.opened(ANSWER_MS);
  } catch (error) {
    await checkRuns(client, containerId);
    throw notNow("The sandbox's init does not answer just now; try again.", problem ?? error);
  }
  return stream;
}

async function attach(client: DockerClient, containerId: string): Promise<Duplex> {
  try {
    // Without `hijack` dockerode half-closes wrongly and loses output.
    const socket = await client.api
      .getContainer(containerId)
      .attach({ stream: true, stdin: true, stdout: true, stderr: false, hijack: true });
    if (socket instanceof Socket) socket.setNoDelay(true).setKeepAlive(true, 15_000);
    return socket as Duplex;
  } catch (error) {
    if (statusOf(error) === 404) throw lost(error);
    if (statusOf(error) === 409) throw notNow('The sandbox stands still just now; try again.', error);
    throw client.failed(error, DOING);
  }
}

async function checkRuns(client: DockerClient, containerId: string): Promise<void> {
  const found = await client.find(DOING, (api) => api.getContainer(containerId).inspect());
  if (found === undefined || !found.State.Running) throw lost();
}

function lost(cause?: unknown): CodesetError {
  return new CodesetError('failed-precondition', 'SESSION_LOST', 'The sandbox is gone.', { cause });
}

function notNow(message: string, cause: unknown): CodesetError {
  return new CodesetError('unavailable', 'ENGINE_FAILED', message, { cause, retryAfterMs: RETRY_MS });
}
