// The resources as clients see them, for code that does not name gen/ itself.
export type { Exec, ExecResult, ExecSpec } from '../../gen/codeset/v1/exec.js';
export type {
  Environment,
  Sample,
  SampleRef,
  StageEvent,
  Validation,
  ValidationCount,
  AuditOutline,
} from '../../gen/codeset/v1/sample.js';
export type {
  Audit,
  AuditAttempt,
  AuditFinding,
  ValidationRun,
} from '../../gen/codeset/v1/sample_service.js';
export type { EngineCapabilities, Session } from '../../gen/codeset/v1/session.js';
export type { Snapshot } from '../../gen/codeset/v1/snapshot.js';
export type {
  CreateSessionRequest,
  CreateSessionResponse,
  DeepPartial,
  ExecExited,
  ExecRequest,
  ExecResponse,
} from '../../gen/codeset/v1/session_service.js';
export type { TestResult, Verification } from '../../gen/codeset/v1/verification.js';
export type { StartVerificationRequest } from '../../gen/codeset/v1/verification_service.js';
