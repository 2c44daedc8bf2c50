import type { TerminalSize } from '../core/exec.js';

/** What init is told of a command; strings must hold no NUL. */
export interface SpawnRequest {
  /** Goes into the command's environment as the mark by which what it started is found. */
  readonly execId: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: string;
  readonly stdin: boolean;
  /** A terminal in the place of pipes. */
  readonly tty: TerminalSize | undefined;
  /** Where argv[0] is not installed, /bin/sh takes its place. */
  readonly orShell: boolean;
  /** Execs with the same turn run one after another; '' is none. */
  readonly turn: string;
  /** Handed back by init when a new link opens. */
  readonly note: string;
}

/** Bytes of output per stream that init holds for us before the command blocks. */
export const OUTPUT_WINDOW = 1024 * 1024;
/** Bytes of stdin that may be on their way to the command. */
export const STDIN_WINDOW = 256 * 1024;

const FLAG_STDIN = 1;
const FLAG_TERMINAL = 2;
const FLAG_OR_SHELL = 4;
const FLAG_IN_TURN = 8;

/** The payload of a SPAWN frame. */
export function encodeSpawn(request: SpawnRequest): Buffer {
  const strings: (string | number)[] = [request.execId, request.cwd, request.user, request.note];
  strings.push(request.argv.length, ...request.argv);
  const env = Object.entries(request.env);
  strings.push(env.length);
  for (const [name, value] of env) strings.push(`${name}=${value}`);
  strings.push(0); // no rlimits
  if (request.turn !== '') strings.push(request.turn);
  let size = 20;
  for (const item of strings) size += 4 + (typeof item === 'string' ? Buffer.byteLength(item) : 0);
  const buffer = Buffer.allocUnsafe(size);
  const flags =
    (request.stdin ? FLAG_STDIN : 0) |
    (request.tty === undefined ? 0 : FLAG_TERMINAL) |
    (request.orShell ? FLAG_OR_SHELL : 0) |
    (request.turn === '' ? 0 : FLAG_IN_TURN);
  buffer.writeUInt32LE(flags, 0);
  buffer.writeUInt32LE(STDIN_WINDOW, 4);
  buffer.writeUInt32LE(OUTPUT_WINDOW, 8);
  buffer.writeUInt32LE(OUTPUT_WINDOW, 12);
  buffer.writeUInt16LE(request.tty?.rows ?? 0, 16);
  buffer.writeUInt16LE(request.tty?.columns ?? 0, 18);
  let at = 20;
  for (const item of strings) {
    if (typeof item === 'number') {
      at = buffer.writeUInt32LE(item, at);
      continue;
    }
    const length = buffer.write(item, at + 4, 'utf8');
    buffer.writeUInt32LE(length, at);
    at += 4 + length;
  }
  return buffer;
}
