import type { AuditCounts, AuditOutline as WireOutline } from '../../gen/codeset/v1/sample.js';
import type {
  Audit as WireAudit,
  AuditAttempt as WireAttempt,
  AuditFinding as WireFinding,
} from '../../gen/codeset/v1/sample_service.js';
import { auditArea, auditOutcome, auditVerdict, fault, leakKind, verificationState } from './words.js';

/** What of a sample's hidden parts was found. */
export type LeakKind = 'SOLUTION' | 'HIDDEN_FILE' | 'EXPECTED_VALUE' | 'TEST_NAME' | 'UNRECOGNIZED';

/** Where a session holds something. */
export type AuditArea = 'TASK' | 'WORKSPACE' | 'OUTSIDE' | 'GIT' | 'ENVIRONMENT' | 'UNRECOGNIZED';

/** Hidden content in one place of a session. */
export interface AuditFinding {
  readonly kind: LeakKind;
  /** Too little to give the sample away, or chance. */
  readonly hint: boolean;
  readonly area: AuditArea;
  /** A file's absolute path, a git object's type and id, a variable's name, `task.md`. */
  readonly path: string;
  /** Which hidden file most of it is of. */
  readonly source: string;
  /** Distinct pieces that were found there. */
  readonly pieces: number;
  /** The longest of them, cut. */
  readonly excerpt: string;
  /** How to close it. */
  readonly closedBy: string;
}

/**
 * What became of a cheat. HELD: not PASSED, by the agent's fault. THROUGH: PASSED, or an ERROR that is not the agent's
 * fault. UNTRIED: it could not be tried. SKIPPED: it does not apply to the sample.
 */
export type AuditOutcome = 'HELD' | 'THROUGH' | 'UNTRIED' | 'SKIPPED' | 'UNRECOGNIZED';

/** One cheat tried against a sample, in one way. */
export interface AuditAttempt {
  /** The cheat's id. */
  readonly cheat: string;
  readonly family: string;
  /** What the agent did, as the end of the sentence "The agent …". */
  readonly title: string;
  /** Which of the ways in which the cheat is tried, from 1. */
  readonly way: number;
  readonly outcome: AuditOutcome;
  /** How it was judged; undefined where there was no verdict. */
  readonly judged:
    { readonly verificationId: string; readonly state: string; readonly fault: string } | undefined;
  /** The verification's message, or why it was not tried. */
  readonly message: string;
  /** How a sample closes it. */
  readonly closedBy: string;
}

/** How many ways of cheats ended how. */
export interface AttemptCounts {
  readonly held: number;
  readonly through: number;
  readonly untried: number;
  readonly skipped: number;
}

export type AuditVerdict = 'CLEAN' | 'LEAKS' | 'FOOLED' | 'INCONCLUSIVE' | 'UNRECOGNIZED';

/** What a version keeps of its last audit. */
export interface AuditOutline {
  readonly verdict: AuditVerdict;
  readonly summary: string;
  /** Places that held something hidden, hints among them. */
  readonly findingCount: number;
  readonly counts: AttemptCounts;
  /** The ids of cheats that got through. */
  readonly through: readonly string[];
  readonly endTime: Date | undefined;
}

/** What an audit found of one version of a sample. */
export interface AuditInfo {
  readonly verdict: AuditVerdict;
  /** Whether `verdict` is CLEAN. */
  readonly clean: boolean;
  /** The verdict in words, without hidden content. */
  readonly summary: string;
  /** How many pieces were searched for. */
  readonly pieces: number;
  /** How many files, git objects and variables were searched. */
  readonly places: number;
  /** Leaks first, then hints; at most 1000. */
  readonly findings: readonly AuditFinding[];
  /** How many there are in all. */
  readonly findingCount: number;
  /** What could not be searched, a sentence each. */
  readonly unsearched: readonly string[];
  /** The cheats that were asked for: those that got through first, then untried, held and skipped ones. */
  readonly attempts: readonly AuditAttempt[];
  readonly counts: AttemptCounts;
  readonly endTime: Date | undefined;
}

export function auditInfo({ verdict, places, findings, attempts, counts, ...audit }: WireAudit): AuditInfo {
  const word = auditVerdict(verdict) as AuditVerdict;
  return {
    ...audit,
    verdict: word,
    clean: word === 'CLEAN',
    places: Number(places),
    findings: findings.map(auditFinding),
    attempts: attempts.map(auditAttempt),
    counts: attemptCounts(counts),
  };
}

export function auditFinding({ kind, area, ...finding }: WireFinding): AuditFinding {
  return {
    ...finding,
    kind: leakKind(kind) as LeakKind,
    area: auditArea(area) as AuditArea,
  };
}

export function auditAttempt({ outcome, judged, ...attempt }: WireAttempt): AuditAttempt {
  return {
    ...attempt,
    outcome: auditOutcome(outcome) as AuditOutcome,
    judged: judged && {
      verificationId: judged.verificationId,
      state: verificationState(judged.state),
      fault: fault(judged.fault),
    },
  };
}

export function auditOutline({ verdict, counts, ...outline }: WireOutline): AuditOutline {
  return { ...outline, verdict: auditVerdict(verdict) as AuditVerdict, counts: attemptCounts(counts) };
}

/** Of a server that tries no cheats they are missing. */
function attemptCounts(counts: AuditCounts | undefined): AttemptCounts {
  return counts ?? { held: 0, through: 0, untried: 0, skipped: 0 };
}
