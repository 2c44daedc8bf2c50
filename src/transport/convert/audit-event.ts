import * as pb from '../../../gen/codeset/v1/sample_service.js';
import type { AuditAttempt } from '../../core/audit-attempt.js';
import type { Audit, AuditEvent, AuditFinding } from '../../core/audit.js';
import { enumTable } from '../enum-table.js';
import { auditVerdicts } from './audit.js';
import { VerdictReason } from '../../../gen/codeset/v1/verification.js';
import { faults, verdictReasons, verificationStates } from './verification.js';

const areas = enumTable(pb.AuditArea, {
  TASK: 'TASK',
  WORKSPACE: 'WORKSPACE',
  OUTSIDE: 'OUTSIDE',
  GIT: 'GIT',
  ENVIRONMENT: 'ENVIRONMENT',
});
const kinds = enumTable(pb.LeakKind, {
  SOLUTION: 'SOLUTION',
  HIDDEN_FILE: 'HIDDEN_FILE',
  EXPECTED_VALUE: 'EXPECTED_VALUE',
  TEST_NAME: 'TEST_NAME',
});

const outcomes = enumTable(pb.AuditAttemptOutcome, {
  HELD: 'HELD',
  THROUGH: 'THROUGH',
  UNTRIED: 'UNTRIED',
  SKIPPED: 'SKIPPED',
});

export function auditEventToProto(event: AuditEvent): pb.AuditSampleResponse {
  const sample = { sampleId: event.sampleId, version: event.version, dataset: '' };
  switch (event.type) {
    case 'finding':
      return { sample, event: { $case: 'finding', value: findingToProto(event.finding) } };
    case 'attempt':
      return { sample, event: { $case: 'attempt', value: attemptToProto(event.attempt) } };
    case 'audit':
      return { sample, event: { $case: 'audit', value: auditToProto(event.audit) } };
  }
}

function auditToProto({ verdict, findings, unsearched, places, attempts, ...audit }: Audit): pb.Audit {
  return {
    ...audit,
    verdict: auditVerdicts.toProto(verdict),
    places: BigInt(places),
    findings: findings.map(findingToProto),
    unsearched: [...unsearched],
    attempts: attempts.map(attemptToProto),
  };
}

function findingToProto({ kind, area, ...finding }: AuditFinding): pb.AuditFinding {
  return { ...finding, kind: kinds.toProto(kind), area: areas.toProto(area) };
}

function attemptToProto({ outcome, judged, ...attempt }: AuditAttempt): pb.AuditAttempt {
  return {
    ...attempt,
    outcome: outcomes.toProto(outcome),
    judged: judged && {
      verificationId: judged.verificationId,
      state: verificationStates.toProto(judged.state),
      fault: faults.toProto(judged.fault),
      reason: judged.reason === undefined ? VerdictReason.UNSPECIFIED : verdictReasons.toProto(judged.reason),
    },
  };
}
