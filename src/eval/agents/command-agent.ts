import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Session } from '../../client/session.js';
import type { AgentEnd } from '../attempt.js';
import type { AttemptContext } from './agent.js';
import { SessionAgent } from './session-agent.js';

/** From SIGTERM to SIGKILL. */
const GRACE_MS = 10_000;

export interface CommandAgentOptions {
  /** A shell line. */
  readonly command: string;
  /** How long it may take, in milliseconds; then it is ended, and judged as it left things. */
  readonly timeoutMs: number;
  /** Where the server is; told to the command. */
  readonly address: string;
  /** What the command's environment begins as. Variables of ours (`CODESET_…`) are left out of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * A program of the researcher's, on this machine, with the token of its session and no other key:
 * `CODESET_ADDRESS`, `CODESET_API_KEY`, `CODESET_SESSION_ID`, `CODESET_SAMPLE_ID`, `CODESET_TASK_FILE`, and
 * `CODESET_ATTEMPT`. What it writes is kept in `agent.log`; its exit status is told and decides nothing.
 */
export class CommandAgent extends SessionAgent {
  protected readonly timeoutMs: number;
  readonly #options: CommandAgentOptions;

  constructor(options: CommandAgentOptions) {
    super();
    this.#options = options;
    this.timeoutMs = options.timeoutMs;
  }

  protected async work(session: Session, context: AttemptContext): Promise<AgentEnd> {
    const { client, attempt, folder, signal } = context;
    const { sampleId, version } = attempt.sample;
    const { task } = await client.samples.get(`${sampleId}@${version}`, { signal });
    const taskFile = join(folder, 'task.md');
    await writeFile(taskFile, task);
    const log = await open(join(folder, 'agent.log'), 'w');
    const began = performance.now();
    try {
      const child = spawn('/bin/sh', ['-c', this.#options.command], {
        // A group of its own, which is ended as a whole.
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        env: {
          ...withoutOurs(this.#options.env),
          CODESET_ADDRESS: this.#options.address,
          CODESET_API_KEY: session.agentToken,
          CODESET_SESSION_ID: session.id,
          CODESET_SAMPLE_ID: sampleId,
          CODESET_ATTEMPT: String(attempt.number),
          CODESET_TASK_FILE: taskFile,
        },
      });
      const { timedOut } = await this.#ended(child, signal);
      signal.throwIfAborted();
      return {
        exitCode: child.exitCode,
        signal: child.signalCode,
        timedOut,
        seconds: Math.round(performance.now() - began) / 1000,
      };
    } finally {
      await log.close();
    }
  }

  /** Waits for the command; nothing of its group runs when it resolves. */
  async #ended(child: ChildProcess, signal: AbortSignal): Promise<{ timedOut: boolean }> {
    let timedOut = false;
    let kill: NodeJS.Timeout | undefined;
    const end = (): void => {
      signalGroup(child, 'SIGTERM');
      kill ??= setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS);
    };
    const timer = setTimeout(() => {
      timedOut = true;
      end();
    }, this.#options.timeoutMs);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    try {
      await once(child, 'exit');
      // What it left running would go on with its token until the session is closed.
      signalGroup(child, 'SIGKILL');
      return { timedOut };
    } finally {
      clearTimeout(timer);
      clearTimeout(kill);
      signal.removeEventListener('abort', end);
    }
  }
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function withoutOurs(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('CODESET_')));
}
