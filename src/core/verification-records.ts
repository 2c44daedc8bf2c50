import { notFound } from './errors.js';
import { Turns } from './keyed.js';
import type { Log } from './ports/log.js';
import type { Storage } from './ports/storage.js';
import { verificationMayBecome, type Verification, type VerificationState } from './verification.js';

/** Verifications on record: the only place that moves them along their states. Moves of one come one after another. */
export class VerificationRecords {
  readonly #storage: Storage;
  readonly #log: Log;
  readonly #turns = new Turns();

  constructor(parts: { storage: Storage; log: Log }) {
    this.#storage = parts.storage;
    this.#log = parts.log;
  }

  /** @throws VERIFICATION_NOT_FOUND */
  async get(verificationId: string): Promise<Verification> {
    const verification = await this.#storage.verifications.find(verificationId);
    if (verification === undefined) throw notFound('VERIFICATION_NOT_FOUND', 'verification', verificationId);
    return verification;
  }

  /** Undefined when the verification may not make that move (any more). */
  move(
    verificationId: string,
    to: VerificationState,
    change: Partial<Verification> = {},
  ): Promise<Verification | undefined> {
    return this.#turns.run(verificationId, async () => {
      const verification = await this.#storage.verifications.find(verificationId);
      if (verification === undefined || !verificationMayBecome(verification.state, to)) return undefined;
      await this.#storage.verifications.update(verificationId, { ...change, state: to });
      this.#log.info('verification moved', { verificationId, from: verification.state, to });
      return { ...verification, ...change, state: to };
    });
  }

  /** It is run once more. @returns the number of that attempt */
  async again({ verificationId, attempt }: Verification): Promise<number> {
    await this.#storage.verifications.update(verificationId, { attempt: attempt + 1 });
    return attempt + 1;
  }
}
