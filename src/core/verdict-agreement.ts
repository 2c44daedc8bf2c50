import type { Log } from './ports/log.js';
import type { Storage } from './ports/storage.js';
import type { Disagreement } from './validation.js';
import type { Verification, VerificationState } from './verification.js';

const NOT_PASSED: readonly VerificationState[] = ['FAILED', 'TIMED_OUT'];

/** Notices when two verifications judged one subject by one version of a sample and did not agree. */
export class VerdictAgreement {
  readonly #storage: Storage;
  readonly #log: Log;
  readonly #now: () => number;

  constructor(parts: { storage: Storage; log: Log; now: () => number }) {
    this.#storage = parts.storage;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /** Notes it with the sample when an earlier one ended otherwise. What fails here takes nothing from the verdict. */
  async look(ended: Verification): Promise<void> {
    const passed = ended.state === 'PASSED';
    if (ended.subjectDigest === '' || !(passed || NOT_PASSED.includes(ended.state))) return;
    const { verificationId, sampleId, sampleVersion, subjectDigest } = ended;
    try {
      const other = await this.#storage.verifications.findSibling(ended, passed ? NOT_PASSED : ['PASSED']);
      if (other === undefined) return;
      const disagreement: Disagreement = {
        subjectDigest,
        passedVerificationId: passed ? verificationId : other.verificationId,
        failedVerificationId: passed ? other.verificationId : verificationId,
        time: new Date(this.#now()),
      };
      await this.#storage.samples.update(sampleId, sampleVersion, { disagreement });
      this.#log.warn('verifications of one subject disagree', { sampleId, sampleVersion, ...disagreement });
    } catch (error) {
      this.#log.error('verdicts could not be compared', { verificationId, error });
    }
  }
}
