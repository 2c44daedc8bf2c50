import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../../core/ports/log.js';
import { DOCKER_HUB } from './reference.js';

/** What the daemon is told for a registry; its names are Docker's. */
export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
  readonly serveraddress: string;
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, StoredAuth>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

interface StoredAuth {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** Docker Hub goes by this name in Docker's configuration. */
const HUB_SERVER = 'https://index.docker.io/v1/';
const HELPER_MS = 15_000;
const LAST_WORDS_MS = 1000;
const MAX_ANSWER = 1024 * 1024;

/**
 * Who we are at registries: what `docker login` left in Docker's own configuration. It is read at each look, since
 * people log in when a pull was refused. Whatever is wrong there is said in the log, and the pull goes on without.
 */
export class Credentials {
  readonly #folder: string | undefined;
  readonly #helperMs: number;
  readonly #log: Log;

  /** @param folder where config.json is; undefined: no credentials at all */
  constructor(folder: string | undefined, log: Log, helperMs = HELPER_MS) {
    this.#folder = folder;
    this.#log = log;
    this.#helperMs = helperMs;
  }

  /** @param domain a reference's: `docker.io`, `ghcr.io` */
  async for(domain: string): Promise<RegistryAuth | undefined> {
    const config = await this.#read();
    if (config === undefined) return undefined;
    const server = serverOf(domain);
    const helper = entryOf(config.credHelpers, domain) ?? config.credsStore;
    if (typeof helper === 'string' && helper !== '') {
      const told = await this.#ask(helper, server);
      if (told !== undefined) return told;
    }
    const stored = entryOf(config.auths, domain);
    return stored === undefined ? undefined : this.#stored(stored, server);
  }

  async #read(): Promise<DockerConfig | undefined> {
    if (this.#folder === undefined) return undefined;
    const path = join(this.#folder, 'config.json');
    try {
      const config = JSON.parse(await readFile(path, 'utf8')) as unknown;
      if (typeof config === 'object' && config !== null) return config;
      this.#log.warn("Docker's configuration is no JSON object; images are pulled without credentials", {
        path,
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      this.#log.warn("Docker's configuration could not be read; images are pulled without credentials", {
        path,
        error,
      });
    }
    return undefined;
  }

  #stored(stored: StoredAuth, server: string): RegistryAuth | undefined {
    const tokens = {
      ...(stored.identitytoken ? { identitytoken: stored.identitytoken } : {}),
      ...(stored.registrytoken ? { registrytoken: stored.registrytoken } : {}),
      serveraddress: server,
    };
    if (stored.auth) {
      const decoded = Buffer.from(stored.auth, 'base64').toString('utf8');
      const colon = decoded.indexOf(':');
      if (colon > 0) {
        const password = decoded.slice(colon + 1).replace(/\0+$/, '');
        return { username: decoded.slice(0, colon), password, ...tokens };
      }
      this.#log.warn(`Docker's configuration has credentials for ${server} that are not USER:PASSWORD`);
    }
    if (stored.username) return { username: stored.username, password: stored.password ?? '', ...tokens };
    return tokens.identitytoken || tokens.registrytoken ? tokens : undefined;
  }

  async #ask(helper: string, server: string): Promise<RegistryAuth | undefined> {
    const program = `docker-credential-${helper}`;
    if (!/^[\w.-]+$/.test(helper)) {
      this.#log.warn(`Docker's configuration names the credential helper ${JSON.stringify(helper)}; no name`);
      return undefined;
    }
    const { code, output, why } = await runHelper(program, server, this.#helperMs);
    if (code !== 0) {
      // "credentials not found in native keychain" is the helper's way to say no.
      if (!/credentials not found|no credentials/i.test(output))
        this.#log.warn(`${program} gave no credentials for ${server}`, {
          why: why ?? output.trim().slice(0, 300),
        });
      return undefined;
    }
    try {
      const told = JSON.parse(output) as { Username?: unknown; Secret?: unknown };
      if (typeof told.Secret !== 'string' || typeof told.Username !== 'string') return undefined;
      return told.Username === '<token>'
        ? { identitytoken: told.Secret, serveraddress: server }
        : { username: told.Username, password: told.Secret, serveraddress: server };
    } catch {
      this.#log.warn(`${program} answered something that is no JSON`);
      return undefined;
    }
  }
}

function serverOf(domain: string): string {
  return domain === DOCKER_HUB ? HUB_SERVER : domain;
}

/** Keys are hosts or addresses: `ghcr.io`, `https://ghcr.io/v2/`. */
function entryOf<T>(entries: Readonly<Record<string, T>> | undefined, domain: string): T | undefined {
  const names = domain === DOCKER_HUB ? [DOCKER_HUB, 'index.docker.io'] : [domain];
  const all = Object.entries(entries ?? {});
  const exact = all.find(([key]) => key === serverOf(domain));
  return (exact ?? all.find(([key]) => names.includes(hostOf(key))))?.[1];
}

function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}

/** `docker-credential-NAME get`: the server's name in, JSON out. */
async function runHelper(
  program: string,
  server: string,
  timeoutMs: number,
): Promise<{ code: number | undefined; output: string; why: string | undefined }> {
  const child = spawn(program, ['get'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let output = '';
  const take = (text: string): void => {
    if (output.length < MAX_ANSWER) output += text;
  };
  child.stdout.setEncoding('utf8').on('data', take);
  child.stderr.setEncoding('utf8').on('data', take);
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${server}\n`);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: undefined, output, why: error.message }));
    child.once('exit', (code, signal) => {
      const why = signal === 'SIGKILL' ? `it did not answer in ${timeoutMs} ms` : undefined;
      const end = (): void => resolve({ code: code ?? undefined, output, why });
      // Its last words may be on their way; a grandchild that keeps the pipes open must not keep us.
      const late = setTimeout(end, LAST_WORDS_MS);
      child.once('close', () => {
        clearTimeout(late);
        end();
      });
    });
  });
}
