import type { Duplex } from 'node:stream';

// Just enough of init/PROTOCOL.md to run commands in a sandbox, so that an engine is tested by itself.

const HEADER = 24;
const HELLO = 0x01;
const SPAWN = 0x04;
const ACK = 0x07;
const ACK_EXIT = 0x08;
const SPAWN_FAILED = 0x85;
const OUTPUT = 0x86;
const OUTPUT_END = 0x87;
const EXITED = 0x88;
const WINDOW = 1024 * 1024;

export interface Result {
  /** Undefined after a signal or a failed start. */
  readonly code: number | undefined;
  readonly signal: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly output: [Buffer[], Buffer[]];
  ended: number;
  code: number | undefined;
  signal: number | undefined;
  finished: boolean;
  readonly done: (result: Result) => void;
  readonly failed: (error: Error) => void;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u32(bytes.length), bytes]);
}

function u32(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => buffer.writeUInt32LE(value, i * 4));
  return buffer;
}

export class InitClient implements AsyncDisposable {
  readonly #socket: Duplex;
  readonly #running = new Map<number, Running>();
  #buffer = Buffer.alloc(0);
  #nextKey = 1 + Math.floor(Math.random() * 1_000_000);

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    const lost = (): void => {
      for (const running of this.#running.values()) running.failed(new Error('the link ended'));
      this.#running.clear();
    };
    socket.on('error', lost);
    socket.on('close', lost);
    this.#send(HELLO, 0, 0, 1, 0n);
  }

  run(
    argv: readonly string[] | string,
    options: { user?: string; cwd?: string; env?: Record<string, string> } = {},
  ): Promise<Result> {
    const words = typeof argv === 'string' ? ['/bin/sh', '-c', argv] : argv;
    const env = Object.entries({ PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', ...options.env }).map(
      ([name, value]) => text(`${name}=${value}`),
    );
    const key = this.#nextKey++;
    const payload = Buffer.concat([
      u32(0, WINDOW, WINDOW, WINDOW, 0),
      text(`exe_${key}`),
      text(options.cwd ?? '/'),
      text(options.user ?? 'agent'),
      text(''),
      u32(words.length),
      ...words.map(text),
      u32(env.length),
      ...env,
      u32(0),
    ]);
    return new Promise((done, failed) => {
      this.#running.set(key, {
        output: [[], []],
        ended: 0,
        code: undefined,
        signal: undefined,
        finished: false,
        done,
        failed,
      });
      this.#send(SPAWN, 0, key, 0, 0n, payload);
    });
  }

  #send(
    type: number,
    stream: number,
    key: number,
    arg: number,
    offset: bigint,
    payload = Buffer.alloc(0),
  ): void {
    const header = Buffer.alloc(HEADER);
    header.writeUInt32LE(payload.length, 0);
    header[4] = type;
    header[5] = stream;
    header.writeUInt32LE(key, 8);
    header.writeUInt32LE(arg, 12);
    header.writeBigUInt64LE(offset, 16);
    this.#socket.write(Buffer.concat([header, payload]));
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.length >= HEADER) {
      const length = this.#buffer.readUInt32LE(0);
      if (this.#buffer.length < HEADER + length) return;
      const header = this.#buffer.subarray(0, HEADER);
      const payload = this.#buffer.subarray(HEADER, HEADER + length);
      this.#buffer = this.#buffer.subarray(HEADER + length);
      this.#frame(
        header[4] ?? 0,
        header[5] ?? 0,
        header.readUInt32LE(8),
        header.readUInt32LE(12),
        header.readBigUInt64LE(16),
        payload,
      );
    }
  }

  #frame(type: number, stream: number, key: number, arg: number, offset: bigint, payload: Buffer): void {
    const running = this.#running.get(key);
    if (running === undefined) return;
    if (type === OUTPUT) {
      running.output[stream === 1 ? 0 : 1].push(Buffer.from(payload));
      this.#send(ACK, stream, key, 0, offset + BigInt(payload.length));
    } else if (type === OUTPUT_END) {
      this.#send(ACK, stream, key, 1, offset);
      running.ended++;
    } else if (type === EXITED) {
      if (payload.readUInt32LE(0) === 1) running.signal = payload.readUInt32LE(4);
      else running.code = payload.readUInt32LE(4);
      running.finished = true;
      this.#send(ACK_EXIT, 0, key, 0, 0n);
    } else if (type === SPAWN_FAILED) {
      this.#running.delete(key);
      this.#send(ACK_EXIT, 0, key, 0, 0n);
      running.failed(new Error(`the command did not start: stage ${stream}, errno ${arg}`));
      return;
    }
    if (!running.finished || running.ended < 2) return;
    this.#running.delete(key);
    const [stdout, stderr] = running.output.map((pieces) => Buffer.concat(pieces).toString());
    running.done({ code: running.code, signal: running.signal, stdout: stdout ?? '', stderr: stderr ?? '' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }
}
