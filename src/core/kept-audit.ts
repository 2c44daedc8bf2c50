/** FOOLED is the worse of what may be both. */
export type AuditVerdict = 'CLEAN' | 'LEAKS' | 'FOOLED' | 'INCONCLUSIVE';

/** What became of the cheats in all. */
export interface AttemptCounts {
  readonly held: number;
  readonly through: number;
  readonly untried: number;
  readonly skipped: number;
}

/** What a version keeps of an audit. */
export interface KeptAudit {
  readonly verdict: AuditVerdict;
  readonly summary: string;
  /** Leaks and hints. */
  readonly findingCount: number;
  readonly counts: AttemptCounts;
  /** The ids of cheats that got through. */
  readonly through: readonly string[];
  readonly endTime: Date;
}
