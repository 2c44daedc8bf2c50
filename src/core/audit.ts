import type { AuditAttempt } from './audit-attempt.js';
import type { AttemptCounts, AuditVerdict } from './kept-audit.js';
import type { SampleName } from './sample-catalog.js';

/** Where a session holds something. */
export type AuditArea = 'TASK' | 'WORKSPACE' | 'OUTSIDE' | 'GIT' | 'ENVIRONMENT';

/** What of the hidden parts was found. */
export type LeakKind = 'SOLUTION' | 'HIDDEN_FILE' | 'EXPECTED_VALUE' | 'TEST_NAME';

/** Hidden content in one place of a session. */
export interface AuditFinding {
  readonly kind: LeakKind;
  /** A hint is too little to give the sample away, or may be chance; only what is none makes a verdict LEAKS. */
  readonly hint: boolean;
  readonly area: AuditArea;
  /** `/workspace/a.py`; `blob 1f0c…`, a git object's type and id; a variable's name; `task.md`. */
  readonly path: string;
  /** Which file of the solution, of the sample's `verification/`, or list of tests most of it is of. */
  readonly source: string;
  /** Distinct pieces that were found there. */
  readonly pieces: number;
  /** The longest of them, cut. */
  readonly excerpt: string;
  /** How to close it, a sentence. */
  readonly closedBy: string;
}

/** What an audit found of one version of a sample. */
export interface Audit {
  readonly verdict: AuditVerdict;
  /** The verdict in words, without hidden content. */
  readonly summary: string;
  /** How many pieces were searched for. */
  readonly pieces: number;
  /** How many places were searched: files, git objects, variables. */
  readonly places: number;
  /** Leaks first, then hints; bounded. */
  readonly findings: readonly AuditFinding[];
  /** How many there are in all. */
  readonly findingCount: number;
  /** What could not be searched, a sentence each. */
  readonly unsearched: readonly string[];
  /** Cheats that were asked for: those that got through first, then untried, held and skipped ones. */
  readonly attempts: readonly AuditAttempt[];
  readonly counts: AttemptCounts;
  readonly endTime: Date;
}

export interface AuditRequest {
  readonly sample: SampleName;
  /** Ids and families of those to try; empty: all. */
  readonly cheats: readonly string[];
  /** Only search for leaks. */
  readonly skipCheats: boolean;
  /** Cheats tried side by side; more than verifications that the service runs at once means that. */
  readonly concurrency: number;
}

export type AuditEvent = { readonly sampleId: string; readonly version: number } & (
  | { readonly type: 'finding'; readonly finding: AuditFinding }
  | { readonly type: 'attempt'; readonly attempt: AuditAttempt }
  | { readonly type: 'audit'; readonly audit: Audit }
);
