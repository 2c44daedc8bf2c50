import { randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { frame, FrameReader, FromInit, type Frame, spawnPayload, ToInit } from './init-frames.js';

export interface ProgramResult {
  /** Undefined after a signal. */
  readonly code: number | undefined;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface ProgramOptions {
  /** Aborted: the program is killed, and its result is told when it is gone. */
  readonly signal?: AbortSignal;
  /** Called at the first bytes of stdout; what it returns is waited for before stdin's one byte `g` goes out. */
  readonly onReady?: (go: () => void) => void;
}

interface Running {
  readonly output: [Buffer[], Buffer[]];
  ended: number;
  exit: { readonly code: number | undefined } | undefined;
  onReady: ((go: () => void) => void) | undefined;
  readonly resolve: (result: ProgramResult) => void;
  readonly reject: (error: Error) => void;
}

const SIGKILL = 9;
const PING_MS = 10_000;
/** An init that says nothing for so long while something runs is lost. */
const SILENT_MS = 60_000;

/** Runs programs of the service's own over a link to an init. When the link breaks, all that run are lost. */
export class InitClient {
  readonly #stream: Duplex;
  readonly #reader = new FrameReader();
  readonly #running = new Map<number, Running>();
  #nextKey = randomInt(1, 2 ** 31);
  #broken: Error | undefined;
  #heard = 0;
  #pinging: NodeJS.Timeout | undefined;

  /** @param stream undefined where what comes is given to `receive` */
  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('error', (error: Error) => this.#lose(error));
    stream.on('end', () => this.#lose(new Error('the link to init ended')));
    stream.on('close', () => this.#lose(new Error('the link to init was closed')));
    stream.write(frame(ToInit.HELLO, { arg: 1 }));
  }

  get isOpen(): boolean {
    return this.#broken === undefined;
  }

  run(argv: readonly string[], { signal, onReady }: ProgramOptions = {}): Promise<ProgramResult> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) return reject(this.#broken);
      const key = this.#nextKey++;
      this.#ping();
      const kill = (): void => void this.#stream.write(frame(ToInit.SIGNAL, { key, stream: SIGKILL }));
      const settle = (): void => signal?.removeEventListener('abort', kill);
      this.#running.set(key, {
        output: [[], []],
        ended: 0,
        exit: undefined,
        onReady,
        resolve: (result) => {
          settle();
          resolve(result);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      const payload = spawnPayload(`own_${key}`, argv, onReady !== undefined);
      this.#stream.write(frame(ToInit.SPAWN, { key, payload }));
      signal?.addEventListener('abort', kill, { once: true });
      if (signal?.aborted === true) kill();
    });
  }

  /** As long as something runs. */
  #ping(): void {
    if (this.#pinging !== undefined) return;
    this.#heard = Date.now();
    this.#pinging = setInterval(() => {
      if (this.#running.size === 0) {
        clearInterval(this.#pinging);
        this.#pinging = undefined;
      } else if (Date.now() - this.#heard > SILENT_MS) {
        this.#lose(new Error('init says nothing any more'));
        this.#stream.destroy();
      } else this.#stream.write(frame(ToInit.PING));
    }, PING_MS);
    this.#pinging.unref();
  }

  close(): void {
    this.#lose(new Error('the link to init was closed'));
    this.#stream.destroy();
  }

  #lose(error: Error): void {
    this.#broken ??= error;
    clearInterval(this.#pinging);
    const lost = [...this.#running.values()];
    this.#running.clear();
    for (const running of lost) running.reject(error);
  }

  #receive(chunk: Buffer): void {
    this.#heard = Date.now();
    for (const received of this.#reader.read(chunk)) this.#take(received);
  }

  #take({ type, stream, key, arg, offset, payload }: Frame): void {
    const running = this.#running.get(key);
    if (running === undefined) {
      this.#letGo(type, stream, key, offset, payload.length);
      return;
    }
    if (type === FromInit.OUTPUT) {
      running.output[stream === 1 ? 0 : 1].push(Buffer.from(payload));
      this.#stream.write(frame(ToInit.ACK, { stream, key, offset: offset + payload.length }));
      const ready = running.onReady;
      running.onReady = undefined;
      ready?.(() => {
        this.#stream.write(frame(ToInit.STDIN, { key, payload: Buffer.from('g') }));
        this.#stream.write(frame(ToInit.STDIN_END, { key, offset: 1 }));
      });
    } else if (type === FromInit.OUTPUT_END) {
      this.#stream.write(frame(ToInit.ACK, { stream, key, arg: 1, offset }));
      running.ended++;
    } else if (type === FromInit.EXITED) {
      const signalled = (payload.readUInt32LE(0) & 1) !== 0;
      running.exit = { code: signalled ? undefined : payload.readUInt32LE(4) };
      this.#stream.write(frame(ToInit.ACK_EXIT, { key }));
    } else if (type === FromInit.SPAWN_FAILED) {
      this.#running.delete(key);
      this.#stream.write(frame(ToInit.ACK_EXIT, { key }));
      running.reject(new Error(`a program of ours did not start: stage ${stream}, errno ${arg}`));
      return;
    }
    if (running.exit === undefined || running.ended < 2) return;
    this.#running.delete(key);
    const [stdout, stderr] = running.output;
    running.resolve({
      code: running.exit.code,
      stdout: Buffer.concat(stdout),
      stderr: Buffer.concat(stderr).toString(),
    });
  }

  /** One that an earlier link left running: nobody asks for it any more, so it ends and is forgotten. */
  #letGo(type: number, stream: number, key: number, offset: number, length: number): void {
    const send = (kind: number, more: Partial<Frame> = {}): void =>
      void this.#stream.write(frame(kind, { key, ...more }));
    if (type === FromInit.EXEC_STATE) {
      send(ToInit.SIGNAL, { stream: SIGKILL });
      send(ToInit.RESUME, { payload: Buffer.alloc(16) });
    } else if (type === FromInit.OUTPUT) send(ToInit.ACK, { stream, offset: offset + length });
    else if (type === FromInit.OUTPUT_END) send(ToInit.ACK, { stream, arg: 1, offset });
    else if (type === FromInit.EXITED || type === FromInit.SPAWN_FAILED) send(ToInit.ACK_EXIT);
  }
}
