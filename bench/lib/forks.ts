import type { Connection } from '../../src/client/connection.js';
import { execStream } from './commands.js';
import type { Service } from './service.js';
import { bareSession } from './sessions.js';
import { median, timed } from './stats.js';

const ROUNDS = 7;
const MANY = 64;

// 4,096 files of 256 KiB that differ; written by the session itself, so that a fork has all of it to copy.
const WRITE_1_GIB = `
mkdir -p big && cd big && head -c 262144 /dev/urandom >seed || exit 1
i=0; while [ $i -lt 4096 ]; do { echo $i; cat seed; } >f$i || exit 1; i=$((i+1)); done`;

// Looks at the clock until told to stop, and keeps the longest time between two looks: the freeze, as a command in
// the session sees it.
const WATCH = `
longest=0; last=\${EPOCHREALTIME/./}; touch watching
while [ ! -e stop ]; do
  now=\${EPOCHREALTIME/./}; gap=$((now-last)); last=$now
  if [ $gap -gt $longest ]; then longest=$gap; fi
done
echo $longest >pause`;

/** Forks of a small session and of one that wrote 1 GiB, from the call to the last READY, in milliseconds. */
export async function measureForks(
  service: Service,
  signal: AbortSignal,
): Promise<Readonly<Record<'small' | 'one' | 'many' | 'pause', number>>> {
  const { client } = service;
  const small = await bareSession(service);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    signal.throwIfAborted();
    times.push(await fork(client, small, 1));
  }
  await client.sessions.closeSession({ sessionId: small });
  const large = await bareSession(service);
  await execStream(client, large, ['sh', '-c', WRITE_1_GIB]);
  await fork(client, large, 1);
  signal.throwIfAborted();
  const one = await fork(client, large, 1);
  const many = await fork(client, large, MANY);
  signal.throwIfAborted();
  const watching = execStream(client, large, ['bash', '-c', WATCH]);
  await execStream(client, large, ['sh', '-c', 'until [ -e watching ]; do sleep 0.01; done']);
  await fork(client, large, 1);
  await execStream(client, large, ['touch', 'stop']);
  await watching;
  const { data } = await client.sessions.readFile({ sessionId: large, path: 'pause' });
  await client.sessions.closeSession({ sessionId: large });
  return { small: median(times), one, many, pause: Number(data.toString()) / 1000 };
}

/** The forks are closed again, which is not measured. */
async function fork(client: Connection, sessionId: string, count: number): Promise<number> {
  const made: string[] = [];
  const took = await timed(async () => {
    const source = { $case: 'sessionId', value: sessionId } as const;
    for await (const { result } of client.sessions.forkSession({ source, count })) {
      if (result?.$case !== 'forked') throw new Error(`a fork failed: ${result?.value.message ?? ''}`);
      made.push(result.value.session?.sessionId ?? '');
    }
  });
  await Promise.all(made.map((one) => client.sessions.closeSession({ sessionId: one })));
  return took;
}
