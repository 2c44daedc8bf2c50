import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { SandboxSpec } from '../../../src/core/ports/engine.js';
import type { DockerEngineOptions } from '../../../src/engines/docker/options.js';

// A life of the Docker engine that ends by SIGKILL in the middle of closing a socket's folder off: when it first calls
// `call` of node:fs for what is mounted in the container of `part`.
const [options = '{}', spec = '{}', call = 'rmdir', part = ''] = process.argv.slice(2);
const real = fs[call as 'rename'] as (...args: readonly unknown[]) => Promise<unknown>;
Object.assign(fs, {
  [call]: async (...args: readonly unknown[]) => {
    if (String(args[0]).includes(`/${part}/d`)) process.kill(process.pid, 'SIGKILL');
    return real(...args);
  },
});
syncBuiltinESMExports();
const { DockerEngine } = await import('../../../src/engines/docker/docker-engine.js');
const say = (): void => undefined;
const engine = await DockerEngine.open({
  ...(JSON.parse(options) as DockerEngineOptions & { readonly init: string }),
  initPath: () => (JSON.parse(options) as { readonly init: string }).init,
  log: { debug: say, info: say, warn: say, error: say },
});
await engine.create(JSON.parse(spec) as SandboxSpec);
console.log('It was not cut.');
