const FLAG_STDIN = 1;
const FLAG_TERMINAL = 2;
const FLAG_OR_SHELL = 4;
const FLAG_IN_TURN = 8;

/** What a SPAWN frame asks for; init/PROTOCOL.md. */
export interface SpawnRequest {
  readonly stdin: boolean;
  readonly terminal: { readonly rows: number; readonly columns: number } | undefined;
  readonly orShell: boolean;
  readonly inTurn: boolean;
  /** Bytes of stdin, stdout and stderr that may be on their way. */
  readonly windows: readonly [number, number, number];
  readonly execId: string;
  readonly cwd: string;
  readonly user: string;
  readonly note: Buffer;
  readonly argv: readonly string[];
  readonly env: readonly string[];
}

/** @throws RangeError for what is cut off. */
export function parseSpawn(payload: Buffer): SpawnRequest {
  let at = 20;
  const number = (): number => {
    at += 4;
    return payload.readUInt32LE(at - 4);
  };
  const bytes = (): Buffer => {
    const length = number();
    if (at + length > payload.length) throw new RangeError('a string that is cut off');
    at += length;
    return payload.subarray(at - length, at);
  };
  const text = (): string => bytes().toString();
  const list = (): string[] => Array.from({ length: number() }, text);
  const flags = payload.readUInt32LE(0);
  const execId = text();
  const cwd = text();
  const user = text();
  const note = Buffer.from(bytes());
  const argv = list();
  const env = list();
  if (argv.length === 0) throw new RangeError('no command');
  return {
    stdin: (flags & FLAG_STDIN) !== 0,
    terminal:
      (flags & FLAG_TERMINAL) === 0
        ? undefined
        : { rows: payload.readUInt16LE(16) || 24, columns: payload.readUInt16LE(18) || 80 },
    orShell: (flags & FLAG_OR_SHELL) !== 0,
    inTurn: (flags & FLAG_IN_TURN) !== 0,
    windows: [payload.readUInt32LE(4), payload.readUInt32LE(8), payload.readUInt32LE(12)],
    execId,
    cwd,
    user,
    note,
    argv,
    env,
  };
}
