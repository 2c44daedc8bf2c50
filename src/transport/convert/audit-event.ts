import * as pb from '../../../gen/codeset/v1/sample_service.js';
import type { Audit, AuditEvent, AuditFinding } from '../../core/audit.js';
import { enumTable } from '../enum-table.js';

const verdicts = enumTable(pb.AuditVerdict, {
  CLEAN: 'CLEAN',
  LEAKS: 'LEAKS',
  INCONCLUSIVE: 'INCONCLUSIVE',
});
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

export function auditEventToProto(event: AuditEvent): pb.AuditSampleResponse {
  const sample = { sampleId: event.sampleId, version: event.version, dataset: '' };
  return {
    sample,
    event:
      event.type === 'audit'
        ? { $case: 'audit', value: auditToProto(event.audit) }
        : { $case: 'finding', value: findingToProto(event.finding) },
  };
}

function auditToProto({ verdict, findings, unsearched, places, ...audit }: Audit): pb.Audit {
  return {
    ...audit,
    verdict: verdicts.toProto(verdict),
    places: BigInt(places),
    findings: findings.map(findingToProto),
    unsearched: [...unsearched],
  };
}

function findingToProto({ kind, area, ...finding }: AuditFinding): pb.AuditFinding {
  return { ...finding, kind: kinds.toProto(kind), area: areas.toProto(area) };
}
