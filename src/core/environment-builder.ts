import { StringDecoder } from 'node:string_decoder';
import { commandEnv } from './command-env.js';
import type { Environment, Resources } from './environment.js';
import { INIT, WORKSPACE, workspaceOwner } from './environment.js';
import { failedPrecondition } from './errors.js';
import { SharedWork } from './keyed.js';
import { prepared, setupLayerId, type LayerStacks } from './layer-plan.js';
import type { Engine } from './ports/engine.js';
import { SandboxSpent, type WorkResult, type WorkSandbox, type Workshop } from './work-sandbox.js';

/** The set-up commands of an environment may take this long in all, and its prepare commands as well. */
const SETUP_TIMEOUT_MS = 30 * 60_000;
/** Set-up installs things: it gets more than the session's own limits where those are small. */
const SETUP_RESOURCES: Resources = {
  cpus: 2,
  memoryBytes: 4 * 1024 ** 3,
  processes: 1024,
  diskBytes: 16 * 1024 ** 3,
};
const LOG_END_LINES = 30;

/** Told each line that set-up prints, and our own sentences. */
export type Progress = (stage: 'SETUP' | 'PREPARE', line: string) => void;

/** Runs set-up and prepare commands and keeps what they wrote as layers, each made once however many ask. */
export class EnvironmentBuilder {
  readonly #engine: Engine;
  readonly #workshop: Workshop;
  readonly #shared = new SharedWork<void>();
  /** Who waits for the work on a layer, and is told of it. */
  readonly #told = new Map<string, Set<Progress>>();

  constructor(engine: Engine, workshop: Workshop) {
    this.#engine = engine;
    this.#workshop = workshop;
  }

  /**
   * The root layers of a resolved environment's set-up; none when it has no set-up.
   * @param signal gives the set-up up, unless somebody else waits for the same.
   * @throws ENVIRONMENT_UNMET with the log's end when a command fails.
   */
  async setup(
    environment: Environment,
    progress: Progress,
    signal?: AbortSignal,
  ): Promise<readonly string[]> {
    if (environment.setup.length === 0) return [];
    const layerId = setupLayerId(await this.#engine.fingerprint(environment), environment);
    const tellAll = this.#tellAll(layerId);
    const make = async (given: AbortSignal): Promise<void> => {
      if (await this.#engine.hasLayer(layerId)) {
        tellAll('SETUP', 'This set-up was made before and is shared.');
        return;
      }
      await using sandbox = await this.#open('setup', environment, [], [], given);
      await this.#runAll(sandbox, 'SETUP', environment, environment.setup, '/', tellAll, given);
      await sandbox.commit({ root: layerId });
    };
    await this.#share(layerId, make, progress, signal);
    return [layerId];
  }

  /** Runs `prepare` in the workspace and returns the layers with its results on top. Otherwise as `setup`. */
  async prepare(
    environment: Environment,
    below: LayerStacks,
    progress: Progress,
    signal?: AbortSignal,
  ): Promise<LayerStacks> {
    const made = prepared(environment, below);
    const root = made.root.at(-1);
    const workspace = made.workspace.at(-1);
    if (made === below || root === undefined || workspace === undefined) return below;
    const tellAll = this.#tellAll(workspace);
    const make = async (given: AbortSignal): Promise<void> => {
      // Both are made at once, the workspace's last: with it, both are there.
      if (await this.#engine.hasLayer(workspace)) return;
      const { prepare, workdir } = environment;
      await using sandbox = await this.#open('prepare', environment, below.root, below.workspace, given);
      await this.#runAll(sandbox, 'PREPARE', environment, prepare, workdir, tellAll, given);
      await this.#giveAway(sandbox, workspaceOwner(environment), given);
      await sandbox.commit({ root, workspace });
    };
    await this.#share(workspace, make, progress, signal);
    return made;
  }

  async #share(
    layerId: string,
    make: (signal: AbortSignal) => Promise<void>,
    progress: Progress,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const told = this.#told.get(layerId) ?? new Set();
    this.#told.set(layerId, told.add(progress));
    try {
      await this.#shared.run(layerId, make, signal);
    } finally {
      told.delete(progress);
      if (told.size === 0) this.#told.delete(layerId);
    }
  }

  #tellAll(layerId: string): Progress {
    return (stage, line) => {
      for (const progress of this.#told.get(layerId) ?? []) progress(stage, line);
    };
  }

  /** What root made in the workspace becomes its user's. */
  async #giveAway(sandbox: WorkSandbox, uid: number, signal: AbortSignal): Promise<void> {
    const given = await sandbox.run({
      argv: [INIT, 'give', String(uid), WORKSPACE],
      timeoutMs: SETUP_TIMEOUT_MS,
      signal,
    });
    if (given.exit.code !== 0) {
      throw new Error(`What prepare made could not be given to the user: ${given.stderr}`);
    }
  }

  #open(
    purpose: 'setup' | 'prepare',
    environment: Environment,
    rootLayers: readonly string[],
    workspaceLayers: readonly string[],
    signal: AbortSignal,
  ): Promise<WorkSandbox> {
    const spec = {
      purpose,
      environment,
      rootLayers,
      workspaceLayers,
      resources: SETUP_RESOURCES,
      network: environment.setupNetwork,
    };
    return this.#workshop.open(spec, signal);
  }

  async #runAll(
    sandbox: WorkSandbox,
    stage: 'SETUP' | 'PREPARE',
    environment: Environment,
    lines: readonly string[],
    cwd: string,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<void> {
    const env = commandEnv(this.#engine, environment, environment.setupNetwork, 'root');
    const end = performance.now() + SETUP_TIMEOUT_MS;
    for (const line of lines) {
      progress(stage, `$ ${line}`);
      const log = new LineLog((text) => progress(stage, text));
      const command = {
        argv: ['/bin/sh', '-ec', `exec 2>&1\n${line}`],
        cwd,
        env,
        // 0 would be no limit at all.
        timeoutMs: Math.max(1, end - performance.now()),
        onOutput: (data: Uint8Array) => log.add(data),
        signal,
      };
      const how = await howItFailed(sandbox, () => sandbox.run(command));
      log.end();
      if (how === undefined) continue;
      throw failedPrecondition(
        'ENVIRONMENT_UNMET',
        `The ${stage === 'SETUP' ? 'set-up' : 'prepare'} command \`${line}\` ${how}. The end of its output:\n${log.tail()}`,
      );
    }
  }
}

/** Runs a command and says what became of it, for a sentence; undefined when it ended well. */
async function howItFailed(
  sandbox: WorkSandbox,
  run: () => Promise<WorkResult>,
): Promise<string | undefined> {
  let result: WorkResult;
  try {
    result = await run();
  } catch (error) {
    if (error instanceof SandboxSpent) return `used up what its sandbox has. ${error.message.slice(0, -1)}`;
    throw error;
  }
  const { code, reason, signal } = result.exit;
  if (code === 0) return undefined;
  if (reason === 'START_FAILED') {
    return `could not be started; it is a line for /bin/sh, which the image has to have: ${result.exit.message}`;
  }
  if (reason === 'TIMEOUT') return `was ended: all of them may take ${SETUP_TIMEOUT_MS / 60_000} minutes`;
  const how = code === undefined ? `was ended by ${signal ?? 'a signal'}` : `failed with exit status ${code}`;
  if ((await sandbox.outOfMemoryKills()) <= 0) return how;
  return `${how}; it ran out of memory, of which it has ${SETUP_RESOURCES.memoryBytes / 1024 ** 3} GiB`;
}

/** Cuts output into lines as it comes and remembers the last ones. */
class LineLog {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  readonly #last: string[] = [];
  #partial = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(data: Uint8Array): void {
    const lines = (this.#partial + this.#decoder.write(data)).split('\n');
    // A line without end is cut, so that a command can't make us hold it all.
    this.#partial = (lines.pop() ?? '').slice(-4096);
    for (const line of lines) this.#take(line);
  }

  end(): void {
    const rest = this.#partial + this.#decoder.end();
    if (rest !== '') this.#take(rest);
    this.#partial = '';
  }

  tail(): string {
    return this.#last.join('\n');
  }

  #take(line: string): void {
    const short = line.slice(0, 4096).replace(/\r$/, '');
    this.#last.push(short);
    if (this.#last.length > LOG_END_LINES) this.#last.shift();
    this.#onLine(short);
  }
}
