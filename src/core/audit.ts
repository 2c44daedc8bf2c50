import type { SampleName } from './sample-catalog.js';

/** Where a session holds something. */
export type AuditArea = 'TASK' | 'WORKSPACE' | 'OUTSIDE' | 'GIT' | 'ENVIRONMENT';

/** What of the hidden parts was found. */
export type LeakKind = 'SOLUTION' | 'HIDDEN_FILE' | 'EXPECTED_VALUE' | 'TEST_NAME';

export type AuditVerdict = 'CLEAN' | 'LEAKS' | 'INCONCLUSIVE';

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
  readonly endTime: Date;
}

export interface AuditRequest {
  readonly sample: SampleName;
}

export type AuditEvent = { readonly sampleId: string; readonly version: number } & (
  | { readonly type: 'finding'; readonly finding: AuditFinding }
  | { readonly type: 'audit'; readonly audit: Audit }
);
