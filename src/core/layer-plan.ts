import { digestOf } from './digest.js';
import { idAt } from './engine-ids.js';
import type { Environment } from './environment.js';

// Ids of layers say what they were made from and where they are, so that whoever needs the same finds it made already.

export function codebaseLayerId(engine: string, source: string, history: string, uid: number): string {
  return idAt(engine, `codebase-${digestOf({ source, history, uid }).slice(0, 40)}`);
}

/** One for every sample with the same set-up on the same ground. */
export function setupLayerId(fingerprint: string, environment: Environment): string {
  const { setup, setupNetwork, env, host, user, ground } = environment;
  const image = ground?.image?.id;
  const key = {
    fingerprint,
    setup,
    setupNetwork,
    env,
    host: image === undefined ? host : undefined,
    image,
    user,
  };
  return idAt(engineOf(environment), `setup-${digestOf(key).slice(0, 40)}`);
}

/** Layers of a sandbox's root and workspace, lowest first. */
export interface LayerStacks {
  readonly root: readonly string[];
  readonly workspace: readonly string[];
}

/** What an environment's `prepare` makes of the layers that it runs on; the last of each are its own. */
export function prepared(environment: Environment, below: LayerStacks): LayerStacks {
  const { prepare, setupNetwork, env, user, workdir } = environment;
  if (prepare.length === 0) return below;
  const image = environment.ground?.image?.id;
  // Whose the workspace becomes; undefined where it was always told by the name.
  const uid = environment.ground?.image?.user?.uid;
  const digest = digestOf({ below, prepare, setupNetwork, env, user, workdir, image, uid }).slice(0, 40);
  const engine = engineOf(environment);
  return {
    root: [...below.root, idAt(engine, `prepare-root-${digest}`)],
    workspace: [...below.workspace, idAt(engine, `prepare-workspace-${digest}`)],
  };
}

export function baselineLayerId(engine: string, workspace: readonly string[]): string {
  return idAt(engine, `baseline-${digestOf(workspace).slice(0, 40)}`);
}

export function hiddenLayerId(engine: string, sampleDigest: string): string {
  return idAt(engine, `hidden-${sampleDigest.slice(0, 40)}`);
}

function engineOf({ ground }: Environment): string {
  if (ground === undefined)
    throw new Error('Layers are planned on the ground that an environment came down to.');
  return ground.engine;
}
