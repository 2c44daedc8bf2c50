import { existsSync } from 'node:fs';
import { ExitReason } from '../../gen/codeset/v1/exec.js';
import { Fault, VerificationState, type Verification } from '../../gen/codeset/v1/verification.js';
import { packFiles } from '../../src/samples/pack.js';
import { connect, type TestClient } from '../rpc/client.js';
import { engineHere } from '../support/engine-here.js';
import { judge } from '../support/judging.js';
import { register, session, startService, type TestService } from '../support/service.js';
import { standInFor } from '../support/stand-in.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import type { Kind, Way } from '../../src/cheats/cheat.js';
import { aimed } from '../../src/cheats/script.js';
import { Aim } from '../../src/cheats/target.js';
import { withFuture } from './future.js';
import { GO_ENV } from './grounds/go.js';
import { sampleFiles, targetOf, type Ground } from './grounds/ground.js';
import { GROUNDS } from './grounds/grounds.js';
import { copyPytest } from './pytest-here.js';

const DEFAULT_TOOLCHAIN = '/usr/local/go';

export interface Judged {
  readonly verification: Verification;
  readonly log: string;
}

/** One service with the samples that cheats are tried on. */
export class Arena implements AsyncDisposable {
  readonly #service: TestService;
  readonly #scratch: TempFolder;

  private constructor(service: TestService, scratch: TempFolder) {
    this.#service = service;
    this.#scratch = scratch;
  }

  static async open(kinds: readonly Kind[]): Promise<Arena> {
    const scratch = await tempFolder();
    const pytest =
      kinds.includes('pytest') && engineHere() === 'local' ? await copyPytest(scratch.path) : undefined;
    const folders = existsSync(DEFAULT_TOOLCHAIN) ? [`${DEFAULT_TOOLCHAIN}:${DEFAULT_TOOLCHAIN}/bin`] : [];
    const flags = pytest === undefined ? {} : { toolchainPaths: [pytest, ...folders].join(',') };
    const arena = new Arena(await startService({ ...flags, diskReserve: '64MiB' }), scratch);
    try {
      const env: Partial<Record<Kind, Readonly<Record<string, string>>>> = {
        go: GO_ENV,
        ...(pytest === undefined ? {} : { pytest: { PYTHONPATH: pytest } }),
      };
      for (const kind of kinds) await arena.#register(GROUNDS[kind], env[kind]);
      return arena;
    } catch (error) {
      await arena[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #register(ground: Ground, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const { kind, image } = ground;
    if (engineHere() === 'docker' && image !== undefined && (kind === 'node' || kind === 'go'))
      await standInFor(image, [kind]);
    const files = sampleFiles(ground, env);
    const { admin } = this.#service;
    if (kind !== 'exit-code') {
      await register(admin, packFiles(files) as AsyncIterable<Buffer>);
      return;
    }
    // The only kind whose codebase has a repository of its own, in which the solution lies ahead.
    const codebase = await withFuture(admin, ground, files, this.#scratch.path);
    const rest = files.filter(({ path }) => !path.startsWith('codebase/'));
    await register(admin, packFiles(rest) as AsyncIterable<Buffer>, codebase);
  }

  /** What an agent leaves in a session of its own that did as told, or a patch, is judged. */
  async judged(kind: Kind, way: Omit<Way, 'kinds'>): Promise<Judged> {
    const { admin, address } = this.#service;
    const made = aimed({ kinds: [kind], ...way }, new Aim(targetOf(GROUNDS[kind])), 'any');
    if (made === undefined) throw new Error('The cheat changes files, and the ground has none.');
    if (made.patch !== undefined) return judge(admin, { sampleId: kind, diff: Buffer.from(made.patch) });
    const { id, agentToken } = await session(admin, kind);
    try {
      using agent = connect(address, agentToken);
      const lives = await run(agent, id, made.script);
      if (lives && made.rootScript !== undefined) await run(agent, id, made.rootScript, 'root');
      return await judge(admin, { sessionId: id });
    } finally {
      await admin.sessions.closeSession({ sessionId: id });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#service[Symbol.asyncDispose]();
    await this.#scratch[Symbol.asyncDispose]();
  }
}

/** @returns whether the sandbox lived through it: it is ended for writing more than it may, which is seen at any time */
async function run(agent: TestClient, sessionId: string, line: string, user = ''): Promise<boolean> {
  const { exec, stderr } = await agent.sessions.runCommand({
    sessionId,
    spec: { user, command: { $case: 'shellLine', value: line } },
  });
  const result = exec?.result;
  if (result?.reason === ExitReason.LOST) return false;
  if (result?.status?.$case !== 'exitCode' || result.status.value !== 0)
    throw new Error(
      `The cheat could not be tried: ${JSON.stringify(result?.status)} ${ExitReason[result?.reason ?? 0]} ${result?.message} ${stderr?.head.toString() ?? ''}`,
    );
  return true;
}

/** State, fault and attempt, with what else a failing test wants to know. */
export function verdictOf({ verification, log }: Judged): string {
  const { state, fault, message, attempt } = verification;
  return `${VerificationState[state]} ${Fault[fault]} ${attempt}: ${message}\n${log.slice(-1500)}`;
}
