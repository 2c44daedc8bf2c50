import { idAt } from './engine-ids.js';
import { INIT, WORKSPACE } from './environment.js';
import { failedPrecondition } from './errors.js';
import { feedStdin } from './feed-stdin.js';
import { newId } from './ids.js';
import type { LayerKeeper } from './layer-keeper.js';
import { numstatNames, patchCopy, patchRejected, PATCH_ENV, type PatchedCopy } from './patched-copy.js';
import type { Engine } from './ports/engine.js';
import type { SessionManager } from './session-manager.js';
import type { SessionSandboxes } from './session-sandboxes.js';
import type { Trees } from './trees.js';
import { asCallerError } from './trees.js';
import type { WorkResult } from './work-sandbox.js';

const CHUNK_BYTES = 64 * 1024;
const APPLY_TIMEOUT_MS = 60_000;
/** The exit status that a program which is not there is told with. */
const NOT_FOUND = 127;

/** What a session changed, and patches for it. */
export class SessionChanges {
  readonly #sessions: SessionManager;
  readonly #sandboxes: SessionSandboxes;
  readonly #engine: Engine;
  readonly #trees: Trees;
  readonly #keeper: LayerKeeper;

  constructor(parts: {
    sessions: SessionManager;
    sandboxes: SessionSandboxes;
    engine: Engine;
    trees: Trees;
    keeper: LayerKeeper;
  }) {
    this.#sessions = parts.sessions;
    this.#sandboxes = parts.sandboxes;
    this.#engine = parts.engine;
    this.#trees = parts.trees;
    this.#keeper = parts.keeper;
  }

  /**
   * The workspace's difference from its baseline as a git patch, taken from a frozen copy by our own git: the
   * session's .git, attributes and ignore files have no say.
   */
  async *diff(sessionId: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    await this.#sessions.execs(sessionId);
    const session = await this.#sessions.get(sessionId);
    const layer = idAt(session.engine, newId('lay'));
    using _ = this.#keeper.hold([...session.layers.workspace, layer]);
    let patch: Uint8Array;
    try {
      await this.#sandboxes.keep(session, { workspace: layer }, { lasting: false });
      patch = await this.#trees.patch(session.layers.baseline, [...session.layers.workspace, layer], signal);
    } catch (error) {
      throw asCallerError(error);
    } finally {
      await this.#engine.deleteLayer(layer);
    }
    for (let at = 0; at < patch.length; at += CHUNK_BYTES) yield patch.subarray(at, at + CHUNK_BYTES);
  }

  /**
   * Applies a unified diff in the session's workspace, as its user; all of it or nothing.
   * @returns the paths that it changed.
   * @throws PATCH_REJECTED with git's words.
   */
  async apply(sessionId: string, diff: Uint8Array, signal: AbortSignal): Promise<readonly string[]> {
    const numstat = await this.#run(sessionId, ['git', 'apply', '--numstat', '-z', '-'], diff);
    if (numstat.exit.reason === 'START_FAILED' && numstat.exit.code === NOT_FOUND) {
      return this.#applyBeside(sessionId, diff, signal);
    }
    if (numstat.exit.code !== 0) throw patchRejected(numstat.stderr, numstat.exit);
    const applied = await this.#run(sessionId, ['git', 'apply', '--whitespace=nowarn', '-'], diff);
    if (applied.exit.code !== 0) throw patchRejected(applied.stderr, applied.exit);
    return numstatNames(numstat.stdout);
  }

  /**
   * Where the session's image has no git: ours applies the patch to a copy, and what came of it takes the place of the
   * session's files where they are still what was copied.
   */
  async #applyBeside(sessionId: string, diff: Uint8Array, signal: AbortSignal): Promise<readonly string[]> {
    const session = await this.#sessions.get(sessionId);
    const { workdir } = await this.#sandboxes.environment(session);
    if (workdir !== WORKSPACE && !workdir.startsWith(`${WORKSPACE}/`)) {
      throw failedPrecondition(
        'PATCH_REJECTED',
        `The image has no git, and its workdir ${workdir} is outside of ${WORKSPACE}: install git in the image, or work in ${WORKSPACE}.`,
      );
    }
    const layer = idAt(session.engine, newId('lay'));
    using _ = this.#keeper.hold([...session.layers.workspace, layer]);
    let patched: PatchedCopy;
    try {
      await this.#sandboxes.keep(session, { workspace: layer }, { lasting: false });
      await using side = await this.#trees.open([...session.layers.workspace, layer], signal);
      patched = await patchCopy(side, workdir, diff, { timeoutMs: APPLY_TIMEOUT_MS, signal });
    } catch (error) {
      throw asCallerError(error);
    } finally {
      await this.#engine.deleteLayer(layer);
    }
    const written = await this.#run(sessionId, [INIT, 'exchange', 'write'], patched.exchange);
    if (written.exit.code !== 0) throw patchRejected(written.stderr, written.exit);
    return patched.names;
  }

  async #run(sessionId: string, argv: readonly string[], stdin: Uint8Array): Promise<WorkResult> {
    const execs = await this.#sessions.execs(sessionId);
    const process = await execs.spawn({
      argv,
      // The session's own repository is left aside: the patch is applied to files.
      env: PATCH_ENV,
      cwd: '',
      user: '',
      stdin: true,
      timeoutMs: APPLY_TIMEOUT_MS,
    });
    const feeding = feedStdin(process.stdin, stdin);
    const pieces: Buffer[] = [];
    for await (const piece of process.stdout) pieces.push(Buffer.from(piece));
    await feeding;
    return { exit: await process.exit, stdout: Buffer.concat(pieces), stderr: process.stderr() };
  }
}
