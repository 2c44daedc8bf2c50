import { countsOf, type AttemptOutcome, type AuditAttempt } from './audit-attempt.js';
import type { Audit, AuditFinding } from './audit.js';
import type { CheatsTried } from './cheat-audit.js';
import type { AttemptCounts, AuditVerdict, KeptAudit } from './kept-audit.js';

const MAX_FINDINGS = 1000;
/** As much of each as fits into one message beside the rest. */
const MAX_FINDINGS_BYTES = 512 * 1024;
const MAX_MESSAGE = 1000;
const ORDER: readonly AttemptOutcome[] = ['THROUGH', 'UNTRIED', 'HELD', 'SKIPPED'];

/** All that an audit came to. */
export interface Audited {
  /** How many were searched for. */
  readonly pieces: number;
  readonly places: number;
  readonly findings: readonly AuditFinding[];
  readonly unsearched: readonly string[];
  readonly tried: CheatsTried;
  readonly endTime: Date;
}

/** What an audit says in all. Pure. */
export function outcomeOf({ pieces, places, findings, unsearched, tried, endTime }: Audited): Audit {
  const leaks = findings.filter(({ hint }) => !hint).length;
  const counts = countsOf(tried.attempts);
  const isWhole = unsearched.length === 0 && counts.untried === 0 && tried.unfit === undefined;
  return {
    verdict: verdictOf(counts.through, leaks, isWhole),
    summary: [
      leaksSummary(leaks, findings.length - leaks, pieces, unsearched.length > 0),
      ...cheatsSummary(counts, tried),
    ].join(' '),
    pieces,
    places,
    findings: boundedFindings(findings),
    findingCount: findings.length,
    unsearched,
    attempts: ordered(tried.attempts),
    counts,
    endTime,
  };
}

export function keptOf({ verdict, summary, findingCount, counts, attempts, endTime }: Audit): KeptAudit {
  const through = attempts.filter(({ outcome }) => outcome === 'THROUGH').map(({ cheat }) => cheat);
  return { verdict, summary, findingCount, counts, through: [...new Set(through)], endTime };
}

/** As many findings as one message holds. */
export function boundedFindings(found: readonly AuditFinding[]): readonly AuditFinding[] {
  let bytes = 0;
  return found.slice(0, MAX_FINDINGS).filter((finding) => {
    bytes += Buffer.byteLength(JSON.stringify(finding));
    return bytes <= MAX_FINDINGS_BYTES;
  });
}

function verdictOf(through: number, leaks: number, isWhole: boolean): AuditVerdict {
  if (through > 0) return 'FOOLED';
  if (leaks > 0) return 'LEAKS';
  return isWhole ? 'CLEAN' : 'INCONCLUSIVE';
}

function leaksSummary(leaks: number, hints: number, pieces: number, isPartial: boolean): string {
  const about =
    leaks > 0
      ? `${counted(leaks, 'place')} in a session of the sample ${leaks === 1 ? 'gives' : 'give'} away what it hides.`
      : `Nothing of what the sample hides was found, by ${counted(pieces, 'distinctive piece')}.`;
  const further = hints === 0 ? '' : ` ${counted(hints, 'further place')} may be a hint, or chance.`;
  return `${about}${further}${isPartial ? ' Not everything could be searched.' : ''}`;
}

function cheatsSummary({ held, through, untried }: AttemptCounts, { unfit }: CheatsTried): readonly string[] {
  if (unfit !== undefined) return [unfit];
  const tried = held + through;
  if (tried + untried === 0) return [];
  return [
    through === 0
      ? `Of ${counted(tried, 'cheat')} that ${tried === 1 ? 'was' : 'were'} tried none got through.`
      : `Of ${counted(tried, 'cheat')} that ${tried === 1 ? 'was' : 'were'} tried ${through} got through.`,
    ...(untried === 0 ? [] : [`${counted(untried, 'cheat')} could not be tried.`]),
  ];
}

function ordered(attempts: readonly AuditAttempt[]): readonly AuditAttempt[] {
  return ORDER.flatMap((wanted) => attempts.filter(({ outcome }) => outcome === wanted)).map((attempt) => ({
    ...attempt,
    message: attempt.message.slice(0, MAX_MESSAGE),
  }));
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
