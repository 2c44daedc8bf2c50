import { idAt } from './engine-ids.js';
import { failedPrecondition } from './errors.js';
import { feedStdin } from './feed-stdin.js';
import { newId } from './ids.js';
import type { LayerKeeper } from './layer-keeper.js';
import type { Engine } from './ports/engine.js';
import type { SessionManager } from './session-manager.js';
import type { SessionSandboxes } from './session-sandboxes.js';
import type { Trees } from './trees.js';
import { asCallerError } from './trees.js';

const CHUNK_BYTES = 64 * 1024;
const APPLY_TIMEOUT_MS = 60_000;

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
    using _ = this.#keeper.hold(session.layers.workspace);
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
  async apply(sessionId: string, diff: Uint8Array): Promise<readonly string[]> {
    const execs = await this.#sessions.execs(sessionId);
    const names = await this.#git(execs, ['apply', '--numstat', '-z', '-'], diff);
    await this.#git(execs, ['apply', '--whitespace=nowarn', '-'], diff);
    return names
      .split('\0')
      .filter(Boolean)
      .map((line) => line.replace(/^[^\t]*\t[^\t]*\t/, ''));
  }

  async #git(
    execs: Awaited<ReturnType<SessionManager['execs']>>,
    args: readonly string[],
    stdin: Uint8Array,
  ): Promise<string> {
    const process = await execs.spawn({
      argv: ['git', ...args],
      // The session's own repository is left aside: the patch is applied to files.
      env: { GIT_DIR: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
      cwd: '',
      user: '',
      stdin: true,
      timeoutMs: APPLY_TIMEOUT_MS,
    });
    const feeding = feedStdin(process.stdin, stdin);
    const pieces: Buffer[] = [];
    for await (const piece of process.stdout) pieces.push(Buffer.from(piece));
    await feeding;
    const exit = await process.exit;
    if (exit.code === 0) return Buffer.concat(pieces).toString('utf8');
    const text = process.stderr().trim().slice(0, 2000);
    throw failedPrecondition(
      'PATCH_REJECTED',
      `The patch does not apply; nothing was changed: ${text || exit.message}`,
    );
  }
}
