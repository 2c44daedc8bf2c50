import * as pb from '../../../gen/codeset/v1/sample.js';
import type { KeptAudit } from '../../core/kept-audit.js';
import { enumTable } from '../enum-table.js';

export const auditVerdicts = enumTable(pb.AuditVerdict, {
  CLEAN: 'CLEAN',
  LEAKS: 'LEAKS',
  FOOLED: 'FOOLED',
  INCONCLUSIVE: 'INCONCLUSIVE',
});

export function auditOutlineToProto({ verdict, through, ...audit }: KeptAudit): pb.AuditOutline {
  return { ...audit, verdict: auditVerdicts.toProto(verdict), through: [...through] };
}
