import { spawn } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { capture, counted, spawned, stop } from './processes.js';
import type { Run } from './run.js';

const IMAGE = 'codeset-bench/busybox:latest';
const READY_MS = 30_000;
const APPLETS = ['cat', 'dd', 'echo', 'head', 'ls', 'mkdir', 'sh', 'sleep', 'touch', 'true'];

/** The peer, which the service may stand on too: a Docker engine with a BusyBox image. */
export interface DockerPeer {
  readonly api: Docker;
  /** As DOCKER_HOST has it. */
  readonly host: string;
  readonly image: string;
  /** A container that does nothing, created and started. */
  container(): Promise<Docker.Container>;
  /** `docker exec` by the command line client. */
  execByCli(container: string, argv: readonly string[]): Promise<void>;
  /** The same, its output read from a pipe and counted. @returns how many bytes came. */
  readByCli(container: string, argv: readonly string[]): Promise<number>;
  /** The same by the API. @param firstOutput resolve at the first byte instead of the end. */
  execByApi(container: Docker.Container, argv: readonly string[], firstOutput?: boolean): Promise<void>;
  /** This machine's ids of the first process of each sandbox that the service has there. */
  firstProcesses(): Promise<number[]>;
}

const peers = new WeakMap<Run, Promise<DockerPeer | undefined>>();

/**
 * The same for all of a run: the one that the run names, else one of its own.
 * @returns undefined, and a line on stderr, where there is none. The run ends it and removes all it made.
 */
export function startDocker(run: Run): Promise<DockerPeer | undefined> {
  const peer = peers.get(run) ?? start(run);
  peers.set(run, peer);
  return peer;
}

async function start(run: Run): Promise<DockerPeer | undefined> {
  const missing = await lacks(run.target.dockerHost === undefined);
  if (missing !== undefined) {
    run.say(`no figures of Docker: ${missing}`);
    return undefined;
  }
  const home = await mkdtemp(join(tmpdir(), 'bench-docker-'));
  run.defer(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  const host = run.target.dockerHost ?? `unix://${join(home, 'docker.sock')}`;
  const api = dockerAt(host);
  if (run.target.dockerHost === undefined && !(await startDaemon(run, api, home, host))) return undefined;
  await importImage(api);
  const before = await owners(api);
  const made: Docker.Container[] = [];
  run.defer(() => removeAll(api, made, before));
  const env = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: join(home, 'config') };
  return {
    api,
    host,
    image: IMAGE,
    container: async () => {
      const container = await makeContainer(api);
      made.push(container);
      return container;
    },
    execByCli: (container, argv) => spawned('docker', ['exec', container, ...argv], env),
    readByCli: (container, argv) => counted('docker', ['exec', container, ...argv], env),
    execByApi: (container, argv, firstOutput = false) => execByApi(container, argv, firstOutput),
    firstProcesses: () => firstProcesses(api),
  };
}

/** @returns whether it runs; where it does not, a line on stderr says why. */
async function startDaemon(run: Run, api: Docker, home: string, host: string): Promise<boolean> {
  await writeFile(join(home, 'daemon.json'), '{}');
  const daemon = spawn(
    'dockerd',
    [
      ['--config-file', join(home, 'daemon.json')],
      ['--data-root', join(home, 'data')],
      ['--exec-root', join(home, 'exec')],
      ['--pidfile', join(home, 'pid')],
      ['-H', host],
      // No command that is measured needs a network; a bridge of the host's is nobody's business here.
      ['--bridge', 'none', '--iptables=false', '--ip6tables=false', '--ip-masq=false'],
    ].flat(),
    // A process group of its own: a Ctrl-C must not end it before its containers are gone.
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  let log = '';
  daemon.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4000)));
  daemon.on('error', (error) => (log += String(error)));
  run.defer(() => stop(daemon));
  for (const end = Date.now() + READY_MS; ; await delay(100, undefined, { signal: run.signal })) {
    if (
      await api.ping().then(
        () => true,
        () => false,
      )
    ) {
      return true;
    }
    if (Date.now() > end || daemon.exitCode !== null) {
      run.say(`no figures of Docker: its engine does not start here: ${log.trim().split('\n').at(-1) ?? ''}`);
      return false;
    }
  }
}

/** Services that have something there. */
async function owners(api: Docker): Promise<ReadonlySet<string>> {
  const { Volumes } = await api.listVolumes({ filters: { label: ['codeset.owner'] } });
  return new Set(Volumes.map(({ Labels }) => Labels['codeset.owner'] ?? ''));
}

/** Ours, and what the service under measurement keeps between its lives. */
async function removeAll(
  api: Docker,
  made: readonly Docker.Container[],
  before: ReadonlySet<string>,
): Promise<void> {
  for (const container of made) await container.remove({ force: true }).catch(() => undefined);
  const filters = { label: ['codeset.owner'] };
  const ours = ({ Labels }: { Labels?: Readonly<Record<string, string>> | null | undefined }): boolean =>
    !before.has(Labels?.['codeset.owner'] ?? '');
  for (const container of await api.listContainers({ all: true, filters })) {
    if (ours(container)) await api.getContainer(container.Id).remove({ force: true, v: true });
  }
  for (const volume of (await api.listVolumes({ filters })).Volumes) {
    if (ours(volume)) await api.getVolume(volume.Name).remove();
  }
  for (const network of await api.listNetworks({ filters })) {
    if (ours(network)) await api.getNetwork(network.Id).remove();
  }
  // One that others were made of goes after them.
  for (let left = Infinity; ;) {
    const images = (await api.listImages({ filters })).filter(ours);
    if (images.length === 0) return;
    const last = images.length >= left;
    left = images.length;
    for (const image of images) {
      const removal = api.getImage(image.Id).remove({ force: true });
      await (last ? removal : removal.catch(() => undefined));
    }
  }
}

async function firstProcesses(api: Docker): Promise<number[]> {
  const pids: number[] = [];
  for (const { Id } of await api.listContainers({ filters: { label: ['codeset.sandbox'] } })) {
    pids.push((await api.getContainer(Id).inspect()).State.Pid);
  }
  return pids;
}

export async function makeContainer(api: Docker): Promise<Docker.Container> {
  const container = await api.createContainer({
    Image: IMAGE,
    Cmd: ['sleep', '1000000'],
    HostConfig: { NetworkMode: 'none', LogConfig: { Type: 'none', Config: {} } },
  });
  await container.start();
  return container;
}

async function execByApi(
  container: Docker.Container,
  argv: readonly string[],
  firstOutput: boolean,
): Promise<void> {
  const exec = await container.exec({ Cmd: [...argv], AttachStdout: true, AttachStderr: true });
  // Without `hijack` the end of our side would take the output with it.
  const output = await exec.start({ hijack: true, stdin: false });
  await new Promise<void>((resolve, reject) => {
    output.on('data', () => firstOutput && resolve());
    output.on('end', () => resolve());
    output.on('error', reject);
  });
  if (firstOutput) return;
  // The end of the output may come before the exit code is known.
  for (;;) {
    const { ExitCode } = await exec.inspect();
    if (ExitCode === 0) return;
    if (ExitCode !== null) throw new Error(`docker exec ${argv.join(' ')} ended with ${ExitCode}`);
  }
}

async function lacks(own: boolean): Promise<string | undefined> {
  if (own && process.getuid?.() !== 0) return 'starting its engine takes root; --docker-host names one.';
  for (const program of own ? ['dockerd', 'docker'] : ['docker']) {
    if ((await find(program)) === undefined)
      return `there is no ${program} (Debian: apt-get install docker.io).`;
  }
  const busybox = await find('busybox');
  if (busybox === undefined) return 'there is no busybox to make an image of (Debian: busybox-static).';
  const dynamic = await capture('ldd', [busybox]).then(
    (text) => !text.includes('not a dynamic executable') && !text.includes('statically linked'),
    () => false,
  );
  return dynamic ? 'busybox is not a static program (Debian: busybox-static).' : undefined;
}

async function find(program: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, program);
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

async function importImage(api: Docker): Promise<void> {
  const tar = pack();
  for (const name of ['bin/', 'tmp/', 'proc/', 'sys/', 'dev/', 'etc/'])
    tar.entry({ name, type: 'directory' });
  tar.entry({ name: 'bin/busybox', mode: 0o755 }, await readFile((await find('busybox')) ?? ''));
  for (const name of APPLETS) tar.entry({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox' });
  // One benchmark looks at the clock by a word that only bash has.
  const bash = (await find('bash')) ?? '';
  tar.entry({ name: 'bin/bash', mode: 0o755 }, await readFile(bash));
  const libraries = (await capture('ldd', [bash])).matchAll(/(?:^|\s)(\/\S+)/g);
  for (const [, path = ''] of libraries)
    tar.entry({ name: path.slice(1), mode: 0o755 }, await readFile(path));
  tar.finalize();
  const [repo = '', tag = ''] = IMAGE.split(':');
  const done = await api.importImage(tar as unknown as NodeJS.ReadableStream, { repo, tag });
  await new Promise<void>((resolve, reject) => {
    done.on('data', () => undefined);
    done.on('end', () => resolve());
    done.on('error', reject);
  });
}

/** @param host `unix://PATH` or `tcp://HOST:PORT`. */
function dockerAt(host: string): Docker {
  if (host.startsWith('unix://')) return new Docker({ socketPath: host.slice('unix://'.length) });
  const { hostname, port } = new URL(host);
  return new Docker({ protocol: 'http', host: hostname, port: Number(port) });
}
