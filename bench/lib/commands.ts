import type { Connection } from '../../src/client/connection.js';
import { Outgoing } from './outgoing.js';
import type { DeepPartial, ExecRequest } from '../../src/client/types.js';

/** One command of a session by an Exec stream, to its end. @throws when it does not exit with 0. */
export async function execStream(
  client: Connection,
  sessionId: string,
  argv: readonly string[],
): Promise<void> {
  let exitCode: number | undefined;
  for await (const { frame } of stream(client, sessionId, argv)) {
    if (frame?.$case !== 'exited') continue;
    const status = frame.value.result?.status;
    exitCode = status?.$case === 'exitCode' ? status.value : -1;
  }
  if (exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${exitCode}`);
}

/** Resolves at the first byte of a command's output. The command is left to end by itself. */
export async function firstOutput(
  client: Connection,
  sessionId: string,
  argv: readonly string[],
): Promise<void> {
  for await (const { frame } of stream(client, sessionId, argv)) {
    if (frame?.$case === 'output') return;
  }
  throw new Error(`${argv.join(' ')} printed nothing`);
}

async function* stream(client: Connection, sessionId: string, argv: readonly string[]) {
  const requests = new Outgoing<DeepPartial<ExecRequest>>();
  void requests.push({
    frame: {
      $case: 'start',
      value: { sessionId, spec: { command: { $case: 'argv', value: { args: [...argv] } } } },
    },
  });
  try {
    yield* client.sessions.exec(requests);
  } finally {
    requests.close();
  }
}

/** One command of a session by RunCommand. @throws when it does not exit with 0. */
export async function runCommand(
  client: Connection,
  sessionId: string,
  argv: readonly string[],
): Promise<void> {
  const { exec } = await client.sessions.runCommand({
    sessionId,
    spec: { command: { $case: 'argv', value: { args: [...argv] } } },
  });
  const status = exec?.result?.status;
  if (status?.$case !== 'exitCode' || status.value !== 0) {
    throw new Error(`${argv.join(' ')} did not end with 0: ${exec?.result?.message ?? ''}`);
  }
}
