import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VerificationState, type Verification } from '../../gen/codeset/v1/verification.js';
import { packFiles } from '../../src/samples/pack.js';
import { refusal, type TestClient } from '../rpc/client.js';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { DOCKER_START_MS } from '../support/docker.js';
import { forget, keptLayers, keptSandboxes } from '../support/engine-parts.js';
import { extent } from '../support/extent.js';
import { live, type Life } from '../support/life.js';
import { register, session, sh, startService, type TestService } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';
import { TEST_IMAGE } from '../support/test-image.js';

const { PENDING, RUNNING, PASSED, CANCELLED } = VerificationState;

/** Passes when the subject's `task` does, and says when it begins and ends. */
function tasks(): AsyncIterable<Buffer> {
  const manifest = `sample_id: tasks
dataset: try
description: Runs what the session left.
environment: {host: {requires: [sh]}, image: ${TEST_IMAGE}}
verification: {command: [verification/run], timeout: 5m, grading: exit_code}
`;
  const run = '#!/bin/sh\necho begun\nas-subject sh ./task || exit 1\necho ended\n';
  return packFiles([
    { path: 'sample.yaml', content: manifest, executable: false },
    { path: 'task.md', content: 'Leave a task that ends well.\n', executable: false },
    { path: 'codebase/task', content: 'exit 1\n', executable: false },
    { path: 'verification/run', content: run, executable: true },
  ]) as AsyncIterable<Buffer>;
}

async function start(client: TestClient, sessionId: string, task?: string): Promise<string> {
  if (task !== undefined)
    expect(await sh(client, sessionId, `cat > task <<'END'\n${task}\nEND`)).toMatchObject({ code: 0 });
  const { verification } = await client.verifications.startVerification({
    subject: { $case: 'sessionId', value: sessionId },
  });
  return verification?.verificationId ?? '';
}

interface Watched {
  readonly states: VerificationState[];
  /** Of the attempt that was told last. */
  log: string;
  /** Whether every piece of the log followed the one before it. */
  gapless: boolean;
  last: Verification | undefined;
}

/** Watches to the end. @param onEvent told what has come so far, after each message. */
async function watch(
  client: TestClient,
  verificationId: string,
  { offset = 0, onEvent }: { offset?: number; onEvent?: (watched: Watched) => Promise<void> | void } = {},
): Promise<Watched> {
  const watched: Watched = { states: [], log: '', gapless: true, last: undefined };
  let attempt = 0;
  let next = offset;
  const stream = client.verifications.watchVerification({ verificationId, logOffset: BigInt(offset) });
  for await (const { event } of stream) {
    if (event?.$case === 'log') {
      if (event.value.attempt !== attempt) [attempt, next, watched.log] = [event.value.attempt, offset, ''];
      watched.gapless &&= Number(event.value.offset) === next;
      next = Number(event.value.offset) + event.value.data.length;
      watched.log += event.value.data.toString();
    } else {
      watched.last = event?.value;
      watched.states.push(event?.value.state ?? VerificationState.UNSPECIFIED);
    }
    await onEvent?.(watched);
  }
  return watched;
}

describe('a verification', () => {
  let service: TestService;
  let admin: TestClient;

  beforeAll(async () => {
    service = await startService({ maxVerifications: '2' });
    admin = service.admin;
    await register(admin, tasks());
  }, DOCKER_START_MS);

  afterAll(async () => {
    await service?.[Symbol.asyncDispose]();
  });

  test('is watched from any offset by many, one slow and one that goes, and again after its end', async () => {
    const { id } = await session(admin, 'tasks');
    const count = extent(8000, 20_000);
    const lines = Array.from({ length: count }, (_, i) => `line ${i + 1}\n`).join('');
    const whole = `begun\n${lines}ended\n`;
    // A write for each line, so that there are more pieces than are followed at a time.
    const verificationId = await start(
      admin,
      id,
      `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo line $i; done`,
    );
    const offsets = [0, 0, 3, 6, 1000, whole.length - 1, whole.length, whole.length + 5000];
    const slow = watch(admin, verificationId, {
      onEvent: () => new Promise((resolve) => setImmediate(resolve)),
    });
    const gone = (async () => {
      for await (const { event } of admin.verifications.watchVerification({ verificationId }))
        if (event?.$case === 'log') return;
    })();
    const all = await Promise.all([
      slow,
      ...offsets.map((offset) => watch(admin, verificationId, { offset })),
    ]);
    await gone;
    const again = await Promise.all(offsets.map((offset) => watch(admin, verificationId, { offset })));
    for (const [place, { log, gapless, last, states }] of [...all, ...again].entries()) {
      const offset = [0, ...offsets, ...offsets][place] ?? 0;
      expect(log === whole.slice(offset), `offset ${offset}: ${log.length} of ${whole.length}`).toBe(true);
      expect({ gapless, state: last?.state, end: states.at(-1) }).toEqual({
        gapless: true,
        state: PASSED,
        end: PASSED,
      });
      expect(last?.logBytes).toBe(BigInt(whole.length));
    }
    await admin.sessions.closeSession({ sessionId: id });
  });

  test.each<[string, (watched: Watched) => boolean]>([
    ['waits', ({ states }) => states.at(-1) === PENDING],
    ['is being prepared', ({ states }) => states.at(-1) === RUNNING],
    ['runs', ({ log }) => log.includes('working')],
  ])('that is cancelled while it %s tells all who watch and leaves nothing', async (stage, reached) => {
    const { id } = await session(admin, 'tasks');
    const before = await keptSandboxes(service.dataDir);
    const blocking: string[] = [];
    if (stage === 'waits')
      for (let i = 0; i < 2; i++) blocking.push(await start(admin, id, 'echo working; sleep 300'));
    const verificationId = await start(admin, id, 'echo working; sleep 300');
    let cancelled: Promise<unknown> | undefined;
    const onEvent = (watched: Watched): void => {
      if (reached(watched)) cancelled ??= admin.verifications.cancelVerification({ verificationId });
    };
    const both = await Promise.all([
      watch(admin, verificationId, { onEvent }),
      watch(admin, verificationId, { onEvent }),
    ]);
    expect(await cancelled).toMatchObject({ verification: { state: CANCELLED, result: undefined } });
    for (const { states } of both) expect(states.at(-1)).toBe(CANCELLED);
    for (const other of blocking) await admin.verifications.cancelVerification({ verificationId: other });
    expect(await keptSandboxes(service.dataDir)).toEqual(before);
    expect((await keptLayers(service.dataDir)).filter((name) => /kept-|judged-/.test(name))).toEqual([]);
    expect(await sh(admin, id, 'cat task')).toMatchObject({ code: 0 });
    await admin.sessions.closeSession({ sessionId: id });
  });

  test('that has its verdict is cancelled no more, and one that ends meanwhile has one of both', async () => {
    const { id } = await session(admin, 'tasks');
    for (let round = 0; round < extent(2, 40); round++) {
      const verificationId = await start(admin, id, 'exit 0');
      let cancelled: Promise<unknown> | undefined;
      const { last } = await watch(admin, verificationId, {
        // What the script says last: its reports are read and its sandbox is ended then.
        onEvent: ({ log }) => {
          if (log.includes('ended'))
            cancelled ??= refusal(admin.verifications.cancelVerification({ verificationId }));
        },
      });
      const refused = await cancelled?.catch(() => undefined);
      const { verification } = await admin.verifications.getVerification({ verificationId });
      expect(verification?.state).toBe(last?.state);
      if (last?.state === PASSED) expect(refused).toMatchObject({ reason: 'VERIFICATION_ENDED' });
      else expect(last?.state).toBe(CANCELLED);
    }
    const late = await start(admin, id, 'exit 0');
    await watch(admin, late);
    expect(await refusal(admin.verifications.cancelVerification({ verificationId: late }))).toMatchObject({
      reason: 'VERIFICATION_ENDED',
    });
    expect((await keptLayers(service.dataDir)).filter((name) => /kept-|judged-/.test(name))).toEqual([]);
    await admin.sessions.closeSession({ sessionId: id });
  });
});

describe('a service that is killed while it judges', () => {
  let script: CompiledScript;

  beforeAll(async () => {
    script = await compiledScript('test/e2e/children/serve.ts');
  }, 120_000);

  afterAll(async () => {
    await script?.[Symbol.asyncDispose]();
  });

  test(
    'judges what it had kept again, at whichever stage it was, when the session is gone, too',
    { timeout: 300_000 },
    async () => {
      await using folder = await tempFolder();
      const stages: readonly ((watched: Watched) => boolean)[] = [
        ({ states }) => states.at(-1) === RUNNING,
        ({ log }) => log.includes('working'),
        ({ states }) => states.length > 0,
        ({ log }) => log.includes('ended'),
      ];
      const chosen = stages.slice(0, extent(2, stages.length));
      const open: string[] = [];
      const check = async (life: Life): Promise<void> => {
        for (const verificationId of open.splice(0)) {
          const whole = 'begun\nworking\nended\n';
          const { last, log, gapless } = await watch(life.client, verificationId, { offset: 3 });
          expect([last?.state, log, gapless]).toEqual([PASSED, whole.slice(3), true]);
          expect((await watch(life.client, verificationId)).log).toBe(whole);
        }
      };
      for (const [stage, reached] of chosen.entries()) {
        await using life = await live(script, folder);
        if (stage === 0) await register(life.client, tasks());
        await check(life);
        const { id } = await session(life.client, 'tasks');
        const verificationId = await start(life.client, id, 'echo working; sleep 0.3; exit 0');
        open.push(verificationId, await start(life.client, id));
        await life.client.sessions.closeSession({ sessionId: id });
        let killed: Promise<void> | undefined;
        await watch(life.client, verificationId, {
          onEvent: (watched) => void (reached(watched) && (killed ??= life.child.kill())),
        }).catch(() => undefined);
        await killed;
      }
      {
        await using life = await live(script, folder);
        await check(life);
        const dataDir = join(folder.path, 'data');
        await expect
          .poll(async () => (await keptLayers(dataDir)).filter((name) => /kept-|judged-/.test(name)))
          .toEqual([]);
        expect(await keptSandboxes(dataDir)).toEqual([]);
      }
      await forget(join(folder.path, 'data'));
    },
  );
});
