import { StringDecoder } from 'node:string_decoder';
import { commandEnv } from './command-env.js';
import type { Environment, Resources } from './environment.js';
import { WORKSPACE } from './environment.js';
import { failedPrecondition } from './errors.js';
import { SharedWork } from './keyed.js';
import { prepareLayerId, setupLayerId } from './layer-plan.js';
import type { Engine } from './ports.js';
import { workspaceOwner } from './trees.js';
import type { WorkSandbox, Workshop } from './work-sandbox.js';

/** Set-up of an environment may take this long in all. */
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

  constructor(engine: Engine, workshop: Workshop) {
    this.#engine = engine;
    this.#workshop = workshop;
  }

  /**
   * The root layers of an environment's set-up; none when it has no set-up.
   * @throws ENVIRONMENT_UNMET with the log's end when a command fails.
   */
  async setup(environment: Environment, progress: Progress): Promise<readonly string[]> {
    await this.#engine.check(environment);
    if (environment.setup.length === 0) return [];
    const layerId = setupLayerId(await this.#engine.fingerprint(environment), environment);
    await this.#shared.run(layerId, async () => {
      if (await this.#engine.hasLayer(layerId)) {
        progress('SETUP', 'This set-up was made before and is shared.');
        return;
      }
      await using sandbox = await this.#open('setup', environment, [], []);
      await this.#runAll(sandbox, 'SETUP', environment, environment.setup, '/', progress);
      await sandbox.commit('root', layerId);
    });
    return [layerId];
  }

  /** Runs `prepare` in the workspace and returns the layers with its results on top. */
  async prepare(
    environment: Environment,
    below: { readonly root: readonly string[]; readonly workspace: readonly string[] },
    progress: Progress,
  ): Promise<{ readonly root: readonly string[]; readonly workspace: readonly string[] }> {
    if (environment.prepare.length === 0) return below;
    const rootLayer = prepareLayerId('root', below, environment);
    const workspaceLayer = prepareLayerId('workspace', below, environment);
    await this.#shared.run(workspaceLayer, async () => {
      // The workspace's layer is committed last: with it, both are there.
      if (await this.#engine.hasLayer(workspaceLayer)) return;
      await using sandbox = await this.#open('prepare', environment, below.root, below.workspace);
      await this.#runAll(sandbox, 'PREPARE', environment, environment.prepare, environment.workdir, progress);
      const uid = String(workspaceOwner(environment.user));
      await sandbox.run({
        argv: [
          '/bin/sh',
          '-c',
          'find "$1" -xdev ! -uid "$2" -exec chown -h "$2:$2" {} +',
          'sh',
          WORKSPACE,
          uid,
        ],
        timeoutMs: SETUP_TIMEOUT_MS,
      });
      await sandbox.commit('root', rootLayer);
      await sandbox.commit('workspace', workspaceLayer);
    });
    return { root: [...below.root, rootLayer], workspace: [...below.workspace, workspaceLayer] };
  }

  #open(
    purpose: 'setup' | 'prepare',
    environment: Environment,
    rootLayers: readonly string[],
    workspaceLayers: readonly string[],
  ): Promise<WorkSandbox> {
    return this.#workshop.open({
      purpose,
      environment,
      rootLayers,
      workspaceLayers,
      resources: SETUP_RESOURCES,
      network: environment.setupNetwork,
    });
  }

  async #runAll(
    sandbox: WorkSandbox,
    stage: 'SETUP' | 'PREPARE',
    environment: Environment,
    lines: readonly string[],
    cwd: string,
    progress: Progress,
  ): Promise<void> {
    const env = commandEnv(this.#engine, environment, environment.setupNetwork, 'root');
    for (const line of lines) {
      progress(stage, `$ ${line}`);
      const log = new LineLog((text) => progress(stage, text));
      const result = await sandbox.run({
        argv: ['/bin/sh', '-ec', `exec 2>&1\n${line}`],
        cwd,
        env,
        timeoutMs: SETUP_TIMEOUT_MS,
        onOutput: (data) => log.add(data),
      });
      log.end();
      if (result.exit.code === 0) continue;
      const how =
        result.exit.reason === 'TIMEOUT'
          ? `took more than ${SETUP_TIMEOUT_MS / 60_000} minutes`
          : result.exit.code === undefined
            ? `was ended by ${result.exit.signal ?? 'a signal'}`
            : `failed with exit status ${result.exit.code}`;
      throw failedPrecondition(
        'ENVIRONMENT_UNMET',
        `The ${stage === 'SETUP' ? 'set-up' : 'prepare'} command \`${line}\` ${how}. The end of its output:\n${log.tail()}`,
      );
    }
  }
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
