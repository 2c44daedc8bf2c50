import { Duplex } from 'node:stream';
import { OutputReader } from './output-reader.js';
import { answeringMark, MAX_PACKET, openingMark, packetHeader } from './packets.js';

interface Piece {
  readonly chunk: Buffer;
}

/**
 * A connection to the init of a container whose stdin and stdout `socket` is attached to. It ends when init or the
 * daemon ends it, or when bytes come that can't be its own.
 */
export class AttachStream extends Duplex {
  readonly #socket: Duplex;
  readonly #nonce: Buffer;
  readonly #received: ((chunk: Buffer) => void) | undefined;
  readonly #opened: Promise<void>;
  #sequence = 0;

  /** @param nonce eight random bytes, never used before */
  constructor(socket: Duplex, secret: Buffer, nonce: Buffer, received?: (chunk: Buffer) => void) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.#nonce = nonce;
    this.#received = received;
    this.#opened = new Promise((resolve, reject) => {
      const reader = new OutputReader(answeringMark(secret, nonce), nonce, {
        opened: resolve,
        data: (piece) => this.#take(piece),
        ended: (why) => {
          if (why === undefined) this.push(null);
          else this.destroy(new Error(why));
        },
      });
      this.once('close', () => reject(new Error('The connection ended before init answered.')));
      socket.on('data', (chunk: Buffer) => reader.push(chunk));
    });
    // Who does not wait for the answer is told by the stream's end.
    this.#opened.catch(() => undefined);
    socket.on('error', (error) => this.destroy(error));
    socket.on('end', () => this.destroy());
    socket.on('close', () => this.destroy());
    socket.write(openingMark(secret, nonce));
    // Read at once: the answer has to be found before anybody reads.
    if (received !== undefined) super.resume();
  }

  /** Resolves when init has answered. @param limitMs destroys the stream when it takes longer */
  async opened(limitMs: number): Promise<void> {
    const tooLong = setTimeout(() => this.destroy(), limitMs);
    try {
      await this.#opened;
    } finally {
      clearTimeout(tooLong);
    }
  }

  #take(piece: Buffer): void {
    if (this.destroyed) return;
    if (this.#received !== undefined) this.#received(piece);
    else if (!this.push(piece)) this.#socket.pause();
  }

  override pause(): this {
    if (this.#received !== undefined) this.#socket.pause();
    return super.pause();
  }

  override resume(): this {
    if (this.#received !== undefined) this.#socket.resume();
    return super.resume();
  }

  override _read(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this._writev([{ chunk }], done);
  }

  override _writev(pieces: readonly Piece[], done: (error?: Error | null) => void): void {
    this.#socket.cork();
    let payload: Buffer[] = [];
    let room = MAX_PACKET;
    for (const { chunk } of pieces) {
      for (let at = 0; at < chunk.length;) {
        const part = chunk.subarray(at, at + room);
        payload.push(part);
        at += part.length;
        room -= part.length;
        if (room > 0) continue;
        this.#send(payload);
        payload = [];
        room = MAX_PACKET;
      }
    }
    if (payload.length > 0) this.#send(payload);
    // Behind all of it: called when the socket has taken the last byte.
    this.#socket.write('', done);
    this.#socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    // An empty packet ends the connection; a FIN would end the container's stdin for the daemon.
    this.#send([]);
    this.#socket.write('', done);
  }

  #send(payload: readonly Buffer[]): void {
    this.#socket.write(packetHeader(this.#nonce, this.#sequence, payload));
    this.#sequence = (this.#sequence + 1) % 2 ** 32;
    for (const piece of payload) this.#socket.write(piece);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
