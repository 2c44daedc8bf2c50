import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { nearest, type ToolchainFolder } from './config-values.js';
import {
  DEFAULT_TOOLCHAIN,
  SERVER_SETTINGS,
  fileKey,
  flagName,
  variableName,
  type ServerConfig,
} from './config-settings.js';

// The only reader of process.env. Flags over environment over file, into one frozen object.

/** A wrong setting. The message says which, where it was set, and what was expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** What a client goes by. */
export interface ClientConfig {
  /** `HOST:PORT` or `unix:PATH`. */
  readonly address: string;
  /** As given; undefined means the `admin.key` of the data folder. */
  readonly apiKey: string | undefined;
  readonly dataDir: string;
  /** Colour is not wanted, whatever the terminal. */
  readonly noColor: boolean;
  /** What kind of terminal this is, `xterm-256color`; undefined when nobody says. */
  readonly term: string | undefined;
  /** What programs that this one starts inherit. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

// Variables that carry our prefix and are no settings: what sandboxes, agents under `eval` and our tests get.
const OTHER_VARIABLES =
  /^CODESET_(TEST_\w+|CONFIG|ADDRESS|API_KEY|SESSION_ID|SAMPLE_ID|ATTEMPT|TASK_FILE|VERIFICATION_DIR|REPORT_DIR)$/;

export interface ConfigSources {
  /** By setting name, as the command line parser gives them; undefined counts as not given. `config` is the file. */
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Relative paths of flags and variables start here. */
  readonly cwd?: string;
}

/** The server's settings. @throws ConfigError */
export function loadServerConfig(sources: ConfigSources = {}): ServerConfig {
  const env = sources.env ?? process.env;
  const cwd = sources.cwd ?? process.cwd();
  const flags = given(sources.flags ?? {});
  const file = flags['config'] ?? env['CODESET_CONFIG'];
  refuseUnknown(
    Object.keys(flags).filter((name) => name !== 'config'),
    (name) => name,
    flagName,
  );
  refuseUnknown(
    Object.keys(env).filter((name) => name.startsWith('CODESET_') && !OTHER_VARIABLES.test(name)),
    variableName,
    (name) => name,
  );
  const fileName = file === undefined ? undefined : resolve(cwd, String(file));
  const settings = fileName === undefined ? {} : readFile(fileName);
  const fallbacks = defaults(env);

  const values: Record<string, unknown> = {};
  for (const { name, schema } of SERVER_SETTINGS) {
    const places: readonly (readonly [where: string, value: unknown, folder: string])[] = [
      [flagName(name), flags[name], cwd],
      [variableName(name), env[variableName(name)], cwd],
      [`${fileName}: ${fileKey(name)}`, settings[fileKey(name)], dirname(fileName ?? cwd)],
      [`the default of ${name}`, fallbacks[name], cwd],
    ];
    const place = places.find(([, value]) => value !== undefined);
    if (place === undefined) throw new ConfigError(`${flagName(name)} has no value.`);
    const [where, value, folder] = place;
    const result = schema({ folder }).safeParse(value);
    if (!result.success) throw new ConfigError(`${where}: ${result.error.issues[0]?.message ?? 'is wrong'}.`);
    values[name] = result.data;
    // The default folder is offered, not demanded.
    if (where.startsWith('the default') && name === 'toolchainPaths') {
      values[name] = (result.data as readonly ToolchainFolder[]).filter((entry) => existsSync(entry.path));
    }
  }
  values['databaseUrl'] ??= join(String(values['dataDir']), 'codeset.db');
  values['passEnv'] = valuesOf(values['passEnv'] as readonly string[], env);
  const config = values as unknown as ServerConfig;
  if (config.defaultTtl > config.maxTtl) {
    throw new ConfigError('--default-ttl is longer than --max-ttl.');
  }
  return deepFreeze(config);
}

/** A client's settings. @throws ConfigError */
export function loadClientConfig(sources: ConfigSources = {}): ClientConfig {
  const env = sources.env ?? process.env;
  const flags = given(sources.flags ?? {});
  const pick = (name: string): string | undefined => {
    const value = flags[name] ?? env[variableName(name)];
    return value === undefined || value === '' ? undefined : String(value);
  };
  const folder = pick('dataDir') ?? defaults(env)['dataDir'] ?? '';
  return Object.freeze({
    address: pick('address') ?? '127.0.0.1:50051',
    apiKey: pick('apiKey'),
    dataDir: resolve(sources.cwd ?? process.cwd(), folder),
    noColor: (env['NO_COLOR'] ?? '') !== '',
    term: env['TERM'] === '' ? undefined : env['TERM'],
    env: { ...env },
  });
}

/** What each setting is when nobody says anything, as text. */
function defaults(env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const written = SERVER_SETTINGS.map((entry) => [entry.name, entry.fallback] as const);
  const root = process.getuid?.() === 0;
  const home = env['HOME'] ?? homedir();
  const state = absolute(env['XDG_STATE_HOME']) ?? join(home, '.local', 'state');
  const run = absolute(env['XDG_RUNTIME_DIR']);
  return {
    ...Object.fromEntries(written),
    dataDir: root ? '/var/lib/codeset' : join(state, 'codeset'),
    runDir: root
      ? '/run/codeset'
      : run === undefined
        ? `/tmp/codeset-${process.getuid?.() ?? 0}`
        : join(run, 'codeset'),
    databaseUrl: 'sqlite:',
    ...dockerDefaults(env, home, run),
    toolchainPaths: DEFAULT_TOOLCHAIN,
  };
}

/** As Docker's own command line finds its daemon. */
function dockerDefaults(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
  run: string | undefined,
): Readonly<Record<string, string>> {
  const [rooted, rootless] = [
    '/var/run/docker.sock',
    run === undefined ? undefined : join(run, 'docker.sock'),
  ];
  const socket = rootless !== undefined && !existsSync(rooted) && existsSync(rootless) ? rootless : rooted;
  return {
    dockerHost: env['DOCKER_HOST'] || `unix://${socket}`,
    dockerCertPath:
      (env['DOCKER_TLS_VERIFY'] && (env['DOCKER_CERT_PATH'] || join(home, '.docker'))) || 'none',
    dockerConfig: env['DOCKER_CONFIG'] || join(home, '.docker'),
  };
}

// The XDG specification: a relative path is no path.
function absolute(folder: string | undefined): string | undefined {
  return folder?.startsWith('/') === true ? folder : undefined;
}

function given(
  flags: Readonly<Record<string, string | boolean | undefined>>,
): Readonly<Record<string, string | boolean>> {
  const entries = Object.entries(flags).filter(
    (entry): entry is [string, string | boolean] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}

function readFile(name: string): Readonly<Record<string, unknown>> {
  let content: unknown;
  try {
    content = parse(readFileSync(name, 'utf8'), { prettyErrors: true }) ?? {};
  } catch (error) {
    throw new ConfigError(`${name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new ConfigError(`${name}: expected settings, one \`name: value\` a line.`);
  }
  refuseUnknown(Object.keys(content), fileKey, (key) => `${name}: ${key}`);
  return Object.fromEntries(Object.entries(content).map(([key, value]) => [key, value ?? undefined]));
}

/** @param spell how a setting is written in this place. @param show how a name of this place is shown. */
function refuseUnknown(
  names: readonly string[],
  spell: (name: string) => string,
  show: (name: string) => string,
): void {
  const known = SERVER_SETTINGS.map((entry) => spell(entry.name));
  for (const name of names) {
    if (known.includes(name)) continue;
    const close = nearest(name, known);
    const hint =
      close === undefined
        ? ' See docs/configuration.md.'
        : ` Did you mean ${spell === fileKey ? close : show(close)}?`;
    throw new ConfigError(`${show(name)}: there is no such setting.${hint}`);
  }
}

function valuesOf(
  names: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
