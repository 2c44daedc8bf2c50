import type { CallToolResult, McpServer, ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { CollectedOutput } from '../client/collected-output.js';
import type { CommandResult, RunOptions } from '../client/run-command.js';
import type { Session } from '../client/session.js';
import { told, type ToolCalls } from './tool-calls.js';

/** What every command is held to. */
export interface CommandLimits {
  /** How long a command may take that asks for no other time, in milliseconds. */
  readonly timeoutMs: number;
  /** How many bytes of a command's output, or of a file, are shown; of more, the first and the last half. */
  readonly maxOutputBytes: number;
}

const PROGRESS_MS = 1000;
/** Of what a command wrote last, as much as tells somebody that it goes on. */
const PROGRESS_CHARACTERS = 120;

const TIMEOUT = z
  .number()
  .positive()
  .max(24 * 60 * 60)
  .optional()
  .describe('how long it may take, in seconds; then it is ended');

/** The tools `run` and `shell`. */
export function addCommandTools(
  server: McpServer,
  session: Session,
  calls: ToolCalls,
  limits: CommandLimits,
): void {
  const inSeconds = limits.timeoutMs / 1000;
  server.registerTool(
    'run',
    {
      title: 'Run a command',
      description:
        'Runs a bash command line in a process of its own, and answers with what it wrote, both outputs as they came, ' +
        `and how it ended. It has no terminal. It is ended after ${inSeconds} seconds unless timeout_seconds says ` +
        'otherwise. Commands that are sent together run side by side. Use `shell` where directory and variables ' +
        'have to last.',
      inputSchema: z.object({
        command: z.string().min(1).describe('a bash command line'),
        cwd: z.string().optional().describe('where it runs, absolute or relative to the working directory'),
        stdin: z.string().optional().describe('what it reads from its standard input'),
        timeout_seconds: TIMEOUT,
      }),
      annotations: { destructiveHint: true, idempotentHint: false, openWorldHint: true },
    },
    ({ command, cwd, stdin, timeout_seconds: seconds }, context) =>
      runTool({ session, calls, limits, context }, command, { cwd, stdin, ...timeoutOf(seconds, limits) }),
  );
  server.registerTool(
    'shell',
    {
      title: 'Run a command in a shell that remembers',
      description:
        'Runs a bash command line in one shell that goes on: directory, variables, functions and background jobs of ' +
        `earlier commands are there. It has no terminal. It is ended after ${inSeconds} seconds unless ` +
        'timeout_seconds says otherwise; the answer says so when the shell had to begin anew.',
      inputSchema: z.object({
        command: z.string().min(1).describe('a bash command line'),
        name: z
          .string()
          .regex(/^[A-Za-z0-9._-]{1,64}$/)
          .optional()
          .describe('which shell, for several beside one another; default: main'),
        timeout_seconds: TIMEOUT,
      }),
      annotations: { destructiveHint: true, idempotentHint: false, openWorldHint: true },
    },
    ({ command, name, timeout_seconds: seconds }, context) =>
      runTool({ session, calls, limits, context }, command, {
        shell: name ?? 'main',
        ...timeoutOf(seconds, limits),
      }),
  );
}

function timeoutOf(seconds: number | undefined, limits: CommandLimits): { readonly timeoutMs: number } {
  return { timeoutMs: seconds === undefined ? limits.timeoutMs : Math.ceil(seconds * 1000) };
}

function runTool(
  {
    session,
    calls,
    limits,
    context,
  }: {
    readonly session: Session;
    readonly calls: ToolCalls;
    readonly limits: CommandLimits;
    readonly context: ServerContext;
  },
  command: string,
  options: RunOptions & { readonly timeoutMs: number },
): Promise<CallToolResult> {
  return calls.answer(async () => {
    const began = performance.now();
    const shown = new CollectedOutput(limits.maxOutputBytes);
    let seenBytes = 0;
    using progress = new Progress(context);
    const result = await session.run(command, {
      ...options,
      signal: context.mcpReq.signal,
      // It is collected here, both outputs in one.
      maxOutputBytes: 0,
      onOutput: (data) => {
        seenBytes += data.length;
        shown.add(data);
        progress.saw(data);
      },
    });
    const written = shown.text();
    const lost = result.written.stdout + result.written.stderr - seenBytes;
    const end = endOf(result, options.timeoutMs, (performance.now() - began) / 1000);
    const ends = lost > 0 ? `[${lost} bytes of it were lost]\n[${end}]` : `[${end}]`;
    return told(written === '' || written.endsWith('\n') ? `${written}${ends}` : `${written}\n${ends}`);
  });
}

/** How it ended, in words; a model knows statuses. */
function endOf(result: CommandResult, timeoutMs: number, seconds: number): string {
  const after = `after ${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const reset = result.shellReset ? '; the shell began anew, nothing of it is remembered' : '';
  const status =
    result.signal === undefined ? `exit status ${result.exitCode ?? 'unknown'}` : `ended by ${result.signal}`;
  switch (result.reason) {
    case 'EXITED':
    case 'SIGNALLED':
      return `${status}, ${after}${reset}`;
    case 'TIMEOUT':
      return `ended ${after}: it may take ${timeoutMs / 1000} s, ask for more with timeout_seconds${reset}`;
    case 'OUT_OF_MEMORY':
      return `${status}, ${after}: the sandbox ran out of memory${reset}`;
    default:
      return `${status}, ${result.reason} ${after}${result.message === '' ? '' : `: ${result.message}`}${reset}`;
  }
}

/** Tells a client that asked for it that a command goes on: clients give up on what is silent. */
class Progress implements Disposable {
  readonly #context: ServerContext;
  readonly #timer: NodeJS.Timeout | undefined;
  #seconds = 0;
  #last = '';

  constructor(context: ServerContext) {
    this.#context = context;
    if (context.mcpReq._meta?.progressToken !== undefined)
      this.#timer = setInterval(() => this.#tell(), PROGRESS_MS);
  }

  saw(data: Buffer): void {
    if (this.#timer === undefined) return;
    const line = data
      .subarray(-4 * PROGRESS_CHARACTERS)
      .toString()
      .trimEnd();
    if (line !== '') this.#last = line.slice(line.lastIndexOf('\n') + 1).slice(-PROGRESS_CHARACTERS);
  }

  #tell(): void {
    this.#seconds += PROGRESS_MS / 1000;
    const progressToken = this.#context.mcpReq._meta?.progressToken ?? 0;
    const params = {
      progressToken,
      progress: this.#seconds,
      message: this.#last === '' ? `${this.#seconds} s` : `${this.#seconds} s: ${this.#last}`,
    };
    // A client that went away is found out by the transport.
    this.#context.mcpReq.notify({ method: 'notifications/progress', params }).catch(() => undefined);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
