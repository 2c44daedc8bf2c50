import { AGENT_USER, type Environment, type NetworkMode } from './environment.js';
import type { Engine } from './ports/engine.js';

/**
 * The environment that a sandbox's commands get when they say nothing themselves: the image's variables, the
 * engine's base, HOME and USER, the sample's `env` (where PATH may refer to `$PATH`), then `extra`. Where the home of
 * an image's own user is, its /etc/passwd says, and init reads it.
 */
export function commandEnv(
  engine: Engine,
  environment: Environment,
  network: NetworkMode,
  user: string,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const env: Record<string, string> = {
    LANG: 'C.UTF-8',
    ...environment.ground?.image?.env,
    ...engine.baseEnv(environment, network),
    ...homeOf(environment, user),
    USER: user,
    LOGNAME: user,
  };
  for (const [name, value] of [...Object.entries(environment.env), ...Object.entries(extra)]) {
    env[name] = name === 'PATH' ? value.replaceAll('$PATH', env['PATH'] ?? '') : value;
  }
  return env;
}

function homeOf({ ground }: Environment, user: string): { readonly HOME?: string } {
  if (user === 'root') return { HOME: '/root' };
  return ground?.image === undefined || user === AGENT_USER ? { HOME: `/home/${user}` } : {};
}
