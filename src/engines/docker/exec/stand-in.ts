import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import { frame, type Frame, FrameReader, FromInit, ToInit } from '../../shared/init-frames.js';
import type { DockerClient } from '../docker-client.js';
import { Command } from './command.js';
import { Signals } from './signals.js';
import { parseSpawn, type SpawnRequest } from './spawn-request.js';

const VERSION = 1;
const MAGIC = Buffer.from('codeset-init-link');
const STAGE_FRAME = 1;
const STAGE_RESOURCES = 2;
const EIO = 5;
const EINVAL = 22;
const ENOSYS = 38;
const MOST_KNOWN = 4096;

interface Entry {
  readonly key: number;
  readonly command: Command;
  /** The connection that is open has not said yet what it has of it. */
  isPaused: boolean;
  isStartTold: boolean;
  isExitTold: boolean;
  creditTold: number;
}

/** What a connection's other side reads and writes. */
class StandInStream extends Duplex {
  readonly #reader = new FrameReader();
  readonly #received: ((chunk: Buffer) => void) | undefined;
  readonly #frame: (frame: Frame) => void;
  readonly #wanted: () => void;
  isFull = false;

  constructor(
    received: ((chunk: Buffer) => void) | undefined,
    events: { readonly frame: (frame: Frame) => void; readonly wanted: () => void },
  ) {
    super({ allowHalfOpen: false });
    this.#received = received;
    this.#frame = events.frame;
    this.#wanted = events.wanted;
    if (received !== undefined) this.resume();
  }

  send(bytes: Buffer): void {
    if (this.destroyed) return;
    if (this.#received !== undefined) this.#received(bytes);
    else this.isFull = !this.push(bytes);
  }

  override _read(): void {
    if (!this.isFull) return;
    this.isFull = false;
    this.#wanted();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    try {
      for (const each of this.#reader.read(chunk)) this.#frame(each);
      done();
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** Speaks init's side of the link for a container in which init can't run: its commands are Docker's execs. */
export class StandIn {
  readonly #client: DockerClient;
  readonly #containerId: string;
  readonly #signals: Signals;
  readonly #life = randomBytes(16);
  readonly #entries = new Map<number, Entry>();
  /** Whose the processes with an exec's mark are, also after its end. */
  readonly #users = new Map<string, string>();
  #stream: StandInStream | undefined;

  constructor(client: DockerClient, containerId: string) {
    this.#client = client;
    this.#containerId = containerId;
    this.#signals = new Signals(client, containerId);
  }

  /** A new connection; it takes the place of the one before. */
  open(received?: (chunk: Buffer) => void): Duplex {
    this.#stream?.destroy();
    const stream: StandInStream = new StandInStream(received, {
      frame: (each) => {
        if (this.#stream === stream) this.#take(each);
      },
      wanted: () => this.#sendAll(),
    });
    // Stays: whoever takes the stream over may come a moment after its end.
    stream.on('error', () => undefined);
    this.#stream = stream;
    this.#watchContainer(stream);
    stream.send(frame(FromInit.HELLO, { arg: VERSION, payload: Buffer.concat([MAGIC, this.#life]) }));
    for (const entry of this.#entries.values()) {
      entry.isPaused = true;
      stream.send(stateOf(entry));
    }
    stream.send(frame(FromInit.STATE_END));
    return stream;
  }

  close(): void {
    this.#stream?.destroy();
    for (const { command } of this.#entries.values()) command.close();
    this.#entries.clear();
  }

  /** Who is connected learns by the stream's end that the container ended, or that the daemon is away. */
  #watchContainer(stream: Duplex): void {
    const watch = new AbortController();
    stream.once('close', () => watch.abort());
    const over = (): void => {
      if (!watch.signal.aborted) stream.destroy();
    };
    this.#client.api.getContainer(this.#containerId).wait({ abortSignal: watch.signal }).then(over, over);
  }

  #take(each: Frame): void {
    const { type, key, arg, offset, payload, stream } = each;
    switch (type) {
      case ToInit.PING:
        this.#send(frame(FromInit.PONG, { arg }));
        return;
      case ToInit.SPAWN:
        this.#spawn(key, payload);
        return;
      case ToInit.SIGNAL:
      case ToInit.KILL_TREE:
      case ToInit.KILL_ALL:
        this.#signal(each).then(
          (errno) => this.#done(arg, errno),
          () => this.#done(arg, EIO),
        );
        return;
      case ToInit.FREEZE:
      case ToInit.THAW:
        this.#done(arg, ENOSYS);
        return;
    }
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const { command } = entry;
    switch (type) {
      case ToInit.RESUME:
        entry.isPaused = entry.isStartTold = entry.isExitTold = false;
        entry.creditTold = 0;
        command.resume(Number(payload.readBigUInt64LE(0)), Number(payload.readBigUInt64LE(8)));
        break;
      case ToInit.STDIN:
        if (!command.stdin(offset, payload)) this.#error(key, 'a hole in stdin');
        break;
      case ToInit.STDIN_END:
        command.endStdin();
        break;
      case ToInit.RESIZE:
        command.resize(arg % 0x1_0000, Math.floor(arg / 0x1_0000));
        break;
      case ToInit.ACK:
        command.recorded(stream === 1 ? 0 : 1, offset, (arg & 1) !== 0);
        break;
      case ToInit.ACK_EXIT:
        if (command.isEnded) command.isExitRecorded = true;
    }
    this.#progress(entry);
  }

  #spawn(key: number, payload: Buffer): void {
    if (this.#entries.has(key)) {
      this.#error(key, 'this key is in use');
      return;
    }
    let request: SpawnRequest;
    try {
      request = parseSpawn(payload);
    } catch {
      this.#refuse(key, STAGE_FRAME, EINVAL);
      return;
    }
    if (request.inTurn) {
      // Shells that live on between commands are init's.
      this.#refuse(key, STAGE_RESOURCES, ENOSYS);
      return;
    }
    const command = new Command(this.#client, this.#containerId, request, {
      changed: () => this.#progress(entry),
      lost: () => {
        this.#entries.delete(key);
        // The states that a new connection exchanges tell that it is known no more.
        this.#stream?.destroy();
      },
    });
    const entry: Entry = {
      key,
      command,
      isPaused: false,
      isStartTold: false,
      isExitTold: false,
      creditTold: 0,
    };
    this.#entries.set(key, entry);
    this.#users.set(request.execId, request.user);
    for (const oldest of this.#users.keys()) {
      if (this.#users.size <= MOST_KNOWN) break;
      this.#users.delete(oldest);
    }
    void command.run();
  }

  #refuse(key: number, stage: number, errno: number): void {
    this.#send(frame(FromInit.SPAWN_FAILED, { key, stream: stage, arg: errno }));
    for (const stream of [1, 2]) this.#send(frame(FromInit.OUTPUT_END, { key, stream }));
  }

  async #signal({ type, key, stream: signal, payload }: Frame): Promise<number> {
    if (type === ToInit.KILL_ALL) {
      for (const { command } of this.#entries.values()) command.signalled(signal);
      return this.#signals.toAll(signal);
    }
    const command = this.#entries.get(key)?.command;
    await command?.begun;
    command?.signalled(signal);
    const execId = type === ToInit.KILL_TREE ? payload.toString() : (command?.request.execId ?? '');
    const user = command?.request.user ?? this.#users.get(execId) ?? '0:0';
    if (type === ToInit.KILL_TREE) return this.#signals.toTree(execId, signal, user);
    return command === undefined || command.isEnded ? 3 : this.#signals.toGroup(execId, signal, user);
  }

  #sendAll(): void {
    for (const entry of this.#entries.values()) this.#progress(entry);
  }

  /** Sends what is due of one, and forgets it when all of it is recorded. */
  #progress(entry: Entry): void {
    const { command, key } = entry;
    if (command.isExitRecorded && command.output.every((stream) => stream.isEndRecorded)) {
      this.#entries.delete(key);
      return;
    }
    if (entry.isPaused || this.#stream === undefined || this.#stream.destroyed) return;
    if (command.isStarted && !entry.isStartTold) {
      entry.isStartTold = true;
      this.#send(frame(FromInit.STARTED, { key }));
    }
    if (command.stdinTaken > entry.creditTold) {
      entry.creditTold = command.stdinTaken;
      this.#send(frame(FromInit.STDIN_CREDIT, { key, offset: command.stdinTaken }));
    }
    if (command.isEnded && !entry.isExitTold) {
      entry.isExitTold = true;
      this.#send(exitOf(entry));
    }
    for (const which of [0, 1] as const) this.#sendOutput(entry, which);
  }

  #sendOutput({ command, key }: Entry, which: 0 | 1): void {
    const output = command.output[which];
    const stream = which + 1;
    while (this.#stream?.isFull === false) {
      const payload = output.next();
      if (payload === undefined) break;
      const offset = output.sent;
      output.sent += payload.length;
      this.#send(frame(FromInit.OUTPUT, { key, stream, offset, payload }));
    }
    if (!output.isEnded || output.isEndSent || output.sent < output.end) return;
    output.isEndSent = true;
    this.#send(frame(FromInit.OUTPUT_END, { key, stream, offset: output.end }));
  }

  #done(arg: number, errno: number): void {
    this.#send(frame(FromInit.DONE, { arg, offset: errno }));
  }

  #error(key: number, sentence: string): void {
    this.#send(frame(FromInit.ERROR, { key, payload: Buffer.from(sentence) }));
  }

  #send(bytes: Buffer): void {
    this.#stream?.send(bytes);
  }
}

function stateOf({ command, key }: Entry): Buffer {
  const { output, request } = command;
  const { note, terminal } = request;
  const payload = Buffer.alloc(32 + note.length + 4);
  payload.writeBigUInt64LE(BigInt(output[0].end), 0);
  payload.writeBigUInt64LE(BigInt(output[1].end), 8);
  payload.writeBigUInt64LE(BigInt(command.stdinReceived), 16);
  payload.writeUInt32LE((request.stdin || terminal !== undefined ? 0 : 1) | (command.stdinEnded ? 2 : 0), 24);
  payload.writeUInt32LE(note.length, 28);
  note.copy(payload, 32);
  payload.writeUInt16LE(terminal?.rows ?? 0, 32 + note.length);
  payload.writeUInt16LE(terminal?.columns ?? 0, 34 + note.length);
  let phase = command.isStarted ? 1 : 0;
  if (command.exit !== undefined) phase = 2;
  if (command.failure !== undefined) phase = 3;
  return frame(FromInit.EXEC_STATE, { key, stream: phase, payload });
}

function exitOf({ command, key }: Entry): Buffer {
  if (command.failure !== undefined) {
    const { errno, stage } = command.failure;
    return frame(FromInit.SPAWN_FAILED, { key, stream: stage, arg: errno });
  }
  const { code = 0, signal = 0 } = command.exit ?? {};
  const payload = Buffer.alloc(48);
  payload.writeUInt32LE(signal === 0 ? 0 : 1, 0);
  payload.writeUInt32LE(signal === 0 ? code : signal, 4);
  payload.writeBigUInt64LE(BigInt(command.output[0].end), 32);
  payload.writeBigUInt64LE(BigInt(command.output[1].end), 40);
  return frame(FromInit.EXITED, { key, payload });
}
