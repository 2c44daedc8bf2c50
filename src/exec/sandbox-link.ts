import type { Duplex } from 'node:stream';
import { CodesetError } from '../core/errors.js';
import type { TerminalSize } from '../core/exec.js';
import {
  encodeHeader,
  FrameParser,
  HEADER_SIZE,
  PROTOCOL_MAGIC,
  PROTOCOL_VERSION,
  Receive,
  Send,
  writeOffset,
} from './frames.js';
import { parseExit, parseKnown, type KnownExec, type LinkTarget } from './link-target.js';

export interface SandboxLinkOptions {
  /** May hand what comes to `received`, good during the call only, in place of `data` events. */
  readonly dial: (received: (chunk: Buffer) => void) => Promise<Duplex>;
  /** An exec that no target was registered for; who registers one now gets its frames. */
  readonly onUnknown: (known: KnownExec) => void;
  /** Called once, when the sandbox is gone for good. */
  readonly onLost: (message: string) => void;
  readonly heartbeatMs?: number;
}

interface PendingRequest {
  readonly frame: Buffer;
  readonly resolve: (errno: number) => void;
  readonly reject: (error: Error) => void;
}

const FIRST_BACKOFF_MS = 5;
const LAST_BACKOFF_MS = 1000;
const HEARTBEAT_MS = 10_000;
const EMPTY = Buffer.alloc(0);

/**
 * The connection to a sandbox's init. It reconnects by itself; what was sent to a broken link is settled by the
 * exchange of states when the next one opens, so the senders here never fail and never wait.
 */
export class SandboxLink {
  readonly #options: SandboxLinkOptions;
  readonly #targets = new Map<number, LinkTarget>();
  readonly #requests = new Map<number, PendingRequest>();
  #nextRequest = 1;
  #stream: Duplex | undefined;
  /** States were exchanged: frames may go out. */
  #ready = false;
  #closed = false;
  #bootId: string | undefined;
  #known: KnownExec[] = [];
  #batch: Buffer[] = [];
  #batchDue = false;
  #heard = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #backoffMs = FIRST_BACKOFF_MS;
  #retry: NodeJS.Timeout | undefined;
  #opened: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(options: SandboxLinkOptions) {
    this.#options = options;
  }

  /** Resolves when init has told what it knows. Rejects when the sandbox is gone. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opened = { resolve, reject };
      void this.#connect();
    });
  }

  register(key: number, target: LinkTarget): void {
    this.#targets.set(key, target);
  }

  unregister(key: number): void {
    this.#targets.delete(key);
  }

  spawn(key: number, payload: Buffer): void {
    this.#post(encodeHeader(Send.SPAWN, payload.length, key), payload);
  }

  stdin(key: number, offset: number, data: Uint8Array): void {
    const payload = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.#post(encodeHeader(Send.STDIN, payload.length, key, 0, 0, offset), payload);
  }

  stdinEnd(key: number, total: number): void {
    this.#post(encodeHeader(Send.STDIN_END, 0, key, 0, 0, total));
  }

  resize(key: number, size: TerminalSize): void {
    this.#post(encodeHeader(Send.RESIZE, 0, key, 0, size.rows + size.columns * 0x1_0000));
  }

  ack(key: number, stream: 0 | 1, offset: number, ended: boolean): void {
    this.#post(encodeHeader(Send.ACK, 0, key, stream + 1, ended ? 1 : 0, offset));
  }

  ackExit(key: number): void {
    this.#post(encodeHeader(Send.ACK_EXIT, 0, key));
  }

  /** To the exec's process group; resolves with 0 or an errno. */
  signal(key: number, signal: number): Promise<number> {
    return this.#request(Send.SIGNAL, key, signal, EMPTY);
  }

  /** To everything that the exec started; resolves when none of it is left (SIGKILL). */
  killTree(key: number, execId: string, signal: number): Promise<number> {
    return this.#request(Send.KILL_TREE, key, signal, Buffer.from(execId));
  }

  killAll(signal: number): Promise<number> {
    return this.#request(Send.KILL_ALL, 0, signal, EMPTY);
  }

  freeze(): Promise<number> {
    return this.#request(Send.FREEZE, 0, 0, EMPTY);
  }

  thaw(): Promise<number> {
    return this.#request(Send.THAW, 0, 0, EMPTY);
  }

  /** Lets go of the connection for good; commands go on. Requests under way are rejected. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#flush();
    const stream = this.#stream;
    this.#drop();
    // What was written may still be on its way: a FIN behind it, then the end.
    stream?.end(() => stream.destroy());
    const error = new CodesetError(
      'unavailable',
      'SESSION_LOST',
      'The connection to the sandbox was closed.',
    );
    for (const request of this.#requests.values()) request.reject(error);
    this.#requests.clear();
    this.#opened?.reject(error);
    this.#opened = undefined;
  }

  #request(type: number, key: number, signal: number, payload: Buffer): Promise<number> {
    if (this.#closed) {
      return Promise.reject(
        new CodesetError('failed-precondition', 'SESSION_LOST', 'The sandbox of this session is gone.'),
      );
    }
    const id = this.#nextRequest;
    this.#nextRequest = (this.#nextRequest % 0xffff_ffff) + 1;
    const frame = Buffer.concat([encodeHeader(type, payload.length, key, signal, id), payload]);
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { frame, resolve, reject });
      this.#post(frame);
    });
  }

  /** Frames of one turn of the event loop leave in one write. */
  #post(header: Buffer, payload?: Buffer): void {
    if (!this.#ready) return;
    this.#batch.push(header);
    if (payload !== undefined && payload.length > 0) this.#batch.push(payload);
    if (this.#batchDue) return;
    this.#batchDue = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#batchDue = false;
    const batch = this.#batch;
    if (batch.length === 0 || this.#stream === undefined) return;
    this.#batch = [];
    if (batch.length === 1 && batch[0] !== undefined) {
      this.#stream.write(batch[0]);
      return;
    }
    let size = 0;
    for (const piece of batch) size += piece.length;
    if (size <= 16 * 1024) {
      this.#stream.write(Buffer.concat(batch, size));
      return;
    }
    this.#stream.cork();
    for (const piece of batch) this.#stream.write(piece);
    this.#stream.uncork();
  }

  async #connect(): Promise<void> {
    let stream: Duplex;
    // Init speaks as soon as it is connected, which may be before the dialer has told.
    const early: Buffer[] = [];
    let received = (chunk: Buffer): void => void early.push(Buffer.from(chunk));
    try {
      stream = await this.#options.dial((chunk) => received(chunk));
    } catch (error) {
      if (error instanceof CodesetError && error.reason === 'SESSION_LOST') this.#lose(error.message);
      else this.#connectLater();
      return;
    }
    if (this.#closed) {
      stream.destroy();
      return;
    }
    this.#stream = stream;
    this.#known = [];
    this.#heard = Date.now();
    const parser = new FrameParser((type, channel, key, arg, offset, payload) => {
      // A frame's handler may have closed the link.
      if (this.#stream === stream) this.#frame(type, channel, key, arg, offset, payload);
    });
    received = (chunk) => {
      if (this.#stream !== stream) return;
      this.#heard = Date.now();
      try {
        parser.push(chunk);
      } catch {
        this.#broken(stream);
      }
    };
    stream.on('data', (chunk: Buffer) => received(chunk));
    stream.on('error', () => this.#broken(stream));
    stream.on('end', () => this.#broken(stream));
    stream.on('close', () => this.#broken(stream));
    stream.write(encodeHeader(Send.HELLO, 0, 0, 0, PROTOCOL_VERSION));
    for (const chunk of early) received(chunk);
    if (this.#stream !== stream) return;
    const period = this.#options.heartbeatMs ?? HEARTBEAT_MS;
    this.#heartbeat = setInterval(() => {
      // Of a sandbox in which nothing runs nothing is expected, and it is left to sleep.
      if (this.#isIdle()) this.#heard = Date.now();
      else if (Date.now() - this.#heard > 3 * period) this.#broken(stream);
      else stream.write(encodeHeader(Send.PING, 0));
    }, period);
    this.#heartbeat.unref();
  }

  #isIdle(): boolean {
    return this.#ready && this.#targets.size === 0 && this.#requests.size === 0;
  }

  #drop(): void {
    clearInterval(this.#heartbeat);
    this.#stream = undefined;
    this.#ready = false;
    this.#batch = [];
  }

  #broken(stream: Duplex): void {
    stream.destroy();
    if (this.#stream !== stream) return;
    this.#drop();
    if (!this.#closed) this.#connectLater();
  }

  #connectLater(): void {
    if (this.#closed) return;
    this.#retry = setTimeout(() => void this.#connect(), this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, LAST_BACKOFF_MS);
  }

  #lose(message: string): void {
    if (this.#closed) return;
    const opened = this.#opened;
    this.#opened = undefined;
    this.close();
    opened?.reject(new CodesetError('failed-precondition', 'SESSION_LOST', message));
    this.#options.onLost(message);
  }

  #frame(type: number, stream: number, key: number, arg: number, offset: number, payload: Buffer): void {
    if (type === Receive.OUTPUT) {
      this.#targets.get(key)?.output(stream === 1 ? 0 : 1, offset, payload);
      return;
    }
    switch (type) {
      case Receive.HELLO:
        this.#hello(arg, payload);
        return;
      case Receive.EXEC_STATE:
        this.#known.push(parseKnown(key, stream, payload));
        return;
      case Receive.STATE_END:
        this.#statesKnown();
        return;
      case Receive.DONE: {
        const request = this.#requests.get(arg);
        this.#requests.delete(arg);
        request?.resolve(offset);
        return;
      }
      default:
        this.#targetFrame(type, stream, key, arg, offset, payload);
    }
  }

  #targetFrame(
    type: number,
    stream: number,
    key: number,
    arg: number,
    offset: number,
    payload: Buffer,
  ): void {
    const target = this.#targets.get(key);
    if (target === undefined) return;
    switch (type) {
      case Receive.STARTED:
        target.started(arg);
        return;
      case Receive.SPAWN_FAILED:
        target.startFailed(stream, arg);
        return;
      case Receive.OUTPUT_END:
        target.outputEnd(stream === 1 ? 0 : 1, offset);
        return;
      case Receive.EXITED:
        target.exited(parseExit(payload));
        return;
      case Receive.STDIN_CREDIT:
        target.stdinCredit(offset);
        return;
      case Receive.STDIN_CLOSED:
        target.stdinClosed();
    }
  }

  #hello(version: number, payload: Buffer): void {
    const magic = payload.toString('latin1', 0, PROTOCOL_MAGIC.length);
    if (magic !== PROTOCOL_MAGIC || version !== PROTOCOL_VERSION) {
      this.#lose(
        `The sandbox's init speaks version ${version} of the link, the service ${PROTOCOL_VERSION}.`,
      );
      return;
    }
    const bootId = payload.toString('hex', PROTOCOL_MAGIC.length);
    if (this.#bootId !== undefined && bootId !== this.#bootId) {
      this.#lose('The sandbox was started anew; what ran in it is gone.');
      return;
    }
    this.#bootId = bootId;
  }

  #statesKnown(): void {
    this.#ready = true;
    this.#backoffMs = FIRST_BACKOFF_MS;
    const known = new Map(this.#known.map((exec) => [exec.key, exec]));
    this.#known = [];
    for (const exec of known.values()) {
      if (!this.#targets.has(exec.key)) this.#options.onUnknown(exec);
    }
    for (const [key, target] of [...this.#targets]) {
      const state = known.get(key);
      if (state !== undefined) this.#resume(key, target);
      target.resumed(state);
    }
    for (const request of this.#requests.values()) this.#post(request.frame);
    this.#opened?.resolve();
    this.#opened = undefined;
  }

  #resume(key: number, target: LinkTarget): void {
    const frame = Buffer.allocUnsafe(HEADER_SIZE + 16);
    encodeHeader(Send.RESUME, 16, key, 0, 0, 0, frame);
    const [stdout, stderr] = target.resumeOffsets();
    writeOffset(frame, stdout, HEADER_SIZE);
    writeOffset(frame, stderr, HEADER_SIZE + 8);
    this.#post(frame);
  }
}
