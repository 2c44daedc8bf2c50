import { CodesetError } from '../core/errors.js';
import type { ExecInfo } from '../core/exec.js';
import type { SandboxExecs } from '../core/ports/execs.js';
import { mustOwnSession } from './call-context.js';
import { Checker, KIB, MIB, SECOND } from './checker.js';
import {
  execSpecFromProto,
  execStates,
  execToProto,
  outputToProto,
  signalFromProto,
} from './convert/exec.js';
import { statesFromProto } from './convert/session.js';
import { execStream } from './exec-stream.js';
import { decodePageToken, encodePageToken } from './page-token.js';
import type { SessionService } from './session-service.js';
import type { SessionUseCases } from './use-cases.js';

type ExecCalls = Pick<
  SessionService,
  'exec' | 'runCommand' | 'waitExec' | 'listExecs' | 'getExec' | 'signalExec'
>;

const DEFAULT_OUTPUT_BYTES = 256 * KIB;
const MAX_OUTPUT_BYTES = MIB;
const MAX_STDIN_BYTES = MIB;
const DEFAULT_WAIT_MS = 60 * SECOND;
const MAX_WAIT_MS = 600 * SECOND;
const STDIN_PIECE_BYTES = 64 * KIB;

export function execCalls(sessions: SessionUseCases): ExecCalls {
  return {
    exec: (requests, context) => execStream(sessions, requests, context),

    async runCommand(request, context) {
      const check = new Checker();
      check.id('session_id', request.sessionId);
      const { spec, named } = execSpecFromProto(check, 'spec', request.spec);
      check.bytes('stdin', request.stdin, { max: MAX_STDIN_BYTES });
      const limit = outputLimit(check, request.maxOutputBytes);
      check.done();
      mustOwnSession(context, request.sessionId);
      const execs = await sessions.execs(request.sessionId);
      // Nobody reads along, so the record must roll on and no lease may end it: this call decides that.
      const stdin = spec.stdin || request.stdin.length > 0;
      const { execId } = await execs.start({ ...spec, stdin, detach: true });
      await using _cancel = cancelOnAbort(execs, execId, named ? undefined : context.signal);
      const release = stdin ? feed(execs, execId, request.stdin) : (): void => undefined;
      try {
        return await answer(execs, await execs.wait(execId, context.signal), limit);
      } finally {
        release();
      }
    },

    async waitExec(request, context) {
      const check = new Checker();
      sessionAndExec(check, request);
      const timeoutMs =
        check.duration('timeout', request.timeout, { min: 0, max: MAX_WAIT_MS }) ?? DEFAULT_WAIT_MS;
      const limit = outputLimit(check, request.maxOutputBytes);
      check.done();
      mustOwnSession(context, request.sessionId);
      const execs = await sessions.execs(request.sessionId);
      return answer(execs, await waitAtMost(execs, request.execId, timeoutMs, context.signal), limit);
    },

    async listExecs(request, context) {
      const check = new Checker();
      check.id('session_id', request.sessionId);
      const states = statesFromProto(check, execStates, request.states);
      const size = check.pageSize(request.pageSize);
      check.done();
      mustOwnSession(context, request.sessionId);
      const filter = { sessionId: request.sessionId, states };
      const after = decodePageToken('execs', filter, request.pageToken);
      const execs = await sessions.execs(request.sessionId);
      const found = execs
        .list()
        .filter((exec) => states.length === 0 || states.includes(exec.state))
        .sort((a, b) => (sortKey(a) < sortKey(b) ? 1 : -1));
      const rest = after === undefined ? found : found.filter((exec) => sortKey(exec) < after);
      const page = rest.slice(0, size);
      const last = page.at(-1);
      return {
        execs: page.map((exec) => execToProto(exec, 'summary')),
        nextPageToken: encodePageToken(
          'execs',
          filter,
          rest.length > size && last !== undefined ? sortKey(last) : undefined,
        ),
      };
    },

    async getExec(request, context) {
      const check = new Checker();
      sessionAndExec(check, request);
      check.done();
      mustOwnSession(context, request.sessionId);
      const execs = await sessions.execs(request.sessionId);
      return { exec: execToProto(execs.get(request.execId), 'full') };
    },

    async signalExec(request, context) {
      const check = new Checker();
      sessionAndExec(check, request);
      const signal = signalFromProto(check, 'signal', request.signal);
      check.done();
      mustOwnSession(context, request.sessionId);
      const execs = await sessions.execs(request.sessionId);
      if (await execs.signal(request.execId, signal)) return {};
      throw new CodesetError('failed-precondition', 'EXEC_ENDED', 'The command has ended already.', {
        metadata: { exec_id: request.execId },
      });
    },
  };
}

function sessionAndExec(
  check: Checker,
  request: { readonly sessionId: string; readonly execId: string },
): void {
  check.id('session_id', request.sessionId);
  check.id('exec_id', request.execId);
}

function outputLimit(check: Checker, value: number): number {
  const limit = check.count('max_output_bytes', value, MAX_OUTPUT_BYTES);
  return limit === 0 ? DEFAULT_OUTPUT_BYTES : limit;
}

/** Newest first when it is sorted downwards; ids tell apart what began in one millisecond. */
function sortKey(exec: ExecInfo): string {
  return `${String(exec.createTime.getTime()).padStart(16, '0')} ${exec.execId}`;
}

async function answer(execs: SandboxExecs, exec: ExecInfo, limit: number) {
  const { stdout, stderr } = await execs.output(exec.execId, limit);
  return {
    exec: execToProto(exec, 'summary'),
    stdout: outputToProto(stdout),
    stderr: outputToProto(stderr),
  };
}

/** While it lives, an abort of `signal` ends the command. */
function cancelOnAbort(
  execs: SandboxExecs,
  execId: string,
  signal: AbortSignal | undefined,
): AsyncDisposable {
  let cancelled: Promise<void> | undefined;
  // The command may have ended by then, and its session too: nothing is left to cancel.
  const cancel = (): void => void (cancelled = execs.cancel(execId).catch(() => undefined));
  signal?.addEventListener('abort', cancel);
  if (signal?.aborted === true) cancel();
  return {
    async [Symbol.asyncDispose]() {
      signal?.removeEventListener('abort', cancel);
      await cancelled;
    },
  };
}

/** Writes the whole input beside the command's running. @returns lets go of it. */
function feed(execs: SandboxExecs, execId: string, data: Uint8Array): () => void {
  let writer: ReturnType<SandboxExecs['openStdin']>;
  try {
    writer = execs.openStdin(execId);
  } catch (error) {
    // The same command sent again: the first call has fed it.
    if (
      error instanceof CodesetError &&
      ['STDIN_BUSY', 'STDIN_CLOSED', 'EXEC_ENDED'].includes(error.reason)
    ) {
      return () => undefined;
    }
    throw error;
  }
  const write = async (): Promise<void> => {
    for (let at = 0; at < data.length; at += STDIN_PIECE_BYTES) {
      await writer.write(at, data.subarray(at, at + STDIN_PIECE_BYTES));
    }
    await writer.end();
  };
  // A command may end without having read its input; its exit is the answer then.
  write().catch(() => undefined);
  return () => writer.release();
}

/** The exec when it has ended or `ms` have passed. */
async function waitAtMost(
  execs: SandboxExecs,
  execId: string,
  ms: number,
  signal: AbortSignal,
): Promise<ExecInfo> {
  const known = execs.get(execId);
  if (ms === 0 || known.exit !== undefined) return known;
  const timeout = AbortSignal.timeout(ms);
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  timeout.addEventListener('abort', abort);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    return await execs.wait(execId, stop.signal);
  } catch (error) {
    if (timeout.aborted) return execs.get(execId);
    throw error;
  } finally {
    timeout.removeEventListener('abort', abort);
    signal.removeEventListener('abort', abort);
  }
}
