import type { Environment, NetworkMode } from './environment.js';
import type { Engine } from './ports/engine.js';

/**
 * The environment that a sandbox's commands get when they say nothing themselves: the engine's base, HOME and
 * USER, the sample's `env` (where PATH may refer to `$PATH`), then `extra`.
 */
export function commandEnv(
  engine: Engine,
  environment: Environment,
  network: NetworkMode,
  user: string,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const env: Record<string, string> = {
    ...engine.baseEnv(environment, network),
    HOME: user === 'root' ? '/root' : `/home/${user}`,
    USER: user,
    LOGNAME: user,
    LANG: 'C.UTF-8',
  };
  for (const [name, value] of [...Object.entries(environment.env), ...Object.entries(extra)]) {
    env[name] = name === 'PATH' ? value.replaceAll('$PATH', env['PATH'] ?? '') : value;
  }
  return env;
}
