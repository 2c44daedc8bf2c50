import { createHash } from 'node:crypto';
import type { Closings } from './closings.js';
import type { Environment, Resources } from './environment.js';
import { WORKSPACE } from './environment.js';
import { CodesetError, failedPrecondition } from './errors.js';
import type { PlantedFiles } from './planted-files.js';
import { putBack, type TreeHands } from './put-back.js';
import {
  GIT_ENV,
  INIT,
  judge,
  MAKE_BASELINE,
  PATCH,
  PLACE,
  PUT_BACK_NAMED,
  REWRITE,
} from './tree-scripts.js';
import { blobsIn } from './git-objects.js';
import { SandboxSpent, type WorkResult, type WorkSandbox, type Workshop } from './work-sandbox.js';

/**
 * A sandbox of ours that handles trees as data: the host's git over the workspace's layers, with our own git
 * folder outside of it, so that nothing the workspace holds (its .git, attributes, hooks) has a say.
 */
const SIDE_ENVIRONMENT: Environment = {
  host: { requires: ['git', 'find', 'sh', 'sort', 'cp', 'sed', 'xargs'] },
  setup: [],
  prepare: [],
  setupNetwork: 'none',
  network: 'none',
  env: {},
  workdir: '/',
  user: 'root',
};

const SIDE_RESOURCES: Resources = {
  cpus: 2,
  memoryBytes: 2 * 1024 ** 3,
  processes: 128,
  diskBytes: 8 * 1024 ** 3,
};

/** How long one step over a tree may take; a tree that takes longer is its owner's fault. */
const STEP_TIMEOUT_MS = 120_000;
/** A codebase is its sample's, and recorded once: it may take longer. */
const BASELINE_TIMEOUT_MS = 30 * 60_000;
const MAX_PATCH_BYTES = 64 * 1024 * 1024;

/** A tree: layers of a workspace, lowest first. */
export type TreeLayers = readonly string[];

export interface JudgedTree {
  /** SHA-256 (hex) over the canonical difference of the tree from its baseline: path, mode, type, content. */
  readonly digest: string;
  /** What test runners would have picked up and is as the sample has it, in words; '' for nothing. */
  readonly putBack: string;
}

/** Something about the tree that its owner did: a verification counts it against the subject. */
export class TreeUnusable extends Error {
  override readonly name = 'TreeUnusable';
}

/** Baselines, differences, patches and clean trees, made in side sandboxes. */
export class Trees {
  readonly #workshop: Workshop;

  constructor(workshop: Workshop) {
    this.#workshop = workshop;
  }

  /**
   * Records a workspace as the baseline that differences are taken from.
   * @throws TOO_LARGE when the workspace can't be handled with what our sandboxes have.
   */
  async makeBaseline(workspace: TreeLayers, layerId: string, signal?: AbortSignal): Promise<void> {
    await using side = await this.#open([], workspace, signal);
    const more = { timeoutMs: BASELINE_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
    const made = await this.#script(side, MAKE_BASELINE, [], more).catch((error: unknown) => {
      throw error instanceof TreeUnusable ? failedPrecondition('TOO_LARGE', error.message) : error;
    });
    if (made.exit.reason === 'TIMEOUT') {
      const minutes = BASELINE_TIMEOUT_MS / 60_000;
      throw failedPrecondition(
        'TOO_LARGE',
        `Recording the codebase took more than ${minutes} minutes; leave out what the task does not need.`,
      );
    }
    if (made.exit.code !== 0) throw new Error(`The baseline could not be made: ${made.stderr}`);
    await side.commit({ root: layerId });
  }

  /**
   * The difference of a workspace from its baseline as a git patch; what the baseline's ignore files name is
   * left out.
   * @param baseline undefined: everything is new.
   */
  async patch(
    baseline: string | undefined,
    workspace: TreeLayers,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    await using side = await this.#open(baseline === undefined ? [] : [baseline], workspace, signal);
    if (baseline === undefined) await this.#emptyBaseline(side);
    const result = await this.#script(side, PATCH, [], { maxOutputBytes: MAX_PATCH_BYTES });
    this.#expectDone(result, 'The difference could not be taken');
    return result.stdout;
  }

  /**
   * Makes the tree that a verification judges, as a layer over `workspace`: the patch applied or the session's
   * changes kept, owned by `uid`; what the sample protects and what test runners would pick up put back.
   * @param closings waits for the sandbox that it is made in to go, which nothing of the tree needs any more.
   * @throws TreeUnusable when the patch does not apply or the tree can't be handled.
   */
  async judged(
    request: {
      readonly baseline: string;
      readonly workspace: TreeLayers;
      /** The layer that holds the base's own .git. */
      readonly codebase: string;
      readonly patch: Uint8Array | undefined;
      readonly restore: readonly string[];
      readonly planted: PlantedFiles;
      /** A file of ours that goes over it, owned by root, and is no part of what the digest names. */
      readonly place: { readonly path: string; readonly content: string } | undefined;
      readonly uid: number;
    },
    layerId: string,
    closings: Closings,
    signal?: AbortSignal,
  ): Promise<JudgedTree> {
    const { baseline, workspace, codebase, patch, restore, uid, place } = request;
    const side = closings.take(await this.#open([baseline], workspace, signal, codebase));
    if (patch !== undefined && patch.length > 0) await this.#apply(side, patch, signal);
    const script = judge(patch === undefined ? 'session' : 'patch', restore.length > 0);
    const differs = await this.#step(side, script, [String(uid), ...restore], signal);
    const hardened = await putBack(differs, request.planted, this.#handsOn(side, uid, signal));
    if (place !== undefined) await this.#step(side, PLACE, [place.path], signal, Buffer.from(place.content));
    // Made again for a verification that is run again.
    await side.commit({ workspace: layerId }, { lasting: false }).catch((error: unknown) => {
      // What fitted where it was made may be too deep for where it is kept; that is its owner's doing, too.
      if (!(error instanceof CodesetError && error.reason === 'TOO_LARGE')) throw error;
      throw new TreeUnusable(error.message);
    });
    closings.close(side);
    return {
      digest: createHash('sha256').update(hardened.raw).digest('hex'),
      putBack: hardened.told,
    };
  }

  #handsOn(side: WorkSandbox, uid: number, signal: AbortSignal | undefined): TreeHands {
    const utf8 = (path: string): string => Buffer.from(path, 'latin1').toString('utf8');
    return {
      blobs: async (ids) => {
        const list = Buffer.from(ids.map((id) => `${id}\n`).join(''));
        return blobsIn(await this.#step(side, 'exec git cat-file --batch', [], signal, list), ids.length);
      },
      rewrite: async (path, mode, text) => {
        await this.#step(side, REWRITE, [utf8(path), mode], signal, Buffer.from(text));
      },
      putBack: (removed, restored) => {
        const named = [...removed.map((path) => `-${path}\0`), ...restored.map((path) => `+${path}\0`)];
        return this.#step(side, PUT_BACK_NAMED, [String(uid)], signal, Buffer.from(named.join(''), 'latin1'));
      },
    };
  }

  async #apply(side: WorkSandbox, patch: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    // Without an index git would take a patch for .git/config; it refuses such names by itself, and symlinks
    // it never follows.
    const result = await side.run({
      argv: ['git', 'apply', '--whitespace=nowarn', '-'],
      env: GIT_ENV,
      cwd: WORKSPACE,
      stdin: patch,
      timeoutMs: STEP_TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    if (result.exit.code !== 0) {
      throw new TreeUnusable(`The patch does not apply: ${result.stderr.trim().slice(0, 2000)}`);
    }
  }

  /** @returns what it printed */
  async #step(
    side: WorkSandbox,
    script: string,
    args: readonly string[],
    signal: AbortSignal | undefined,
    stdin?: Uint8Array,
  ): Promise<Buffer> {
    const more = { ...(signal === undefined ? {} : { signal }), ...(stdin === undefined ? {} : { stdin }) };
    const result = await this.#script(side, script, args, more);
    this.#expectDone(result, 'The tree could not be handled');
    return result.stdout;
  }

  #expectDone(result: WorkResult, what: string): void {
    if (result.exit.code === 0) return;
    const why =
      result.exit.reason === 'TIMEOUT'
        ? `it took more than ${STEP_TIMEOUT_MS / 1000} seconds`
        : result.stderr.trim().slice(-2000) || `exit ${result.exit.code ?? result.exit.signal}`;
    throw new TreeUnusable(`${what}: ${why}`);
  }

  #script(
    side: WorkSandbox,
    script: string,
    args: readonly string[],
    more: {
      readonly maxOutputBytes?: number;
      readonly signal?: AbortSignal;
      readonly stdin?: Uint8Array;
      readonly timeoutMs?: number;
    } = {},
  ): Promise<WorkResult> {
    const command = { argv: ['/bin/sh', '-c', script, 'sh', ...args], env: GIT_ENV, cwd: '/' };
    return side.run({ ...command, timeoutMs: STEP_TIMEOUT_MS, ...more }).catch((error: unknown) => {
      if (error instanceof SandboxSpent) throw new TreeUnusable(`The tree is too large. ${error.message}`);
      if (!(error instanceof CodesetError && error.reason === 'TOO_LARGE')) throw error;
      throw new TreeUnusable('The difference is too large.');
    });
  }

  /** A side sandbox over a workspace, the caller's to dispose. */
  open(workspace: TreeLayers, signal?: AbortSignal): Promise<WorkSandbox> {
    return this.#open([], workspace, signal);
  }

  async #emptyBaseline(side: WorkSandbox): Promise<void> {
    const result = await this.#script(
      side,
      `set -eu
${INIT}git update-ref refs/heads/baseline "$(git commit-tree -m empty "$(git mktree < /dev/null)")"`,
      [],
    );
    if (result.exit.code !== 0) throw new Error(`No empty baseline: ${result.stderr}`);
  }

  #open(
    rootLayers: readonly string[],
    workspaceLayers: TreeLayers,
    signal?: AbortSignal,
    codebase?: string,
  ): Promise<WorkSandbox> {
    return this.#workshop.open(
      {
        purpose: 'side',
        environment: SIDE_ENVIRONMENT,
        rootLayers,
        workspaceLayers,
        mounts: codebase === undefined ? [] : [{ layer: codebase, path: '/run/codeset-base' }],
        resources: SIDE_RESOURCES,
        network: 'none',
      },
      signal,
    );
  }
}

/** Turns a subject's fault into the error that a caller of diff or apply gets. */
export function asCallerError(error: unknown): unknown {
  if (!(error instanceof TreeUnusable)) return error;
  return new CodesetError('failed-precondition', 'PATCH_REJECTED', error.message);
}
