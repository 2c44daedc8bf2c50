import type { z } from 'zod';
import {
  choice,
  count,
  databasePath,
  dockerAddress,
  duration,
  durationOrNone,
  flag,
  listenAddress,
  path,
  pathOrNone,
  size,
  textOrNone,
  toolchainFolders,
  words,
  type ListenAddress,
  type Origin,
  type ToolchainFolder,
} from './config-values.js';

/** What the server goes by. Times in milliseconds, sizes in bytes, paths absolute. */
export interface ServerConfig {
  readonly listen: ListenAddress;
  readonly dataDir: string;
  readonly runDir: string;
  readonly engine: 'auto' | 'local' | 'docker';
  /** The SQLite file. */
  readonly databaseUrl: string;
  readonly insecureNoAuth: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly shutdownGrace: number;
  readonly maxSessions: number;
  readonly defaultTtl: number;
  readonly maxTtl: number;
  /** 0: none. */
  readonly defaultIdleTimeout: number;
  readonly maxVerifications: number;
  /** 0: for ever. */
  readonly verificationRetention: number;
  readonly verificationDisk: number;
  readonly diskReserve: number;
  readonly sessionOutput: number;
  readonly runtimes: readonly string[];
  readonly hostIdBase: number;
  readonly toolchainPaths: readonly ToolchainFolder[];
  /** Name and value of each variable that is set here. */
  /** `unix:///PATH`, `tcp://HOST:PORT`, `https://HOST:PORT`. */
  readonly dockerHost: string;
  /** A folder with ca.pem, cert.pem and key.pem. */
  readonly dockerCertPath: string | undefined;
  /** Docker's own folder of settings, for the credentials of registries. */
  readonly dockerConfig: string | undefined;
  readonly dockerLink: 'auto' | 'socket' | 'attach' | 'exec';
  /** Undefined: the daemon's default. */
  readonly dockerRuntime: string | undefined;
  /** Undefined: one made of this machine's own tools. */
  readonly toolboxImage: string | undefined;
  readonly imageDisk: number;
  readonly imageGrace: number;
  readonly passEnv: Readonly<Record<string, string>>;
}

export interface Setting {
  /** As in ServerConfig. Flag, variable and key of the file are made of it. */
  readonly name: string;
  /** As a person would write it; for flags and the documentation. */
  readonly placeholder: string;
  /** As written, or a sentence where it depends on the machine. */
  readonly fallback: string;
  readonly doc: string;
}

export interface ServerSetting extends Setting {
  readonly name: keyof ServerConfig;
  readonly schema: (origin: Origin) => z.ZodType;
}

export const DEFAULT_TOOLCHAIN = '/usr/local/go:/usr/local/go/bin';
const DEFAULT_PASS_ENV =
  'HTTP_PROXY,HTTPS_PROXY,NO_PROXY,ALL_PROXY,http_proxy,https_proxy,no_proxy,all_proxy,' +
  'SSL_CERT_FILE,SSL_CERT_DIR,CURL_CA_BUNDLE,REQUESTS_CA_BUNDLE,PIP_CERT,NODE_EXTRA_CA_CERTS,GIT_SSL_CAINFO,' +
  'PIP_INDEX_URL,GOPROXY,npm_config_registry';

/** Every setting of the server, in the order of its documentation. */
export const SERVER_SETTINGS: readonly ServerSetting[] = [
  setting(
    'listen',
    'HOST:PORT|unix:PATH',
    '127.0.0.1:50051',
    listenAddress,
    'Where the server listens: a loopback address, port 0 for any free one, or a Unix socket. Any other address is refused until the service speaks TLS.',
  ),
  setting(
    'dataDir',
    'DIR',
    'root: `/var/lib/codeset`; else `$XDG_STATE_HOME/codeset` or `~/.local/state/codeset`',
    path,
    'Everything the service keeps: database, blobs, layers, sandboxes, records, and `admin.key`. Not on an overlay file system.',
  ),
  setting(
    'runDir',
    'DIR',
    'root: `/run/codeset`; else `$XDG_RUNTIME_DIR/codeset` or a folder in `/tmp`',
    path,
    'Sockets, mount points and the state of the OCI runtime. Short, since the path of a socket holds 107 bytes.',
  ),
  setting(
    'engine',
    'auto|local|docker',
    'auto',
    () => choice('auto', 'local', 'docker'),
    'What makes sandboxes: an OCI runtime of this machine, or a Docker daemon. With `auto` a sample that names the host goes to `local` where that works here, and everything that only names an image to `docker`.',
  ),
  setting('databaseUrl', 'sqlite:PATH', '`codeset.db` in the data folder', databasePath, 'The database.'),
  setting(
    'insecureNoAuth',
    '',
    'false',
    () => flag,
    'Every caller is an admin, without a key. For trying things on a machine of your own.',
  ),
  setting(
    'logLevel',
    'LEVEL',
    'info',
    () => choice('debug', 'info', 'warn', 'error', 'silent'),
    'The least that is logged: debug, info, warn, error or silent.',
  ),
  setting(
    'shutdownGrace',
    'DURATION',
    '10s',
    () => duration,
    'How long calls may go on after SIGTERM. Sessions and their commands outlive the server.',
  ),
  setting(
    'maxSessions',
    'N',
    '1000',
    () => count(1, 100_000),
    'Sessions open at once; one more is refused with SESSION_LIMIT.',
  ),
  setting(
    'defaultTtl',
    'DURATION',
    '30m',
    () => duration,
    'How long a session lives when its creator says nothing.',
  ),
  setting(
    'maxTtl',
    'DURATION',
    '24h',
    () => duration,
    'The longest that a creator may ask for, also when a session is extended.',
  ),
  setting(
    'defaultIdleTimeout',
    'DURATION|none',
    'none',
    () => durationOrNone,
    'A session that runs nothing and gets no call for so long expires, unless its creator says otherwise.',
  ),
  setting(
    'maxVerifications',
    'N',
    '4',
    () => count(1, 1000),
    'Verifications that run at once; more wait in line.',
  ),
  setting(
    'verificationRetention',
    'DURATION|none',
    '30d',
    () => durationOrNone,
    'How long a verification that has ended is kept, with its verdict, log and patch; `none`: for ever. It goes on counting against the limit of its session.',
  ),
  setting(
    'verificationDisk',
    'SIZE',
    '10GiB',
    () => size,
    'What the logs and patches of all verifications may take together. When it is more, patches go, then logs, each time of the verifications that ended longest ago; records and verdicts stay, and tell what was given up. With 0 both go as soon as a verification has ended.',
  ),
  setting(
    'diskReserve',
    'SIZE',
    '512MiB',
    () => size,
    "Bytes kept free on the data folder's file system: nothing new is made below that.",
  ),
  setting(
    'sessionOutput',
    'SIZE',
    '256MiB',
    () => size,
    'What the recorded output of all commands of a session may take on disk. When it is more, the middle of what ended first goes, then its end, then its beginning; a reader is told by a gap. Each output of a command keeps its first 4 MiB and its last 12 to 16 MiB in any case.',
  ),
  setting(
    'runtimes',
    'NAME,…',
    'crun,runc',
    () => words,
    'OCI runtimes to probe, in this order; the first that really runs is taken.',
  ),
  setting(
    'hostIdBase',
    'ID',
    '1000000',
    () => count(65_536, 4_294_836_224),
    'Where the service is root: first of the 65,536 user and group ids of the host that those inside sandboxes are mapped to. Nothing else on the host may use them. Those of an ordinary user are its own and its subordinate ones.',
  ),
  setting(
    'toolchainPaths',
    'PATH[:BIN],…',
    '`/usr/local/go:/usr/local/go/bin` where it exists',
    () => toolchainFolders,
    'Folders of the host, outside `/usr`, that sandboxes on the host toolchain see read-only; BIN goes in front of their PATH. In YAML also a list of `{path, bin}`.',
  ),
  setting(
    'dockerHost',
    'ADDRESS',
    "`DOCKER_HOST`; else `/var/run/docker.sock` or a rootless Docker's `$XDG_RUNTIME_DIR/docker.sock`",
    () => dockerAddress,
    'The Docker daemon: `unix:///PATH`, `tcp://HOST:PORT` or `https://HOST:PORT`. Whoever may ask it may do anything on its machine. [docker.md](docker.md) has which were tried, TLS and SSH.',
  ),
  setting(
    'dockerCertPath',
    'DIR|none',
    '`DOCKER_CERT_PATH` where `DOCKER_TLS_VERIFY` is set; else none',
    pathOrNone,
    'A folder with `ca.pem`, `cert.pem` and `key.pem` for a daemon that is asked over TLS.',
  ),
  setting(
    'dockerConfig',
    'DIR|none',
    '`DOCKER_CONFIG`; else `~/.docker`',
    pathOrNone,
    "Docker's own folder of settings: `docker login` keeps the credentials there that images are pulled with. `none` pulls without any.",
  ),
  setting(
    'dockerLink',
    'auto|socket|attach|exec',
    'auto',
    () => choice('auto', 'socket', 'attach', 'exec'),
    "How the service talks to what runs in a container. `socket` is the fastest and needs a daemon on this machine; `attach` goes through Docker's API, near or far; `exec` runs commands by `docker exec`. `auto` takes the first of `socket` and `attach` that works, with `docker_runtime` other than the daemon's own `attach`: whether sockets of the host work there was not tried. A sandbox in which the service's init can't run (a runtime that does not execute it, or in which it ends at once) gets `exec` under `auto`, which `GetSession.engine_capabilities` and the log tell; the architecture of an image is no such case, since init is the daemon's machine's own. Sandboxes that live keep the link that they were made with, whatever is set later.",
  ),
  setting(
    'dockerRuntime',
    'NAME|none',
    'none',
    () => textOrNone,
    "An OCI runtime that the daemon knows, for every sandbox: `runsc`, `kata`. `none` is the daemon's default.",
  ),
  setting(
    'toolboxImage',
    'IMAGE|none',
    'none',
    () => textOrNone,
    "The image that the service handles trees in on Docker, with git, sh, sort, cp, xargs and GNU’s find and sed. `none` makes one of about 10 MB of this machine's own programs.",
  ),
  setting(
    'imageDisk',
    'SIZE',
    '50GiB',
    () => size,
    'What images that were pulled or built for samples may take. Beyond it those that nothing refers to go, the longest unused first, and `codeset sample prefetch` begins no more pulls.',
  ),
  setting(
    'imageGrace',
    'DURATION',
    '1d',
    () => duration,
    'How long an image that nothing refers to stays after its last use while there is room.',
  ),
  setting(
    'passEnv',
    'NAME,…',
    DEFAULT_PASS_ENV,
    () => words,
    "Variables of the server's own environment that sandboxes with network PUBLIC get: proxies, certificates, package indexes. A proxy's password among them is seen by what runs there.",
  ),
];

/** The settings of clients, for the documentation and the command line. */
export const CLIENT_SETTINGS: readonly Setting[] = [
  { name: 'address', placeholder: 'HOST:PORT|unix:PATH', fallback: '127.0.0.1:50051', doc: 'The server.' },
  {
    name: 'apiKey',
    placeholder: 'KEY',
    fallback: '`admin.key` in the data folder',
    doc: 'The key that calls carry.',
  },
  {
    name: 'dataDir',
    placeholder: 'DIR',
    fallback: "as the server's",
    doc: "The server's data folder, where `admin.key` lies.",
  },
];

/** `maxTtl` → `--max-ttl`. */
export function flagName(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `maxTtl` → `CODESET_MAX_TTL`. */
export function variableName(name: string): string {
  return `CODESET_${fileKey(name).toUpperCase()}`;
}

/** `maxTtl` → `max_ttl`. */
export function fileKey(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function setting(
  name: keyof ServerConfig,
  placeholder: string,
  fallback: string,
  schema: (origin: Origin) => z.ZodType,
  doc: string,
): ServerSetting {
  return { name, placeholder, fallback, schema, doc };
}
