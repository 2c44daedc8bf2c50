import { createHash } from 'node:crypto';
import type { Closings } from './closings.js';
import type { Environment, Resources } from './environment.js';
import { WORKSPACE } from './environment.js';
import { CodesetError, failedPrecondition } from './errors.js';
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

const GIT_DIR = '/var/lib/codeset/baseline.git';
const GIT_ENV: Readonly<Record<string, string>> = {
  GIT_DIR,
  GIT_WORK_TREE: WORKSPACE,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'codeset',
  GIT_AUTHOR_EMAIL: 'codeset@localhost',
  GIT_COMMITTER_NAME: 'codeset',
  GIT_COMMITTER_EMAIL: 'codeset@localhost',
  GIT_AUTHOR_DATE: '2000-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2000-01-01T00:00:00Z',
  // A quick child of a huge tree must not be held up by an automatic repack.
  GIT_CONFIG_COUNT: '6',
  GIT_CONFIG_KEY_0: 'gc.auto',
  GIT_CONFIG_VALUE_0: '0',
  GIT_CONFIG_KEY_1: 'core.excludesFile',
  GIT_CONFIG_VALUE_1: '/dev/null',
  GIT_CONFIG_KEY_2: 'core.fsmonitor',
  GIT_CONFIG_VALUE_2: 'false',
  GIT_CONFIG_KEY_3: 'core.untrackedCache',
  GIT_CONFIG_VALUE_3: 'false',
  // Objects are written once and read at most once more: packing them small would cost more than their space.
  GIT_CONFIG_KEY_4: 'core.looseCompression',
  GIT_CONFIG_VALUE_4: '0',
  GIT_CONFIG_KEY_5: 'pack.compression',
  GIT_CONFIG_VALUE_5: '0',
};

// Repositories inside the workspace would be taken for submodules and hide their files; special files can't be
// judged. Both go from our copy only. The workspace's own .git stays: git never looks into it.
const NORMALISE = `
find "$GIT_WORK_TREE" -xdev -mindepth 2 -name .git -prune -exec rm -rf {} +
find "$GIT_WORK_TREE" -xdev '(' -type p -o -type s -o -type b -o -type c ')' -delete
`;

// Attributes of the git folder are the strongest: those of the tree change nothing.
const INIT = `mkdir -p "$GIT_DIR"
env -u GIT_WORK_TREE git init -q --bare "$GIT_DIR"
git config core.bare false
mkdir -p "$GIT_DIR/info"
echo '* -text !diff -filter -ident -working-tree-encoding !merge !eol !whitespace' > "$GIT_DIR/info/attributes"
`;

const MAKE_BASELINE = `set -eu
${INIT}${NORMALISE}
cd "$GIT_WORK_TREE"
git add -A -f .
commit=$(git commit-tree -m baseline "$(git write-tree)")
git update-ref refs/heads/baseline "$commit"
`;

/** Takes the workspace into the index, whatever ignore files say. Git would read a hole of a tebibyte for hours. */
const TAKE = `set -eu
${NORMALISE}
huge=$(find "$GIT_WORK_TREE" -xdev -type f -size +8388608k -print -quit)
if [ -n "$huge" ]; then echo "$huge is larger than 8 GiB" >&2; exit 1; fi
cd "$GIT_WORK_TREE"
git add -A -f .
`;

// What the base commit's own ignore rules name is left out of a patch; the agent's ignore files have no say.
const PATCH = `${TAKE}
rules=/tmp/rules
mkdir -p "$rules"
git ls-tree -r -z --name-only refs/heads/baseline > /tmp/base-paths
git diff-index --cached --no-renames --diff-filter=A -z --name-only refs/heads/baseline > /tmp/added
if [ -s /tmp/added ]; then
  GIT_INDEX_FILE=/tmp/rules.index git read-tree refs/heads/baseline
  GIT_INDEX_FILE=/tmp/rules.index git ls-files -z -- ':(glob)**/.gitignore' |
    GIT_INDEX_FILE=/tmp/rules.index git checkout-index -z --stdin --prefix="$rules/"
  (cd "$rules" && GIT_WORK_TREE="$rules" GIT_INDEX_FILE=/tmp/rules.index \\
    git check-ignore --no-index -z --stdin < /tmp/added > /tmp/ignored) || test $? = 1
  if [ -s /tmp/ignored ]; then git update-index -z --force-remove --stdin < /tmp/ignored; fi
fi
git -c core.looseCompression=-1 diff-index --cached --no-renames --no-ext-diff --no-textconv --no-color --binary --full-index -p refs/heads/baseline
`;

// Every path that differs from the baseline and matches one of the pathspecs is put back: planted ones go,
// changed and deleted ones are restored, with fresh times.
const RESTORE = `${TAKE}
changed() { git diff-index --cached --no-renames -z --name-only "$@"; }
changed --diff-filter=A refs/heads/baseline -- "$@" > /tmp/planted
changed --diff-filter=a refs/heads/baseline -- "$@" > /tmp/changed
if [ -s /tmp/planted ]; then
  # Just taken from the tree, so none of them lies behind a symlink.
  sed -z 's|^|./|' /tmp/planted | xargs -0 rm -f --
  git update-index -z --force-remove --stdin < /tmp/planted
fi
if [ -s /tmp/changed ]; then
  git --literal-pathspecs restore --source=refs/heads/baseline --staged --worktree \\
    --pathspec-from-file=/tmp/changed --pathspec-file-nul
fi
`;

// Git puts files back as root's; they belong to whom the code under test runs as, and so does its .git, which git
// would not trust otherwise.
const GIVE_BACK = `
find "$GIT_WORK_TREE" -xdev ! -uid "$uid" -exec chown -h "$uid:$uid" {} +
`;

const DERIVED = `set -eu
find "$GIT_WORK_TREE" -xdev '(' -name __pycache__ -prune -o -name '*.pyc' ')' -exec rm -rf {} +
`;

// The agent's own .git may hold hooks and settings that run when the script calls git: it is replaced where it
// differs. A change time can't be set by hand, so an untouched one shows the lower's.
const OWN_GIT = `set -eu
listing() { (cd "$1" && find . -printf '%P %y %s %m %C@ %l\\n' 2>/dev/null | LC_ALL=C sort); }
listing /run/codeset-base/.git > /tmp/git-before || true
listing "$GIT_WORK_TREE/.git" > /tmp/git-after || true
if [ -L "$GIT_WORK_TREE/.git" ] || ! cmp -s /tmp/git-before /tmp/git-after; then
  rm -rf "$GIT_WORK_TREE/.git"
  if [ -d /run/codeset-base/.git ]; then cp -a /run/codeset-base/.git "$GIT_WORK_TREE/.git"; fi
fi
`;

/** Prints the difference that the digest is taken of. Its arguments: who owns the tree, then what is put back. */
function judge(kind: 'session' | 'patch', restores: boolean): string {
  const steps = [
    'uid=$1\nshift\n',
    ...(kind === 'session' ? [DERIVED, OWN_GIT] : []),
    restores ? RESTORE : TAKE,
    'git diff-index --cached --raw -z --no-abbrev --no-renames refs/heads/baseline\n',
    GIVE_BACK,
  ];
  return steps.join('');
}

/** A tree: layers of a workspace, lowest first. */
export type TreeLayers = readonly string[];

export interface JudgedTree {
  /** SHA-256 (hex) over the canonical difference of the tree from its baseline: path, mode, type, content. */
  readonly digest: string;
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
   * changes kept, owned by `uid`; what the sample protects put back.
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
      readonly uid: number;
    },
    layerId: string,
    closings: Closings,
    signal?: AbortSignal,
  ): Promise<JudgedTree> {
    const { baseline, workspace, codebase, patch, restore, uid } = request;
    const side = closings.take(await this.#open([baseline], workspace, signal, codebase));
    if (patch !== undefined && patch.length > 0) await this.#apply(side, patch, signal);
    const script = judge(patch === undefined ? 'session' : 'patch', restore.length > 0);
    const more = signal === undefined ? {} : { signal };
    const raw = await this.#script(side, script, [String(uid), ...restore], more);
    this.#expectDone(raw, 'The tree could not be handled');
    // Made again for a verification that is run again.
    await side.commit({ workspace: layerId }, { lasting: false }).catch((error: unknown) => {
      // What fitted where it was made may be too deep for where it is kept; that is its owner's doing, too.
      if (!(error instanceof CodesetError && error.reason === 'TOO_LARGE')) throw error;
      throw new TreeUnusable(error.message);
    });
    closings.close(side);
    return { digest: createHash('sha256').update(raw.stdout).digest('hex') };
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
