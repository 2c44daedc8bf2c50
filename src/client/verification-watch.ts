import { VerificationState, type Verification } from '../../gen/codeset/v1/verification.js';
import type { WatchVerificationResponse } from '../../gen/codeset/v1/verification_service.js';
import type { VerificationClient } from './connection.js';
import { CodesetClientError } from './errors.js';
import { backoffMs, pause } from './pause.js';

const RETRY_MS = 30_000;
const FINAL: ReadonlySet<VerificationState> = new Set([
  VerificationState.PASSED,
  VerificationState.FAILED,
  VerificationState.ERROR,
  VerificationState.TIMED_OUT,
  VerificationState.CANCELLED,
]);

export interface WatchControl {
  readonly signal?: AbortSignal | undefined;
  /** For how long a broken connection is tried again, in milliseconds. Default 30,000. */
  readonly reconnectTimeoutMs?: number | undefined;
}

/**
 * Watches a verification to its end, over restarts of the server.
 * @returns the verification in its last state. @throws CodesetClientError
 */
export async function* watchVerification(
  verifications: VerificationClient,
  verificationId: string,
  control: WatchControl = {},
): AsyncGenerator<WatchVerificationResponse, Verification, undefined> {
  let latest: Verification | undefined;
  let logOffset = 0n;
  let giveUp: number | undefined;
  let attempt = 0;
  const { signal, reconnectTimeoutMs = RETRY_MS } = control;
  for (;;) {
    try {
      // Of one that has ended the log comes behind its first message, too.
      let first = true;
      for await (const message of verifications.watchVerification(
        { verificationId, logOffset },
        { signal },
      )) {
        giveUp = undefined;
        attempt = 0;
        const { event } = message;
        if (event?.$case === 'verification') latest = event.value;
        else if (event !== undefined) logOffset = event.value.offset + BigInt(event.value.data.length);
        yield message;
        // The log came before it; the stream's end waits for what is cleared away.
        if (!first && event?.$case === 'verification' && FINAL.has(event.value.state)) return event.value;
        first = false;
      }
      if (latest === undefined) throw new Error('The server answered without a verification.');
      return latest;
    } catch (error) {
      if (!(error instanceof CodesetClientError)) throw error;
      // The verdict is there; `log_expired` says what became of the log.
      if (error.reason === 'VERIFICATION_LOG_EXPIRED' && latest !== undefined) return latest;
      if (error.reason === 'OFFSET_OUT_OF_RANGE' && logOffset > 0n) {
        // A restarted service began the log anew.
        logOffset = 0n;
        continue;
      }
      giveUp ??= Date.now() + reconnectTimeoutMs;
      const waitMs = backoffMs(attempt++);
      if (error.code !== 'UNAVAILABLE' || Date.now() + waitMs > giveUp) throw error;
      await pause(waitMs, signal);
    }
  }
}
