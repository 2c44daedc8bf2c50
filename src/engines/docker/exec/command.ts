import { setTimeout as sleep } from 'node:timers/promises';
import type { Duplex } from 'node:stream';
import type Docker from 'dockerode';
import { DockerFrames, STDERR, STDOUT } from '../link/docker-frames.js';
import type { DockerClient } from '../docker-client.js';
import { saidBy } from '../docker-errors.js';
import { HeldOutput } from './held-output.js';
import type { SpawnRequest } from './spawn-request.js';

const STAGE_RESOURCES = 2;
const STAGE_USER = 3;
const STAGE_CWD = 4;
const STAGE_EXEC = 5;
const ENOENT = 2;
const EIO = 5;
const EACCES = 13;
const SIGKILL = 9;
/** Of what comes before it is known that the program runs. */
const OPENING_BYTES = 64 * 1024;
const END_OF_INPUT = Buffer.from([4]);
/** Between the end of the streams and the daemon's word of how the command ended. */
const EXIT_LIMIT_MS = 10_000;

export interface CommandEvents {
  /** Something is to be sent. */
  changed(): void;
  /** Nobody will ever know how it ended: the daemon has forgotten it. */
  lost(): void;
}

export interface StartFailure {
  readonly stage: number;
  readonly errno: number;
}

/** One command that runs by Docker's exec API. */
export class Command {
  readonly request: SpawnRequest;
  readonly output: readonly [HeldOutput, HeldOutput] = [new HeldOutput(), new HeldOutput()];
  isStarted = false;
  failure: StartFailure | undefined;
  exit: { readonly code: number; readonly signal: number } | undefined;
  isExitRecorded = false;
  /** Bytes of stdin that came, and that the daemon has taken. */
  stdinReceived = 0;
  stdinTaken = 0;
  stdinEnded = false;
  readonly #client: DockerClient;
  readonly #containerId: string;
  readonly #events: CommandEvents;
  #exec: Docker.Exec | undefined;
  #stream: Duplex | undefined;
  readonly #early: Buffer[] = [];
  readonly #signalled = new Set<number>();
  #resizing: Promise<unknown> = Promise.resolve();
  #taking: ((stream: 0 | 1, piece: Buffer) => void) | undefined;
  readonly #decided: () => void;
  /** Resolves when it runs or is known not to. */
  readonly begun: Promise<void>;

  constructor(client: DockerClient, containerId: string, request: SpawnRequest, events: CommandEvents) {
    this.#client = client;
    this.#containerId = containerId;
    this.request = request;
    this.#events = events;
    let decided: () => void = () => undefined;
    this.begun = new Promise((resolve) => (decided = resolve));
    this.#decided = decided;
  }

  get isEnded(): boolean {
    return this.failure !== undefined || this.exit !== undefined;
  }

  async run(): Promise<void> {
    try {
      await this.#run(this.request.argv);
    } catch (error) {
      if (!this.isStarted) this.#fail(stageOf(error));
      else this.#events.lost();
    }
  }

  async #run(argv: readonly string[]): Promise<void> {
    const { request } = this;
    const terminal = request.terminal !== undefined;
    const exec = await this.#client.api.getContainer(this.#containerId).exec({
      Cmd: [...argv],
      Env: [...request.env, `CODESET_EXEC_ID=${request.execId}`],
      ...(request.user === '' ? {} : { User: request.user }),
      ...(request.cwd === '' ? {} : { WorkingDir: request.cwd }),
      Tty: terminal,
      AttachStdin: request.stdin || terminal,
      AttachStdout: true,
      AttachStderr: !terminal,
    });
    this.#exec = exec;
    const stream = (await exec.start({
      hijack: true,
      stdin: request.stdin || terminal,
      Tty: terminal,
    })) as Duplex;
    this.#stream = stream;
    const opening: Buffer[] = [];
    const ended = this.#read(stream, opening);
    await this.#begun(exec, ended);
    const failure = await this.#refused(exec, ended, opening);
    if (failure !== undefined) {
      stream.destroy();
      if (
        failure.errno === ENOENT &&
        failure.stage === STAGE_EXEC &&
        request.orShell &&
        argv[0] !== '/bin/sh'
      )
        return this.#run(['/bin/sh', ...argv.slice(1)]);
      this.#fail(failure);
      return;
    }
    this.isStarted = true;
    stream.resume();
    this.#decided();
    if (request.terminal !== undefined) this.resize(request.terminal.rows, request.terminal.columns);
    this.#accept(opening);
    for (const piece of this.#early.splice(0)) this.#write(piece);
    if (this.stdinEnded) this.#endInput();
    this.#events.changed();
    await ended;
    await this.#ask(exec);
  }

  /** The daemon answers before the program runs; it does when there is a process, or an end. */
  async #begun(exec: Docker.Exec, ended: Promise<void>): Promise<void> {
    let over = false;
    void ended.then(() => (over = true));
    for (let pause = 1; !over; pause = Math.min(pause * 2, 50)) {
      const { ExitCode, Pid } = await exec.inspect();
      if (Pid > 0 || ExitCode !== null) return;
      await sleep(pause);
    }
  }

  /** @param opening gets what comes until it is known whether the program runs */
  #read(stream: Duplex, opening: Buffer[]): Promise<void> {
    let size = 0;
    const take = (which: 0 | 1, piece: Buffer): void => {
      if (this.#taking !== undefined) {
        this.#taking(which, piece);
        return;
      }
      opening.push(Buffer.from([which]), piece);
      size += piece.length;
      if (size > OPENING_BYTES) stream.pause();
    };
    const frames = new DockerFrames({
      data: (kind, chunk, from, end) => {
        if (kind === STDOUT || kind === STDERR) take(kind === STDERR ? 1 : 0, chunk.subarray(from, end));
      },
      broken: () => stream.destroy(),
    });
    const raw = this.request.terminal !== undefined;
    stream.on('data', (chunk: Buffer) => (raw ? take(0, chunk) : frames.push(chunk)));
    return new Promise((resolve) => {
      stream.once('end', resolve);
      stream.once('close', resolve);
      stream.once('error', () => resolve());
    });
  }

  #accept(opening: readonly Buffer[]): void {
    this.#taking = (which, piece) => {
      this.output[which].add(piece);
      if (this.#isFull()) this.#stream?.pause();
      this.#events.changed();
    };
    for (let i = 0; i < opening.length; i += 2) {
      const piece = opening[i + 1];
      if (piece !== undefined) this.#taking(opening[i]?.[0] === 1 ? 1 : 0, piece);
    }
  }

  /** A program that can't be started is told as output, by whoever tried: there was never a process. */
  async #refused(
    exec: Docker.Exec,
    ended: Promise<void>,
    opening: readonly Buffer[],
  ): Promise<StartFailure | undefined> {
    const { ExitCode, Pid } = await exec.inspect();
    if (Pid > 0 || (ExitCode !== 126 && ExitCode !== 127)) return undefined;
    this.#stream?.resume();
    await ended;
    return stageOf(new Error(Buffer.concat(opening.filter((_piece, i) => i % 2 === 1)).toString()));
  }

  async #ask(exec: Docker.Exec): Promise<void> {
    const deadline = Date.now() + EXIT_LIMIT_MS;
    for (let pause = 1; ; pause = Math.min(pause * 2, 200)) {
      const { ExitCode } = await exec.inspect();
      if (ExitCode !== null) {
        const number = ExitCode - 128;
        // Docker tells of a signal as a shell does. One that was sent, or SIGKILL, is believed.
        const signal = number === SIGKILL || this.#signalled.has(number) ? number : 0;
        this.exit = { code: ExitCode, signal };
        for (const stream of this.output) stream.isEnded = true;
        this.#events.changed();
        return;
      }
      if (Date.now() > deadline) throw new Error('the daemon does not tell how the command ended');
      await sleep(pause);
    }
  }

  #fail(failure: StartFailure): void {
    this.failure = failure;
    this.#decided();
    for (const stream of this.output) stream.isEnded = true;
    this.#events.changed();
  }

  /** The reader has recorded so much. */
  recorded(which: 0 | 1, upto: number, ended: boolean): void {
    const stream = this.output[which];
    stream.recorded(upto);
    if (ended && stream.isEnded) stream.isEndRecorded = true;
    if (!this.#isFull()) this.#stream?.resume();
  }

  /** A new connection's reader has recorded so much of each stream; the rest is to be sent again. */
  resume(stdout: number, stderr: number): void {
    this.recorded(0, stdout, false);
    this.recorded(1, stderr, false);
    this.output[0].resume(stdout);
    this.output[1].resume(stderr);
  }

  /** One connection carries both streams: either stops both. */
  #isFull(): boolean {
    const [, stdout, stderr] = this.request.windows;
    return this.output[0].held >= stdout || this.output[1].held >= stderr;
  }

  /** False: a hole. */
  stdin(offset: number, data: Buffer): boolean {
    if (offset > this.stdinReceived) return false;
    const fresh = Buffer.from(data.subarray(this.stdinReceived - offset));
    if (fresh.length === 0 || this.stdinEnded) return true;
    this.stdinReceived += fresh.length;
    if (this.isStarted) this.#write(fresh);
    else this.#early.push(fresh);
    return true;
  }

  #write(piece: Buffer): void {
    this.#inTurn(() =>
      this.#stream?.write(piece, () => {
        this.stdinTaken += piece.length;
        this.#events.changed();
      }),
    );
  }

  /** What is typed behind a change of the terminal's size finds that size. */
  #inTurn(work: () => void): void {
    if (this.request.terminal === undefined) work();
    else this.#resizing = this.#resizing.then(work);
  }

  endStdin(): void {
    if (this.stdinEnded) return;
    this.stdinEnded = true;
    if (this.isStarted) this.#endInput();
  }

  #endInput(): void {
    // A terminal is never half closed: what types the end of input is a character.
    if (this.request.terminal === undefined) this.#stream?.end();
    else this.#inTurn(() => this.#stream?.write(END_OF_INPUT));
  }

  /** One after another, and only of what runs: the daemon waits ten seconds otherwise. */
  resize(rows: number, columns: number): void {
    const exec = this.#exec;
    if (exec === undefined || !this.isStarted || this.request.terminal === undefined) return;
    this.#resizing = this.#resizing
      .then(() => (this.isEnded ? undefined : exec.resize({ h: rows || 24, w: columns || 80 })))
      .catch(() => undefined);
  }

  /** So that its exit is understood. */
  signalled(signal: number): void {
    this.#signalled.add(signal);
  }

  close(): void {
    this.#stream?.destroy();
  }
}

/** Which step of a start a message of the daemon's speaks of. */
function stageOf(error: unknown): StartFailure {
  const said = saidBy(error);
  if (/unable to find (user|group)|no matching entries in (passwd|group)/.test(said))
    return { stage: STAGE_USER, errno: ENOENT };
  if (/chdir to cwd|working directory|Cwd/i.test(said)) return { stage: STAGE_CWD, errno: ENOENT };
  if (/executable file not found|no such file or directory/.test(said))
    return { stage: STAGE_EXEC, errno: ENOENT };
  if (/permission denied/.test(said)) return { stage: STAGE_EXEC, errno: EACCES };
  return { stage: STAGE_RESOURCES, errno: EIO };
}
