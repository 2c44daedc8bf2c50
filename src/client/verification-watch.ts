import type { Verification } from '../../gen/codeset/v1/verification.js';
import type { WatchVerificationResponse } from '../../gen/codeset/v1/verification_service.js';
import type { VerificationClient } from './connection.js';
import { CodesetClientError } from './errors.js';

const RETRY_MS = 30_000;
const RETRY_PAUSE_MS = 300;

/**
 * Watches a verification to its end, over restarts of the server.
 * @returns the verification in its last state. @throws CodesetClientError
 */
export async function* watchVerification(
  verifications: VerificationClient,
  verificationId: string,
): AsyncGenerator<WatchVerificationResponse, Verification, undefined> {
  let latest: Verification | undefined;
  let logOffset = 0n;
  let giveUp: number | undefined;
  for (;;) {
    try {
      for await (const message of verifications.watchVerification({ verificationId, logOffset })) {
        giveUp = undefined;
        const { event } = message;
        if (event?.$case === 'verification') latest = event.value;
        else if (event !== undefined) logOffset = event.value.offset + BigInt(event.value.data.length);
        yield message;
      }
      if (latest === undefined) throw new Error('The server answered without a verification.');
      return latest;
    } catch (error) {
      if (!(error instanceof CodesetClientError)) throw error;
      if (error.reason === 'OFFSET_OUT_OF_RANGE' && logOffset > 0n) {
        // A restarted service began the log anew.
        logOffset = 0n;
        continue;
      }
      giveUp ??= Date.now() + RETRY_MS;
      if (error.code !== 'UNAVAILABLE' || Date.now() > giveUp) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
    }
  }
}
