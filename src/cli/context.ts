import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import { Connection } from '../client/connection.js';
import { loadClientConfig, type ClientConfig } from '../config.js';
import { readAdminKey } from '../storage/admin-key.js';
import { DONE, OUTPUT_CLOSED, sentenceOf, statusOf, USAGE } from './exit-status.js';
import { Output, OutputClosed } from './output.js';

/** A signal that this program may be sent. SIGCONT: it was stopped and goes on. */
export type CliSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGCONT';

/** An output, which may be a terminal: that has a size and emits `resize`. */
export type CliOutput = Writable & {
  readonly isTTY?: boolean;
  readonly rows?: number;
  readonly columns?: number;
};

/** What the process around the command line gives it. */
export interface CliIo {
  readonly stdin: Readable & {
    readonly isTTY?: boolean;
    readonly fd?: number;
    setRawMode?(raw: boolean): unknown;
  };
  readonly stdout: CliOutput;
  readonly stderr: CliOutput;
  /** Calls `handler` at each signal instead of what the system does with it. @returns a function that ends this. */
  onSignal(handler: (signal: CliSignal) => void): () => void;
}

export interface CommonOptions {
  readonly address?: string;
  readonly apiKey?: string;
  readonly dataDir?: string;
  readonly json?: boolean;
}

/** One command that runs: its settings, its output, its connection. */
export class CommandContext {
  readonly io: CliIo;
  readonly config: ClientConfig;
  readonly out: Output;
  #connection: Connection | undefined;

  constructor(io: CliIo, options: CommonOptions) {
    const { address, apiKey, dataDir } = options;
    this.io = io;
    this.config = loadClientConfig({ flags: { address, apiKey, dataDir } });
    const colour = (stream: CliIo['stdout']): boolean => stream.isTTY === true && !this.config.noColor;
    this.out = new Output({
      stdout: io.stdout,
      stderr: io.stderr,
      json: options.json === true,
      colour: { stdout: colour(io.stdout), stderr: colour(io.stderr) },
    });
  }

  /** Whether stages and progress are worth showing: only to somebody who watches. */
  get watched(): boolean {
    return this.io.stderr.isTTY === true;
  }

  /**
   * The connection of this command, closed when it ends.
   * @param reconnectTimeoutMs for how long it is tried again when it broke, in milliseconds.
   */
  async connect(reconnectTimeoutMs?: number): Promise<Connection> {
    const apiKey = await this.apiKey();
    this.#connection ??= new Connection({ address: this.config.address, apiKey, reconnectTimeoutMs });
    return this.#connection;
  }

  /** The key that calls carry: the one that was given, else the admin's of the server's data folder, where it is here. */
  async apiKey(): Promise<string | undefined> {
    return this.config.apiKey ?? (await readAdminKey(this.config.dataDir));
  }

  close(): void {
    this.#connection?.close();
  }
}

/** The running command line: makes each command's context, and keeps the exit status. */
export class Cli {
  readonly io: CliIo;
  status: number = DONE;

  constructor(io: CliIo) {
    this.io = io;
  }

  /**
   * Runs a command's work and turns its errors into a sentence and a status.
   * @param work returns the exit status, 0 when it returns nothing.
   */
  async run(
    command: Command,
    work: (context: CommandContext) => Promise<number | void>,
    statusOfError: (error: unknown) => number = statusOf,
  ): Promise<void> {
    const options = command.optsWithGlobals<CommonOptions>();
    let context: CommandContext | undefined;
    try {
      context = new CommandContext(this.io, options);
      this.status = (await work(context)) ?? DONE;
    } catch (error) {
      if (error instanceof OutputClosed) {
        this.status = OUTPUT_CLOSED;
        return;
      }
      this.io.stderr.write(`codeset: ${sentenceOf(error, context?.config.address ?? '')}\n`);
      this.status = statusOfError(error);
      if (this.status === USAGE) this.io.stderr.write(`See \`codeset ${pathOf(command)} --help\`.\n`);
    } finally {
      context?.close();
    }
  }
}

function pathOf(command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at?.parent != null; at = at.parent) names.unshift(at.name());
  return names.join(' ');
}
