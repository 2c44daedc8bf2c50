import type { DeepPartial, StartVerificationRequest } from '../../gen/codeset/v1/verification_service.js';
import type { Connection } from './connection.js';
import { late, type CallControl } from './deadline.js';
import { newId } from './new-id.js';
import { present } from './present.js';
import { verdict, type Verdict } from './verdict.js';
import { watchVerification } from './verification-watch.js';
import { FEEDBACKS, numberOf, SCOPES } from './words.js';

export interface VerifyOptions extends CallControl {
  /**
   * What of a session is judged: its difference from the base commit, its workspace, or all of its files, where the
   * programs that judge may be the agent's. Default: as the sample says.
   */
  readonly scope?: keyof typeof SCOPES | undefined;
  /** What who has no admin's key is shown of it at most. Default: as sample and session say. */
  readonly feedback?: keyof typeof FEEDBACKS | undefined;
  /** The same id again gives the same verification. Default: a new one. */
  readonly requestId?: string | undefined;
  /** Sees the script's log as it is written, stdout and stderr as they came; a new attempt begins it anew. */
  readonly onLog?: ((data: Buffer, attempt: number) => void) | undefined;
}

/**
 * Starts a verification and waits for its end, over restarts of the service. When `signal` is aborted or
 * `timeoutMs` passes the verification is cancelled.
 */
export async function verify(
  connection: Connection,
  subject: NonNullable<DeepPartial<StartVerificationRequest>['subject']>,
  options: VerifyOptions,
): Promise<Verdict> {
  const { verifications } = connection;
  const { onLog, timeoutMs } = options;
  const stop = new AbortController();
  const abort = (): void => stop.abort(options.signal?.reason);
  const { signal } = stop;
  options.signal?.addEventListener('abort', abort);
  if (options.signal?.aborted === true) abort();
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => stop.abort(late(timeoutMs)), timeoutMs);
  const requestId = options.requestId ?? newId('req');
  let verificationId: string | undefined;
  try {
    const scope = options.scope === undefined ? {} : { scope: numberOf(SCOPES, options.scope, 'scope') };
    const feedback =
      options.feedback === undefined ? {} : { feedback: numberOf(FEEDBACKS, options.feedback, 'feedback') };
    const ask = { requestId, subject, ...scope, ...feedback };
    const answer = await verifications.startVerification(ask, { signal });
    ({ verificationId } = present(answer.verification, 'verification'));
    const { reconnectTimeoutMs } = connection;
    const watch = watchVerification(verifications, verificationId, { signal, reconnectTimeoutMs });
    for (;;) {
      const step = await watch.next();
      if (step.done === true) return verdict(step.value);
      if (step.value.event?.$case === 'log')
        onLog?.(step.value.event.value.data, step.value.event.value.attempt);
    }
  } catch (error) {
    // It may have ended by then, and the service may be gone.
    if (signal.aborted && verificationId !== undefined)
      verifications.cancelVerification({ verificationId }).catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
}
