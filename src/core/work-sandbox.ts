import { engineOfId, idAt } from './engine-ids.js';
import type { Environment, Ground, NetworkMode, Resources } from './environment.js';
import { CodesetError } from './errors.js';
import type { ExecExit } from './exec.js';
import { feedStdin } from './feed-stdin.js';
import { newId } from './ids.js';
import type { CommitOptions, Engine, PartLayers, SandboxPurpose, SandboxUsage } from './ports/engine.js';
import type { ExecHost, SandboxExecs } from './ports/execs.js';
import { commandEnv } from './command-env.js';

/** By number: what a name means, a file of the sandbox says, which may be the subject's. */
const ROOT = '0:0';

export interface WorkSpec {
  readonly purpose: Exclude<SandboxPurpose, 'session'>;
  /** Resolved, but for a side sandbox: that one is made where its layers are. */
  readonly environment: Environment;
  readonly rootLayers: readonly string[];
  readonly workspaceLayers: readonly string[];
  readonly mounts?: readonly { readonly layer: string; readonly path: string }[];
  readonly resources: Resources;
  readonly network: NetworkMode;
}

export interface WorkCommand {
  readonly argv: readonly string[];
  readonly user?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  /** 0: none. */
  readonly timeoutMs: number;
  /**
   * Called with each piece of stdout as it comes, the next once it is through; without it stdout is collected. The
   * piece is the caller's until then.
   */
  readonly onOutput?: (data: Uint8Array) => void | Promise<void>;
  /** Bytes of stdout that may be collected before the command is killed with TOO_LARGE. Default 64 MiB. */
  readonly maxOutputBytes?: number;
  readonly signal?: AbortSignal;
}

export interface WorkResult {
  readonly exit: ExecExit;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Makes sandboxes for pieces of the service's own work: set-up, prepare, verification, and handling trees. */
export class Workshop {
  readonly #engine: Engine;
  readonly #execHost: ExecHost;

  constructor(engine: Engine, execHost: ExecHost) {
    this.#engine = engine;
    this.#execHost = execHost;
  }

  /** The sandbox is the caller's to dispose. */
  async open(spec: WorkSpec, signal?: AbortSignal): Promise<WorkSandbox> {
    const environment = onGround(spec);
    const sandboxId = idAt(environment.ground.engine, newId('box'));
    await this.#engine.create(
      {
        sandboxId,
        purpose: spec.purpose,
        environment,
        rootLayers: spec.rootLayers,
        workspaceLayers: spec.workspaceLayers,
        mounts: spec.mounts ?? [],
        resources: spec.resources,
        network: spec.network,
        hostname: 'codeset',
      },
      signal,
    );
    try {
      const execs = await this.#execHost.open({
        ownerId: sandboxId,
        dial: (received) => this.#engine.connect(sandboxId, received),
        defaults: {
          env: commandEnv(this.#engine, environment, spec.network, 'root'),
          cwd: environment.workdir,
          user: 'root',
        },
        secretEnv: {},
        outOfMemoryKills: async () => (await this.#engine.usage(sandboxId)).outOfMemoryKills,
        stored: [],
        onLost: () => undefined,
        onChange: () => undefined,
      });
      return new WorkSandbox(sandboxId, this.#engine, this.#execHost, execs, spec.resources.diskBytes);
    } catch (error) {
      await this.#engine.destroy(sandboxId).catch(() => undefined);
      throw error;
    }
  }
}

function onGround(spec: WorkSpec): Environment & { readonly ground: Ground } {
  const { environment, purpose, rootLayers, workspaceLayers } = spec;
  const layer = [...workspaceLayers, ...rootLayers][0];
  const ground =
    purpose === 'side' && layer !== undefined ? { engine: engineOfId(layer) } : environment.ground;
  if (ground === undefined) throw new Error('A sandbox of ours has neither layers nor a ground.');
  return { ...environment, ground };
}

/** The sandbox ended because what ran in it used up its memory or disk. */
export class SandboxSpent extends Error {
  override readonly name = 'SandboxSpent';
}

export class WorkSandbox implements AsyncDisposable {
  readonly sandboxId: string;
  readonly #engine: Engine;
  readonly #execHost: ExecHost;
  readonly #execs: SandboxExecs;
  readonly #diskBytes: number;

  constructor(sandboxId: string, engine: Engine, execHost: ExecHost, execs: SandboxExecs, diskBytes: number) {
    this.sandboxId = sandboxId;
    this.#engine = engine;
    this.#execHost = execHost;
    this.#execs = execs;
    this.#diskBytes = diskBytes;
  }

  /** Runs a command to its end; a non-zero exit is a result, not an error. */
  async run(command: WorkCommand): Promise<WorkResult> {
    const process = await this.#execs.spawn({
      argv: command.argv,
      env: command.env ?? {},
      cwd: command.cwd ?? '/',
      user: command.user ?? ROOT,
      stdin: command.stdin !== undefined,
      timeoutMs: command.timeoutMs,
    });
    const abort = (): void => process.kill();
    command.signal?.addEventListener('abort', abort);
    if (command.signal?.aborted) abort();
    try {
      const limit = command.maxOutputBytes ?? 64 * 1024 * 1024;
      const [stdout] = await Promise.all([
        this.#collect(process.stdout, command.onOutput, limit, () => process.kill()),
        feedStdin(process.stdin, command.stdin),
      ]);
      const exit = await process.exit;
      if (command.signal?.aborted) {
        throw new CodesetError('cancelled', 'DEADLINE', 'The work was cancelled.');
      }
      if (exit.reason === 'LOST') {
        const spent = await this.#spent();
        if (spent !== undefined) throw new SandboxSpent(spent);
        throw new CodesetError('unavailable', 'ENGINE_FAILED', `The sandbox was lost: ${exit.message}`);
      }
      return { exit, stdout, stderr: process.stderr() };
    } finally {
      command.signal?.removeEventListener('abort', abort);
    }
  }

  /** Why a sandbox that is gone went by what ran in it; undefined when that was not the cause. */
  async #spent(): Promise<string | undefined> {
    const usage = await this.#engine.usage(this.sandboxId).catch(() => undefined);
    if (usage === undefined) return undefined;
    if (usage.diskBytes > this.#diskBytes) return `It wrote more than its ${this.#diskBytes} bytes of disk.`;
    return usage.outOfMemoryKills > 0 ? 'It ran out of memory.' : undefined;
  }

  async #collect(
    stdout: AsyncIterable<Uint8Array>,
    onOutput: WorkCommand['onOutput'],
    limit: number,
    kill: () => void,
  ): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const data of stdout) {
      if (onOutput !== undefined) {
        const through = onOutput(data);
        if (through !== undefined) await through;
        continue;
      }
      bytes += data.length;
      if (bytes <= limit) pieces.push(Uint8Array.from(data));
      else kill();
    }
    if (onOutput === undefined && bytes > limit) {
      throw new CodesetError(
        'resource-exhausted',
        'TOO_LARGE',
        `More than ${limit} bytes came out of a command.`,
      );
    }
    return Buffer.concat(pieces);
  }

  /** What the sandbox wrote becomes a layer. */
  async commit(layers: PartLayers, options?: CommitOptions): Promise<void> {
    await this.#engine.commit(this.sandboxId, layers, options);
  }

  /** What it uses, and used since it was made. */
  usage(): Promise<SandboxUsage> {
    return this.#engine.usage(this.sandboxId);
  }

  async outOfMemoryKills(): Promise<number> {
    return (await this.usage()).outOfMemoryKills;
  }

  /**
   * A removal that fails takes nothing from what was done in it, nor from the error that ended that: the engine tells
   * of it, and tries it again by itself.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#execs.detach();
      await this.#execHost.forget(this.sandboxId);
    } finally {
      await this.#engine.destroy(this.sandboxId).catch(() => undefined);
    }
  }
}
