import { DEFAULT_RESOURCES, type Environment } from '../../../src/core/environment.js';
import type { Engine, SandboxSpec } from '../../../src/core/ports/engine.js';
import { InitClient, type Result } from '../init-client.js';

export const HOST_ENVIRONMENT: Environment = {
  host: { requires: ['bash', 'tar'] },
  setup: [],
  prepare: [],
  setupNetwork: 'none',
  network: 'none',
  env: {},
  workdir: '/workspace',
  user: 'agent',
};

/** A sandbox on the host's toolchain, unless it is changed. */
export function sandboxSpec(sandboxId: string, changes: Partial<SandboxSpec> = {}): SandboxSpec {
  return {
    sandboxId,
    purpose: 'session',
    environment: HOST_ENVIRONMENT,
    rootLayers: [],
    workspaceLayers: [],
    mounts: [],
    resources: DEFAULT_RESOURCES,
    network: 'none',
    hostname: 'codeset',
    ...changes,
  };
}

export async function inSandbox<T>(
  engine: Engine,
  sandboxId: string,
  work: (init: InitClient) => Promise<T>,
): Promise<T> {
  const init = new InitClient(await engine.connect(sandboxId));
  try {
    return await work(init);
  } finally {
    await init[Symbol.asyncDispose]();
  }
}

export function sh(
  engine: Engine,
  sandboxId: string,
  script: string,
  user = 'agent',
  cwd = '/workspace',
): Promise<Result> {
  return inSandbox(engine, sandboxId, (init) => init.run(script, { user, cwd }));
}
