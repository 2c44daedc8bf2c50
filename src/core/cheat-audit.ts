import type { AttemptOutcome, AuditAttempt } from './audit-attempt.js';
import type { CheatTrials, Trial } from './cheat-trial.js';
import { newId } from './ids.js';
import type { AimedCheat, CheatInfo, CheatMeans } from './ports/cheats.js';
import type { SampleVersion } from './sample.js';
import { sideBySide } from './side-by-side.js';
import { verificationBlamesSubject, type Verification } from './verification.js';

/** One way of a cheat that is to be tried. */
interface Planned {
  readonly cheat: CheatInfo;
  readonly way: number;
  readonly means: CheatMeans;
}

export interface CheatsTried {
  readonly attempts: readonly AuditAttempt[];
  /** Why nothing can be said by them, a sentence; undefined otherwise. */
  readonly unfit: string | undefined;
}

/** Tries cheats against a sample, some at once, after it has shown that it tells honest work from none. */
export class CheatAudit {
  readonly #trials: CheatTrials;
  readonly #now: () => number;

  constructor(parts: { trials: CheatTrials; now: () => number }) {
    this.#trials = parts.trials;
    this.#now = parts.now;
  }

  /**
   * @param reference the reference solution as a patch, where there is one
   * @param tell is told each attempt as it ends
   * @throws the signal's reason once aborted, with nothing left
   */
  async run(
    sample: SampleVersion,
    cheats: readonly AimedCheat[],
    reference: Uint8Array | undefined,
    concurrency: number,
    tell: (attempt: AuditAttempt) => void,
    signal: AbortSignal,
  ): Promise<CheatsTried> {
    const attempts: AuditAttempt[] = [];
    const add = (attempt: AuditAttempt): void => {
      attempts.push(attempt);
      tell(attempt);
    };
    for (const { cheat, ways, why } of cheats)
      if (ways.length === 0)
        add({ ...described(cheat, 1), outcome: 'SKIPPED', judged: undefined, message: why });
    const left = cheats.flatMap(({ cheat, ways }) =>
      ways.map((means, at): Planned => ({ cheat, way: at + 1, means })),
    );
    if (left.length === 0) return { attempts, unfit: undefined };

    const auditId = newId('req', this.#now());
    let number = 0;
    const tried = (means: CheatMeans, end: AbortSignal): Promise<Trial> =>
      this.#trials.run(sample, means, { auditId, number: ++number }, end);
    const unfit =
      unfitUntouched(await tried({ kind: 'patch', diff: new Uint8Array() }, signal)) ??
      (reference && unfitReference(await tried({ kind: 'patch', diff: reference }, signal)));
    if (unfit !== undefined) {
      for (const { cheat, way } of left)
        add({ ...described(cheat, way), outcome: 'UNTRIED', judged: undefined, message: unfit });
      return { attempts, unfit };
    }

    await sideBySide(left, concurrency, signal, async ({ cheat, way, means }, either) => {
      let trial = await tried(means, either);
      // Once more, so that a fault of the service's own is not taken for the agent's doing.
      if (trial.ended === 'judged' && isFaultOfService(trial.verification))
        trial = await tried(means, either);
      add({ ...described(cheat, way), ...outcomeOf(trial) });
    });
    return { attempts, unfit: undefined };
  }
}

function described(
  { id, family, title, closedBy }: CheatInfo,
  way: number,
): Pick<AuditAttempt, 'cheat' | 'family' | 'title' | 'way' | 'closedBy'> {
  return { cheat: id, family, title, way, closedBy };
}

function outcomeOf(trial: Trial): Pick<AuditAttempt, 'outcome' | 'judged' | 'message'> {
  if (trial.ended !== 'judged') {
    const outcome: AttemptOutcome = trial.ended === 'inapplicable' ? 'SKIPPED' : 'UNTRIED';
    return { outcome, judged: undefined, message: trial.message };
  }
  const { verificationId, state, fault, verdict, message } = trial.verification;
  return {
    outcome: verificationBlamesSubject(trial.verification) ? 'HELD' : 'THROUGH',
    judged: { verificationId, state, fault, reason: verdict?.reason },
    message,
  };
}

/** Why cheats can show nothing on the sample; undefined where it fails what is untouched. */
function unfitUntouched(trial: Trial): string | undefined {
  if (trial.ended === 'judged' && verificationBlamesSubject(trial.verification)) return undefined;
  return `The untouched codebase ${howItEnded(trial)}, so that a cheat that is PASSED shows nothing; \`sample validate\` says more.`;
}

/** The same; undefined where it passes its own solution. */
function unfitReference(trial: Trial): string | undefined {
  if (trial.ended === 'judged' && trial.verification.state === 'PASSED') return undefined;
  return `The reference solution ${howItEnded(trial)}, so that a cheat that is not PASSED shows nothing; \`sample validate\` says more.`;
}

function howItEnded(trial: Trial): string {
  return trial.ended === 'judged' ? `is ${trial.verification.state}` : 'could not be judged';
}

function isFaultOfService({ state, fault }: Verification): boolean {
  return state === 'ERROR' && fault === 'SERVICE';
}
