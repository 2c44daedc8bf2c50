import { constants, existsSync, readFileSync } from 'node:fs';
import { access, readFile, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { run, runDetaching } from './command.js';
import type { SandboxPaths } from './paths.js';

// Network `public`: pasta gives the sandbox's own network namespace a way out through ordinary sockets of the
// host. Init's `network` closes what isn't the world before anything runs, with a filter that no socket gets around.
// Routes close the same, so that a program is told at once; they alone would not hold a socket that is bound to the
// interface. Commands lack the capabilities to change either or to write packets past them.

/** Not the world: this host, private networks, link-local (cloud metadata among them), multicast, reserved. */
const CLOSED = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '168.63.129.16/32',
];
/** Stands for the host's resolver where that listens on the host's loopback only. */
const RESOLVER_STAND_IN = '169.254.253.53';
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'ftp:': 21 };
const PROXY_VARIABLES = /^(https?|all|ftp)_proxy$/i;

export interface PublicNetwork {
  /** Undefined when it can be given. */
  readonly missing: string | undefined;
  readonly notes: readonly string[];
}

/** @param initPath the built codeset-init */
export async function probePublicNetwork(initPath: string): Promise<PublicNetwork> {
  const absent: string[] = [];
  if ((await run('pasta', ['--version'])).code !== 0)
    absent.push('pasta (Debian, Ubuntu: apt-get install passt)');
  if ((await run('ip', ['-V'])).code !== 0) absent.push('ip (iproute2)');
  if ((await run('nsenter', ['--version'])).code !== 0) absent.push('nsenter (util-linux)');
  if (!existsSync('/dev/net/tun')) absent.push('/dev/net/tun (modprobe tun)');
  else if (!(await mayUse('/dev/net/tun')))
    absent.push('leave to open /dev/net/tun (chmod 0666 /dev/net/tun)');
  if (absent.length > 0) {
    return { missing: `Network "public" can't be given: missing ${absent.join(', ')}.`, notes: [] };
  }
  const filter = await run(initPath, ['network', '--probe']);
  if (filter.code !== 0) {
    const why = filter.stderr.trim() || `${initPath} network --probe ended with ${filter.code}.`;
    return { missing: `Network "public" can't be given: ${why}`, notes: [] };
  }
  const resolvers = hostResolvers();
  const notes =
    resolvers.private.length === 0
      ? []
      : [
          `Sandboxes with network "public" may reach ${resolvers.private.join(', ')} at port 53 although private: the host's name service is there.`,
        ];
  return { missing: undefined, notes };
}

async function mayUse(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

function hostResolvers(): {
  servers: readonly string[];
  rest: readonly string[];
  loopback: boolean;
  private: readonly string[];
} {
  const text = existsSync('/etc/resolv.conf') ? readFileSync('/etc/resolv.conf', 'utf8') : '';
  const lines = text.split('\n').map((line) => line.trim());
  const servers = lines
    .flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
    .filter((server) => isIP(server) === 4);
  const usable = servers.filter((server) => !server.startsWith('127.'));
  return {
    servers: usable,
    rest: lines.filter((line) => /^(search|domain|options)\s/.test(line)),
    loopback: usable.length === 0,
    private: usable.filter(isClosed),
  };
}

function toNumber(address: string): number {
  return address.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}

export function isClosed(address: string): boolean {
  if (isIP(address) !== 4) return false;
  return CLOSED.some((range) => {
    const [base = '', bits = '32'] = range.split('/');
    const size = 2 ** (32 - Number(bits));
    return Math.floor(toNumber(address) / size) === Math.floor(toNumber(base) / size);
  });
}

/** What /etc/resolv.conf of a sandbox with network says. */
export function resolvConf(): string {
  const { servers, rest, loopback } = hostResolvers();
  const names = loopback ? [RESOLVER_STAND_IN] : servers;
  return [...names.map((name) => `nameserver ${name}`), ...rest, ''].join('\n');
}

/** What of this host and beside it the world is only reached through. */
interface Openings {
  readonly resolvers: readonly string[];
  readonly proxies: readonly { readonly address: string; readonly port: number }[];
}

async function openings(env: Readonly<Record<string, string>>): Promise<Openings> {
  const { servers, loopback } = hostResolvers();
  const proxies = new Map<string, { address: string; port: number }>();
  for (const [name, value] of Object.entries(env)) {
    if (!PROXY_VARIABLES.test(name)) continue;
    try {
      const url = new URL(value.includes('://') ? value : `http://${value}`);
      const { hostname } = url;
      const address = isIP(hostname) === 4 ? hostname : (await lookup(hostname, { family: 4 })).address;
      const port = Number(url.port) || DEFAULT_PORTS[url.protocol] || 1080;
      if (!address.startsWith('127.')) proxies.set(`${address}:${port}`, { address, port });
    } catch {
      // Not an address that can be found now: nothing to open.
    }
  }
  return { resolvers: loopback ? [RESOLVER_STAND_IN] : servers, proxies: [...proxies.values()] };
}

function hostAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((address) => address.family === 'IPv4' && !address.internal)
    .map((address) => address.address);
}

async function hostGateways(): Promise<readonly string[]> {
  const { stdout } = await run('ip', ['-4', 'route', 'show', 'default']);
  return [...stdout.matchAll(/\bvia (\d+\.\d+\.\d+\.\d+)/g)].flatMap((found) => found[1] ?? []);
}

/** What init's `network` is told, `--` not included: the addresses that are open beside the world, and this host's. */
export async function filterFlags(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const { resolvers, proxies } = await openings(env);
  const denied = [...hostAddresses(), ...(await hostGateways())].filter((address) => !isClosed(address));
  return [
    ...resolvers.flatMap((address) => ['--resolver', address]),
    ...proxies.flatMap(({ address, port }) => ['--allow', `${address}:${port}`]),
    ...[...new Set(denied)].flatMap((address) => ['--deny-host', address]),
  ];
}

/** Gives the sandbox whose init is `pid` its way out. Throws with pasta's or ip's words. */
export async function openPublicNetwork(
  pid: number,
  paths: SandboxPaths,
  logPath: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const resolvers = hostResolvers();
  const isRoot = process.getuid?.() === 0;
  const args = [
    '--config-net',
    // As root it would become nobody and then not be let into the sandbox's user namespace. It does not stay root
    // over anything: it moves into that namespace and an empty root of its own, with a filter on system calls.
    ...(isRoot ? ['--runas', '0:0'] : []),
    '--ipv4-only',
    '-t',
    'none',
    '-u',
    'none',
    '-T',
    'none',
    '-U',
    'none',
    '--no-map-gw',
    '--quiet',
    '--pid',
    paths.pastaPidFile,
  ];
  if (resolvers.loopback) args.push('--dns-forward', RESOLVER_STAND_IN);
  const code = await runDetaching('pasta', [...args, String(pid)], logPath);
  if (code !== 0) throw new Error(`pasta ended with ${code}`);
  const user = isRoot ? [] : ['-U', '--preserve-credentials'];
  const inside = ['-t', String(pid), ...user, '-n', '--', 'ip'];
  const shown = await run('nsenter', [...inside, '-4', '-o', 'addr', 'show', 'scope', 'global']);
  const device = /^\d+:\s+(\S+)/m.exec(shown.stdout)?.[1];
  if (device === undefined) throw new Error(`pasta made no interface: ${shown.stderr}`);
  // The way out needs no gateway (pasta answers for every address), so none of the host's network stays on the
  // link; what is closed is more special than the default route, and what is opened more special still.
  const own = new Set(shown.stdout.match(/inet (\d+\.){3}\d+/g)?.map((text) => text.slice(5)) ?? []);
  const others = [...hostAddresses().filter((address) => !own.has(address)), ...(await hostGateways())];
  const { resolvers: names, proxies } = await openings(env);
  const batch = [
    `route flush dev ${device} table main`,
    `route add default dev ${device}`,
    ...[...CLOSED, ...others.map((address) => `${address}/32`)].map(
      (range) => `route replace unreachable ${range}`,
    ),
    ...[...names, ...proxies.map(({ address }) => address)].map(
      (address) => `route replace ${address}/32 dev ${device}`,
    ),
    '',
  ].join('\n');
  const batchPath = `${paths.run}/routes`;
  await writeFile(batchPath, batch);
  const routed = await run('nsenter', [...inside, '-4', '-batch', batchPath]);
  if (routed.code !== 0) throw new Error(`ip: ${routed.stderr}`);
}

/** Ends the sandbox's pasta. Idempotent. */
export async function closePublicNetwork(paths: SandboxPaths): Promise<void> {
  const pid = Number(await readFile(paths.pastaPidFile, 'utf8').catch(() => ''));
  if (!(pid > 1)) return;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  // The number may have passed on to a stranger.
  if (!command.split('\0').includes(paths.pastaPidFile)) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone meanwhile
  }
}
