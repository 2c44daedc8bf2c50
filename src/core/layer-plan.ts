import { digestOf } from './digest.js';
import type { Environment } from './environment.js';

// Ids of layers say what they were made from, so that whoever needs the same finds it made already.

export function codebaseLayerId(source: string, history: string, uid: number): string {
  return `codebase-${digestOf({ source, history, uid }).slice(0, 40)}`;
}

/** One for every sample with the same set-up on the same ground. */
export function setupLayerId(fingerprint: string, environment: Environment): string {
  const { setup, setupNetwork, env, host, image, user } = environment;
  const key = { fingerprint, setup, setupNetwork, env, host, image, user };
  return `setup-${digestOf(key).slice(0, 40)}`;
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
  const digest = digestOf({ below, prepare, setupNetwork, env, user, workdir }).slice(0, 40);
  return {
    root: [...below.root, `prepare-root-${digest}`],
    workspace: [...below.workspace, `prepare-workspace-${digest}`],
  };
}

export function baselineLayerId(workspace: readonly string[]): string {
  return `baseline-${digestOf(workspace).slice(0, 40)}`;
}

export function hiddenLayerId(sampleDigest: string): string {
  return `hidden-${sampleDigest.slice(0, 40)}`;
}
