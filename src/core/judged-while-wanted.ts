import { CodesetError } from './errors.js';
import type { Log } from './ports/log.js';
import type { VerificationManager, VerificationRequest } from './verification-manager.js';
import type { Verification } from './verification.js';

/** Whose a verification is that the service starts for itself. */
export type OwnCall = 'validation' | 'audit';

/**
 * Starts a verification for a call of the service's own, and waits for its end; it is CANCELLED when the call ends before.
 * @throws the signal's reason once aborted; as VerificationManager.start
 */
export async function judgedWhileWanted(
  { verifications, log }: { readonly verifications: VerificationManager; readonly log: Log },
  call: OwnCall,
  request: VerificationRequest,
  signal: AbortSignal,
): Promise<Verification> {
  signal.throwIfAborted();
  const { verificationId } = await verifications.start(request);
  try {
    return await verifications.ended(verificationId, signal);
  } catch (error) {
    await cancel(verificationId);
    throw error;
  }

  async function cancel(id: string): Promise<void> {
    try {
      await verifications.cancel(id, `The ${call} that started it was ended.`);
    } catch (error) {
      // It had its verdict by then.
      if (error instanceof CodesetError && error.reason === 'VERIFICATION_ENDED') return;
      log.error('a verification of a call that ended could not be cancelled', {
        call,
        verificationId: id,
        error,
      });
    }
  }
}
