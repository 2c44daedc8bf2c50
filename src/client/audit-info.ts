import type { Audit as WireAudit, AuditFinding as WireFinding } from '../../gen/codeset/v1/sample_service.js';
import { auditArea, auditVerdict, leakKind } from './words.js';

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

/** What an audit found of one version of a sample. */
export interface AuditInfo {
  readonly verdict: 'CLEAN' | 'LEAKS' | 'INCONCLUSIVE' | 'UNRECOGNIZED';
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
  readonly endTime: Date | undefined;
}

export function auditInfo({ verdict, places, findings, ...audit }: WireAudit): AuditInfo {
  const word = auditVerdict(verdict) as AuditInfo['verdict'];
  return {
    ...audit,
    verdict: word,
    clean: word === 'CLEAN',
    places: Number(places),
    findings: findings.map(auditFinding),
  };
}

export function auditFinding({ kind, area, ...finding }: WireFinding): AuditFinding {
  return {
    ...finding,
    kind: leakKind(kind) as LeakKind,
    area: auditArea(area) as AuditArea,
  };
}
