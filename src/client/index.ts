// What the package exports. Inside the project files are imported where they are.
export { CodesetClient, type ConnectOptions, type SessionFilter, type VerificationFilter } from './client.js';
export type { ExitReason, CommandExit } from './command-exit.js';
export type { CommandLine, CommandOptions, Pace } from './command.js';
export type { CreateSessionOptions, EnvironmentOptions } from './create-session.js';
export type { CallControl } from './deadline.js';
export {
  AlreadyExistsError,
  CodesetClientError,
  ConnectionError,
  DeadlineExceededError,
  DisconnectedError,
  FailedPreconditionError,
  InternalError,
  InvalidArgumentError,
  NotFoundError,
  OutOfRangeError,
  PermissionDeniedError,
  ResourceExhaustedError,
  UnauthenticatedError,
  UnavailableError,
  type FieldViolation,
  type StatusName,
} from './errors.js';
export type { TerminalSize } from './exec-input.js';
export type { ExecInfo } from './exec-info.js';
export type { FileInfo } from './file-info.js';
export type { ForkOptions, ForkResult, Forks } from './fork.js';
export type { OutputEvent } from './output-queue.js';
export type { CommandResult, InputSource, RunOptions } from './run-command.js';
export type { RunningCommand } from './running-command.js';
export type { SampleInfo } from './sample-info.js';
export type { SampleName } from './sample-name.js';
export type {
  AttemptCounts,
  AuditArea,
  AuditAttempt,
  AuditFinding,
  AuditInfo,
  AuditOutcome,
  AuditOutline,
  AuditVerdict,
  LeakKind,
} from './audit-info.js';
export type { AuditOptions, RegisterOptions, SampleFilter, Samples, ValidateOptions } from './samples.js';
export type { ReadFileOptions, WriteFileOptions } from './session-files.js';
export type { Limits, Network, SessionInfo, SessionState } from './session-info.js';
export type { Session, SessionShell, SnapshotOptions } from './session.js';
export type { SnapshotInfo } from './snapshot-info.js';
export type { AttachOptions, SpawnOptions } from './spawn.js';
export type {
  ValidationCount,
  ValidationInfo,
  ValidationProblem,
  ValidationRun,
  ValidationSubject,
} from './validation-info.js';
export type { Counts, Pressure, TestVerdict, Verdict, VerificationState } from './verdict.js';
export type { VerifyOptions } from './verify.js';
