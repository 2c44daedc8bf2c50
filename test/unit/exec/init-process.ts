import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, renameSync, rmSync, watch } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CodesetError } from '../../../src/core/errors.js';
import type { ExecEvent, ExecInfo, ExecSpec } from '../../../src/core/exec.js';
import type { AttachOptions, ExecHostOptions, SandboxExecs } from '../../../src/core/ports/execs.js';
import { LinkedExecHost, type LinkedExecHostOptions } from '../../../src/exec/exec-host.js';

const INIT = fileURLToPath(new URL('../../../init/', import.meta.url));

type HostOptions = Partial<Pick<LinkedExecHostOptions, 'leaseMs' | 'outputBytes'>>;

/** A real init, PID 1 of a pid namespace of its own where this machine lets us make one. */
export class InitProcess implements AsyncDisposable {
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #sockets = new Set<Socket>();
  dials = 0;

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#child = child;
  }

  static async start(): Promise<InitProcess> {
    execFileSync('sh', [join(INIT, 'build.sh')]);
    const folder = await mkdtemp(join(tmpdir(), 'codeset-init-'));
    const flags = process.getuid?.() === 0 ? ['-pf'] : ['-Urpf'];
    const child = spawn(
      'unshare',
      [
        ...flags,
        '--mount-proc',
        '--kill-child',
        join(INIT, 'build/codeset-init'),
        '--listen',
        join(folder, 'link'),
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const watcher = watch(folder);
    while (!existsSync(join(folder, 'link'))) {
      if (child.exitCode !== null) throw new Error('init did not start');
      await Promise.race([once(watcher, 'change'), pause(20)]);
    }
    watcher.close();
    return new InitProcess(folder, child);
  }

  readonly dial = async (): Promise<Socket> => {
    this.dials++;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      throw new CodesetError('failed-precondition', 'SESSION_LOST', 'init is gone');
    }
    const socket = connect(join(this.folder, 'link'));
    await once(socket, 'connect');
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  };

  /** Breaks every connection, as when a network or a proxy goes. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /**
   * One life of the service, to be killed: its connections break in the same moment, it gets no other, and what
   * its files hold then is all that a later life sees.
   */
  life(): { dial: () => Promise<Socket>; kill: () => void; copyOf: (ownerId: string) => string } {
    let killed = false;
    return {
      dial: () => (killed ? new Promise<Socket>(() => undefined) : this.dial()),
      kill: () => {
        killed = true;
        this.cut();
        cpSync(join(this.folder, 'execs'), join(this.folder, 'execs-then'), { recursive: true });
      },
      copyOf: (ownerId) => {
        const name = `${ownerId}-again`;
        renameSync(join(this.folder, 'execs-then', ownerId), join(this.folder, 'execs', name));
        rmSync(join(this.folder, 'execs-then'), { recursive: true });
        return name;
      },
    };
  }

  /** The service's end of init, gone without a word. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  host(options: HostOptions = {}): LinkedExecHost {
    const say = (): void => undefined;
    return new LinkedExecHost({
      folder: join(this.folder, 'execs'),
      log: { debug: say, info: say, warn: say, error: say },
      ...options,
    });
  }

  async open({
    leaseMs,
    outputBytes,
    ...options
  }: Partial<ExecHostOptions> & HostOptions = {}): Promise<SandboxExecs> {
    return await this.host({
      ...(leaseMs === undefined ? {} : { leaseMs }),
      ...(outputBytes === undefined ? {} : { outputBytes }),
    }).open({
      ownerId: 'ses_test',
      dial: this.dial,
      defaults: { env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/' }, cwd: '/', user: '' },
      secretEnv: {},
      outOfMemoryKills: () => Promise.resolve(-1),
      stored: [],
      onLost: () => undefined,
      onChange: () => undefined,
      ...options,
    });
  }
}

let nextId = 1;

export function command(argv: readonly string[], more: Partial<ExecSpec> = {}): ExecSpec {
  return {
    execId: `exe_${nextId++}`,
    argv,
    shell: undefined,
    env: {},
    cwd: '',
    user: '',
    stdin: false,
    timeoutMs: 0,
    killGraceMs: 2000,
    stopSignal: 'SIGTERM',
    detach: true,
    tty: undefined,
    idleTimeoutMs: 0,
    maxOutputBytes: 0,
    leaseMs: undefined,
    shellName: '',
    ...more,
  };
}

export const sh = (line: string, more: Partial<ExecSpec> = {}): ExecSpec => command(['sh', '-c', line], more);

export interface Seen {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly gaps: readonly { from: number; to: number }[];
  readonly exited: Extract<ExecEvent, { type: 'exited' }>;
  readonly types: readonly string[];
}

export async function read(
  execs: SandboxExecs,
  execId: string,
  options: Partial<AttachOptions> = {},
): Promise<Seen> {
  const out: Record<'stdout' | 'stderr', Uint8Array[]> = { stdout: [], stderr: [] };
  const at = { stdout: options.from?.stdout ?? 0, stderr: options.from?.stderr ?? 0 };
  const gaps: { from: number; to: number }[] = [];
  const types: string[] = [];
  let exited: Seen['exited'] | undefined;
  for await (const event of execs.attach(execId, {
    from: { stdout: 0, stderr: 0 },
    hold: false,
    pace: 'backpressure',
    ...options,
  })) {
    if (types.at(-1) !== event.type) types.push(event.type);
    if (event.type === 'output') {
      if (event.offset !== at[event.stream])
        throw new Error(`offset ${event.offset}, not ${at[event.stream]}`);
      at[event.stream] += event.data.length;
      out[event.stream].push(event.data);
    } else if (event.type === 'gap') {
      gaps.push({ from: event.from, to: event.to });
      at[event.stream] = event.to;
    } else if (event.type === 'exited') exited = event;
  }
  if (exited === undefined) throw new Error('the stream ended without exited');
  return { stdout: Buffer.concat(out.stdout), stderr: Buffer.concat(out.stderr), gaps, exited, types };
}

export async function run(
  execs: SandboxExecs,
  spec: ExecSpec,
  options: Partial<AttachOptions> = {},
): Promise<Seen> {
  await execs.start(spec);
  return await read(execs, spec.execId, options);
}

export function ended(info: ExecInfo): string {
  return `${info.state} ${info.exit?.reason} ${info.exit?.code ?? info.exit?.signal}`;
}
