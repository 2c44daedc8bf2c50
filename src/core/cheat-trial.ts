import { AUDIT_LABEL, attemptRequestId } from './audit-run.js';
import { CodesetError } from './errors.js';
import type { ExecSpec } from './exec.js';
import { newId } from './ids.js';
import { judgedWhileWanted } from './judged-while-wanted.js';
import type { CheatMeans } from './ports/cheats.js';
import type { SandboxExecs } from './ports/execs.js';
import type { Log } from './ports/log.js';
import type { SampleVersion } from './sample.js';
import type { SessionCloser } from './session-closer.js';
import type { SessionManager } from './session-manager.js';
import type { AskedSubject } from './subject-keeper.js';
import type { VerificationManager } from './verification-manager.js';
import type { Verification } from './verification.js';
import { whileWanted } from './while-wanted.js';

const SCRIPT_MS = 60_000;
/** Of what a script says, the beginning that is told. */
const MAX_TOLD_BYTES = 1000;
/** Besides its own runs, for its place in the queue and its copy. */
const WAITING_MS = 10 * 60_000;

/** How a trial ended. */
export type Trial =
  | { readonly ended: 'judged'; readonly verification: Verification }
  /** A program that it needs is not in the sandbox, or it cost the agent its session, and nothing is left to judge. */
  | { readonly ended: 'inapplicable'; readonly message: string }
  | { readonly ended: 'untried'; readonly message: string };

/** Has an agent do something in a session of its own, or send a patch, and what it leaves judged. */
export class CheatTrials {
  readonly #sessions: SessionManager;
  readonly #closer: SessionCloser;
  readonly #verifications: VerificationManager;
  readonly #log: Log;

  constructor(parts: {
    sessions: SessionManager;
    closer: SessionCloser;
    verifications: VerificationManager;
    log: Log;
  }) {
    this.#sessions = parts.sessions;
    this.#closer = parts.closer;
    this.#verifications = parts.verifications;
    this.#log = parts.log;
  }

  /**
   * Leaves neither a session nor an unended verification, however it ends.
   * @param number of the trial in its audit @throws the signal's reason once aborted
   */
  async run(
    sample: SampleVersion,
    means: CheatMeans,
    { auditId, number }: { readonly auditId: string; readonly number: number },
    signal: AbortSignal,
  ): Promise<Trial> {
    const limitMs = SCRIPT_MS * 2 + sample.manifest.verification.timeoutMs * 2 + WAITING_MS;
    const late = AbortSignal.timeout(limitMs);
    const either = AbortSignal.any([signal, late]);
    const requestId = attemptRequestId(auditId, number);
    try {
      either.throwIfAborted();
      return means.kind === 'patch'
        ? await this.#judged(requestId, patchOf(sample, means.diff), either)
        : await this.#inSession(sample, means, { auditId, requestId }, either);
    } catch (error) {
      signal.throwIfAborted();
      if (late.aborted) return untried(`It did not end within ${limitMs / 1000} seconds.`);
      if (error instanceof CodesetError && error.reason === 'SESSION_LOST') return sessionLost();
      if (error instanceof CodesetError && error.kind !== 'internal') return untried(error.message);
      throw error;
    }
  }

  async #inSession(
    sample: SampleVersion,
    means: CheatMeans & { readonly kind: 'session' },
    { auditId, requestId }: { readonly auditId: string; readonly requestId: string },
    signal: AbortSignal,
  ): Promise<Trial> {
    const { sessionId } = await this.#sessions.begin({
      requestId,
      source: { kind: 'sample', sampleId: sample.sampleId, version: sample.version },
      labels: { [AUDIT_LABEL]: auditId },
      env: {},
      secretEnv: {},
      ttlMs: undefined,
      idleTimeoutMs: 0,
      resources: {},
      network: undefined,
    });
    try {
      await whileWanted(this.#sessions.made(sessionId), signal);
      const execs = await this.#sessions.execs(sessionId);
      const failure = await done(execs, means, signal);
      if (failure !== undefined) return failure;
      return await this.#judged(requestId, { kind: 'session', sessionId }, signal);
    } finally {
      await this.#closer.close(sessionId);
    }
  }

  async #judged(requestId: string, subject: AskedSubject, signal: AbortSignal): Promise<Trial> {
    const parts = { verifications: this.#verifications, log: this.#log };
    const request = { requestId, subject, scope: undefined };
    const verification = await judgedWhileWanted(parts, 'audit', request, signal);
    return verification.state === 'CANCELLED'
      ? untried('Its verification was cancelled.')
      : { ended: 'judged', verification };
  }
}

/** What it did not come to, or undefined when the agent has done it all. */
async function done(
  execs: SandboxExecs,
  { script, rootScript, lacking }: CheatMeans & { readonly kind: 'session' },
  signal: AbortSignal,
): Promise<Trial | undefined> {
  const { execId } = await execs.start(specOf(script, ''));
  const { exit } = await execs.wait(execId, signal);
  if (exit?.code === lacking.status && lacking.programs.length > 0)
    return { ended: 'inapplicable', message: `The sandbox has no ${lacking.programs.join(' or no ')}.` };
  // Its sandbox was ended by a limit, perhaps: its files are judged, if they are still there.
  if (exit?.reason === 'LOST') return undefined;
  if (exit?.code !== 0) {
    const { stderr } = await execs.output(execId, MAX_TOLD_BYTES);
    const how = exit?.code === undefined ? (exit?.reason ?? 'LOST') : `exit ${exit.code}`;
    const told = Buffer.from(stderr.head).toString().trim();
    return untried(`What the agent does failed (${how})${told === '' ? '.' : `: ${told}`}`);
  }
  if (rootScript === undefined) return undefined;
  // Where root can do nothing, it goes as far as the agent got.
  const asRoot = await execs.start(specOf(rootScript, 'root'));
  await execs.wait(asRoot.execId, signal);
  return undefined;
}

function specOf(shell: string, user: string): ExecSpec {
  return {
    execId: newId('exe'),
    argv: undefined,
    shell,
    env: {},
    cwd: '',
    user,
    stdin: false,
    timeoutMs: SCRIPT_MS,
    killGraceMs: 1000,
    stopSignal: 'SIGTERM',
    detach: true,
    tty: undefined,
    idleTimeoutMs: 0,
    maxOutputBytes: 0,
    leaseMs: undefined,
    shellName: '',
  };
}

function patchOf(sample: SampleVersion, diff: Uint8Array): AskedSubject {
  const { sampleId, version } = sample;
  return { kind: 'patch', sample: { sampleId, version }, diff };
}

function sessionLost(): Trial {
  return {
    ended: 'inapplicable',
    message: 'Its sandbox was ended by what the agent did, as by a limit, and nothing is left to judge.',
  };
}

function untried(message: string): Trial {
  return { ended: 'untried', message };
}
