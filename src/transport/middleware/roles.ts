import { CodesetError } from '../../core/errors.js';
import type { Principal, Role } from '../../core/key.js';
import { SampleServiceDefinition } from '../../../gen/codeset/v1/sample_service.js';
import { SessionServiceDefinition } from '../../../gen/codeset/v1/session_service.js';
import { VerificationServiceDefinition } from '../../../gen/codeset/v1/verification_service.js';

const ADMINS = ['ADMIN'] as const;
const RUNNERS = ['ADMIN', 'RUNNER'] as const;
const AGENTS = ['ADMIN', 'RUNNER', 'AGENT'] as const;

type Roles = readonly Role[];

// Who may call what. An RPC that is missing here does not compile.
const SAMPLES: Record<keyof typeof SampleServiceDefinition.methods, Roles> = {
  listDatasets: RUNNERS,
  listSamples: RUNNERS,
  getSample: RUNNERS,
  uploadRepository: ADMINS,
  registerSample: ADMINS,
  watchSample: RUNNERS,
  downloadSample: ADMINS,
  deleteSample: ADMINS,
  prefetchSamples: ADMINS,
  // It runs the reference solution, and names hidden tests.
  validateSample: ADMINS,
  // It shows hidden content.
  auditSample: ADMINS,
};
const SESSIONS: Record<keyof typeof SessionServiceDefinition.methods, Roles> = {
  createSession: RUNNERS,
  getSession: RUNNERS,
  listSessions: RUNNERS,
  watchSession: RUNNERS,
  extendSession: RUNNERS,
  closeSession: RUNNERS,
  closeSessions: RUNNERS,
  forkSession: RUNNERS,
  createSnapshot: RUNNERS,
  getSnapshot: RUNNERS,
  listSnapshots: RUNNERS,
  deleteSnapshot: RUNNERS,
  exec: AGENTS,
  runCommand: AGENTS,
  waitExec: AGENTS,
  listExecs: AGENTS,
  getExec: AGENTS,
  signalExec: AGENTS,
  readFile: AGENTS,
  writeFile: AGENTS,
  stat: AGENTS,
  listDirectory: AGENTS,
  move: AGENTS,
  remove: AGENTS,
  uploadArchive: AGENTS,
  downloadArchive: AGENTS,
  replaceInFile: AGENTS,
  applyPatch: AGENTS,
  getDiff: AGENTS,
};
const VERIFICATIONS: Record<keyof typeof VerificationServiceDefinition.methods, Roles> = {
  // Of an agent's own session, if that was created so: VerificationAccess says.
  startVerification: AGENTS,
  getVerification: AGENTS,
  listVerifications: AGENTS,
  watchVerification: AGENTS,
  cancelVerification: RUNNERS,
  deleteVerification: RUNNERS,
};

const BY_PATH = new Map<string, Roles>([
  ...byPath(SampleServiceDefinition, SAMPLES),
  ...byPath(SessionServiceDefinition, SESSIONS),
  ...byPath(VerificationServiceDefinition, VERIFICATIONS),
]);

function byPath(
  service: { fullName: string; methods: Readonly<Record<string, { name: string }>> },
  roles: Readonly<Record<string, Roles>>,
): [string, Roles][] {
  return Object.entries(service.methods).map(([key, method]) => [
    `/${service.fullName}/${method.name}`,
    roles[key] ?? [],
  ]);
}

/** Health and reflection, which need no key: they say nothing that is not public. */
export function isOpen(path: string): boolean {
  return path.startsWith('/grpc.');
}

/** @throws ROLE_INSUFFICIENT. An RPC that nobody has thought of is nobody's. */
export function authorize(path: string, principal: Principal): void {
  if (BY_PATH.get(path)?.includes(principal.role) === true) return;
  const method = path.slice(path.lastIndexOf('/') + 1);
  throw new CodesetError(
    'permission-denied',
    'ROLE_INSUFFICIENT',
    `A key of role ${principal.role} may not call ${method}.`,
    { metadata: { role: principal.role, method } },
  );
}
