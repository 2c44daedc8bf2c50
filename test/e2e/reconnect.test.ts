import { createHash } from 'node:crypto';
import { Status } from 'nice-grpc';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ExitReason } from '../../gen/codeset/v1/exec.js';
import type { ExecResponse } from '../../gen/codeset/v1/session_service.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { refusal, type TestClient } from '../rpc/client.js';
import { extent } from '../support/extent.js';
import { hostSession, sh } from '../support/service.js';

/*
 * Failures that other services had when a connection or the service went away:
 *
 * 1 the service is killed in mid-exec                    restart.test.ts
 * 4 a client that drops before `started`, in mid-output, after the exit and before the last frame
 * 5 an abandoned reader starves others                   streams.test.ts, 'a reader'
 * 6 a retry goes on at the exact offset
 * 7 a stop with open streams ends within its deadline, and what ran is taken up again
 */

let running: RunningApp;
let client: TestClient;
let sessionId: string;

beforeAll(async () => {
  running = await startApp();
  client = running.client();
  sessionId = await hostSession(client);
}, 120_000);

afterAll(async () => {
  await running?.[Symbol.asyncDispose]();
});

const LINES = 300_000;
const WHOLE = {
  reason: ExitReason.EXITED,
  status: { $case: 'exitCode', value: 3 },
  digest: createHash('sha256')
    .update(Array.from({ length: LINES }, (_, i) => `${i + 1}\n`).join(''))
    .digest('hex'),
};

type Answer = NonNullable<ExecResponse['frame']>;

/** One stream of many that one client opens; `take` says whether it stays. */
async function stream(
  first: object,
  take: (frame: Answer) => boolean,
  abort: AbortController = new AbortController(),
): Promise<void> {
  const answers = client.sessions.exec(
    (async function* () {
      yield { frame: first as never };
      await new Promise(() => undefined);
    })(),
    { signal: abort.signal },
  );
  try {
    for await (const { frame } of answers) if (frame !== undefined && !take(frame)) abort.abort();
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  }
}

const start = (execId: string, line: string, spec: object = {}): object => ({
  $case: 'start',
  value: { sessionId, spec: { execId, command: { $case: 'shellLine', value: line }, ...spec } },
});

/** Puts together what comes over however many streams; a byte twice, or missing, is an error. */
class Collector {
  readonly #hash = createHash('sha256');
  bytes = 0;
  exit: Extract<Answer, { $case: 'exited' }>['value'] | undefined;

  readonly take = (frame: Answer): boolean => {
    if (frame.$case === 'gap') throw new Error('There is a gap.');
    if (frame.$case === 'exited') this.exit = frame.value;
    if (frame.$case !== 'output') return true;
    expect(Number(frame.value.offset)).toBe(this.bytes);
    this.#hash.update(frame.value.data);
    this.bytes += frame.value.data.length;
    return true;
  };

  attach(execId: string): object {
    return { $case: 'attach', value: { sessionId, execId, stdoutOffset: BigInt(this.bytes) } };
  }

  outcome(): object {
    const { reason, status } = this.exit?.result ?? {};
    return { reason, status, digest: this.#hash.digest('hex') };
  }
}

test('a client that drops before it knows that its command started sends the start again', async () => {
  for (let round = 0; round < extent(10, 100); round++) {
    const execId = `early-${round}`;
    const first = start(execId, `echo x >>ran; seq ${LINES}; exit 3`);
    const abort = new AbortController();
    const dropped = stream(first, () => true, abort);
    await new Promise((resolve) => setTimeout(resolve, round % 10));
    abort.abort();
    await dropped;
    const collector = new Collector();
    await stream(first, collector.take);
    expect(collector.outcome()).toEqual(WHOLE);
  }
  expect((await sh(client, sessionId, 'wc -l <ran')).stdout).toBe(`${extent(10, 100)}\n`);
});

test('a client that drops in mid-output, again and again, goes on at the exact byte', async () => {
  for (let round = 0; round < extent(3, 50); round++) {
    const execId = `middle-${round}`;
    const collector = new Collector();
    let first = start(execId, `seq ${LINES}; exit 3`);
    for (let drops = 0; collector.exit === undefined; drops++) {
      const until = collector.bytes + 1 + Math.floor(Math.random() * 400_000);
      await stream(first, (frame) => collector.take(frame) && (drops > 20 || collector.bytes < until));
      first = collector.attach(execId);
    }
    expect(collector.outcome()).toEqual(WHOLE);
  }
});

test('a client that drops after the exit and before the last frame gets the rest and the exit', async () => {
  const execId = 'late';
  const collector = new Collector();
  const first = start(execId, `seq ${LINES}; exit 3`, { detach: true });
  const pace = { pace: 2 };
  const slow = { ...first, value: { ...(first as { value: object }).value, ...pace } };
  await stream(slow, (frame) => collector.take(frame) && collector.bytes === 0);
  const { exec } = await client.sessions.waitExec({ sessionId, execId });
  expect(exec?.result?.reason).toBe(ExitReason.EXITED);
  expect(collector.bytes).toBeLessThan(Number(exec?.stdoutBytes));
  await stream(collector.attach(execId), collector.take);
  expect(collector.outcome()).toEqual(WHOLE);
  // Asked again, what is left is the exit alone.
  const bytes = collector.bytes;
  collector.exit = undefined;
  await stream(collector.attach(execId), collector.take);
  expect([collector.bytes, collector.exit]).toMatchObject([bytes, { stdoutBytes: BigInt(bytes) }]);
});

test('a stop with open streams and stalled readers ends, and everything is taken up by the next start', async () => {
  const line = `seq ${LINES}; read -r _; exit 3`;
  const collector = new Collector();
  const terminals = { tty: {}, detach: true };
  const drained = refusal(stream(start('stopped', line, { stdin: true, detach: true }), collector.take));
  const stalled = client.sessions.exec(
    (async function* () {
      yield { frame: start('stalled', 'yes', { detach: true }) as never };
      await new Promise(() => undefined);
    })(),
  );
  const reader = stalled[Symbol.asyncIterator]();
  await reader.next();
  await stream(
    start('terminal', 'echo up; read -r word; echo "got $word"; exit 4', terminals),
    ({ $case }) => $case !== 'output',
  );
  await expect.poll(() => collector.bytes).toBe(1_988_895);
  await running.app.stop(1000);
  expect(await drained).toMatchObject({ code: Status.UNAVAILABLE, reason: 'SHUTTING_DOWN', retry: true });
  await running.restart();
  client = running.client();
  const input = (execId: string, text: string, from: object, take: (frame: Answer) => boolean) => {
    const answers = client.sessions.exec(
      (async function* () {
        yield { frame: from as never };
        yield { frame: { $case: 'stdin' as const, value: { data: Buffer.from(text) } } };
        await new Promise(() => undefined);
      })(),
    );
    return (async () => {
      for await (const { frame } of answers) if (frame !== undefined) take(frame);
    })();
  };
  await input('stopped', '\n', collector.attach('stopped'), collector.take);
  expect(collector.outcome()).toEqual(WHOLE);
  let text = '';
  await input(
    'terminal',
    'this\n',
    { $case: 'attach', value: { sessionId, execId: 'terminal' } },
    (frame) => {
      if (frame.$case === 'output') text += frame.value.data.toString();
      return true;
    },
  );
  expect(text).toBe('up\r\nthis\r\ngot this\r\n');
  expect((await client.sessions.getExec({ sessionId, execId: 'stalled' })).exec?.result).toBeUndefined();
});
