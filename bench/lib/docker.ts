import { spawn } from 'node:child_process';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { capture, counted, spawned, stop } from './processes.js';
import type { Run } from './run.js';

const IMAGE = 'bench/busybox:latest';
const READY_MS = 30_000;
const APPLETS = ['sh', 'true', 'echo', 'cat', 'sleep', 'ls', 'dd'];

/** The peer: a Docker engine of this benchmark's own, with nothing but a BusyBox image. */
export interface DockerPeer {
  readonly api: Docker;
  /** A container that does nothing, created and started. */
  container(): Promise<Docker.Container>;
  /** `docker exec` by the command line client. */
  execByCli(container: string, argv: readonly string[]): Promise<void>;
  /** The same, its output read from a pipe and counted. @returns how many bytes came. */
  readByCli(container: string, argv: readonly string[]): Promise<number>;
  /** The same by the API. @param firstOutput resolve at the first byte instead of the end. */
  execByApi(container: Docker.Container, argv: readonly string[], firstOutput?: boolean): Promise<void>;
}

/** Undefined, and a line on stderr, where it cannot run. The run ends it and removes all it made. */
export async function startDocker(run: Run): Promise<DockerPeer | undefined> {
  const missing = await lacks();
  if (missing !== undefined) {
    run.say(`no figures of Docker: ${missing}`);
    return undefined;
  }
  const home = await mkdtemp(join(tmpdir(), 'bench-docker-'));
  run.defer(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  const socket = join(home, 'docker.sock');
  const daemon = spawn(
    'dockerd',
    [
      ['--data-root', join(home, 'data')],
      ['--exec-root', join(home, 'exec')],
      ['--pidfile', join(home, 'pid')],
      ['-H', `unix://${socket}`],
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
  const api = new Docker({ socketPath: socket });
  for (const end = Date.now() + READY_MS; ; await delay(100, undefined, { signal: run.signal })) {
    if (
      await api.ping().then(
        () => true,
        () => false,
      )
    ) {
      break;
    }
    if (Date.now() > end || daemon.exitCode !== null) {
      run.say(`no figures of Docker: its engine does not start here: ${log.trim().split('\n').at(-1) ?? ''}`);
      return undefined;
    }
  }
  await importImage(api);
  run.defer(async () => {
    for (const { Id } of await api.listContainers({ all: true })) {
      await api.getContainer(Id).remove({ force: true });
    }
  });
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: join(home, 'config') };
  return {
    api,
    container: () => makeContainer(api),
    execByCli: (container, argv) => spawned('docker', ['exec', container, ...argv], env),
    readByCli: (container, argv) => counted('docker', ['exec', container, ...argv], env),
    execByApi: (container, argv, firstOutput = false) => execByApi(container, argv, firstOutput),
  };
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

async function lacks(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'starting its engine takes root.';
  for (const program of ['dockerd', 'docker']) {
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
  const busybox = await readFile((await find('busybox')) ?? '');
  const tar = pack();
  for (const name of ['bin/', 'tmp/', 'proc/', 'sys/', 'dev/', 'etc/'])
    tar.entry({ name, type: 'directory' });
  tar.entry({ name: 'bin/busybox', mode: 0o755 }, busybox);
  for (const name of APPLETS) tar.entry({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox' });
  tar.finalize();
  const [repo = '', tag = ''] = IMAGE.split(':');
  const done = await api.importImage(tar as unknown as NodeJS.ReadableStream, { repo, tag });
  await new Promise<void>((resolve, reject) => {
    done.on('data', () => undefined);
    done.on('end', () => resolve());
    done.on('error', reject);
  });
}
