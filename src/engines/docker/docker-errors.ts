import { CodesetError, EngineAway } from '../../core/errors.js';
import { diskFull } from '../shared/disk-full.js';
import { tlsFailure } from './tls-failure.js';

const AWAY = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
const RETRY_MS = 2000;
/** A bind mount writes nothing: the kernel takes no more mounts then. An overlay's makes a folder. */
const MOUNTS_FULL = /mount [^\s,]+, flags: \S+ no space left on device/i;

/** The HTTP status of an answer of the daemon; undefined where it is no such answer. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** What the daemon said, without what dockerode puts around it. */
export function saidBy(error: unknown): string {
  const json = (error as { json?: unknown } | undefined)?.json;
  if (typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string')
    return json.message;
  return error instanceof Error ? error.message : String(error);
}

/** The daemon can't be asked. @param why for the log only */
export function daemonAway(address: string, why: unknown): EngineAway {
  return new EngineAway(
    `Docker does not answer at ${address}: start it or set docker_host to where it is, or try again when it is back.`,
    {
      cause: why,
      retryAfterMs: RETRY_MS,
    },
  );
}

/** For the log. */
export function describeError(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${String(error.cause)}` : '';
  return `${String(error)}${cause}`;
}

/**
 * The one place that says what an error of dockerode means for a caller.
 * @param doing a sentence for what failed: `The sandbox could not be made.`
 */
export function dockerFailed(error: unknown, doing: string, address: string): CodesetError {
  if (error instanceof CodesetError) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const status = statusOf(error);
  const said = saidBy(error);
  // Of a file of ours, which has a path, the same codes say nothing of the daemon.
  const isConnection =
    status === undefined && (error as NodeJS.ErrnoException | undefined)?.path === undefined;
  if (isConnection && (code === 'EACCES' || code === 'EPERM')) {
    return new EngineAway(
      `This user may not use Docker at ${address}: add it to the group "docker" and log in again, or start the service as a user who may.`,
      { cause: error, retryAfterMs: 30_000 },
    );
  }
  const tls = status === undefined || status === 400 ? tlsFailure(code ?? '', said, address) : undefined;
  if (tls !== undefined) return new EngineAway(tls, { cause: error, retryAfterMs: 30_000 });
  if (isConnection && (AWAY.has(code ?? '') || /socket hang up|other side closed/.test(said)))
    return daemonAway(address, error);
  if (MOUNTS_FULL.test(said)) {
    return new CodesetError(
      'internal',
      'ENGINE_FAILED',
      "Docker's machine takes no more mounts (sysctl fs.mount-max): restart Docker, which lets go of those it left behind.",
      { cause: error },
    );
  }
  if (code === 'ENOSPC' || code === 'EDQUOT' || /no space left on device|disk quota exceeded/i.test(said))
    return diskFull(error);
  // While it stops or starts, the daemon answers for a container runtime that is not there.
  if (
    status === 503 ||
    (status === 500 &&
      /containerd.*(connection refused|unavailable|not running)|transport is closing/i.test(said))
  )
    return daemonAway(address, error);
  return new CodesetError('internal', 'ENGINE_FAILED', doing, { cause: error });
}
