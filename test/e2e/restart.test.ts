import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ExecState } from '../../gen/codeset/v1/exec.js';
import { SampleState } from '../../gen/codeset/v1/sample.js';
import { SessionState } from '../../gen/codeset/v1/session.js';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { forget, keptSandboxes } from '../support/engine-parts.js';
import { driveExec } from '../support/exec-call.js';
import { extent } from '../support/extent.js';
import { live as liveOf, type Life } from '../support/life.js';
import { addSample, hostSession, register, session, sh } from '../support/service.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';

let script: CompiledScript;

beforeAll(async () => {
  script = await compiledScript('test/e2e/children/serve.ts');
}, 120_000);

afterAll(async () => {
  await script?.[Symbol.asyncDispose]();
});

/** One life of the service, ended by SIGKILL. */
const live = (folder: TempFolder): Promise<Life> => liveOf(script, folder);

/** Ends every session, so that the folder can go. */
async function clearUp(folder: TempFolder): Promise<void> {
  {
    await using life = await live(folder);
    await life.client.sessions.closeSessions({ all: true });
    expect(await keptSandboxes(join(folder.path, 'data'))).toEqual([]);
  }
  await forget(join(folder.path, 'data'));
}

const LINES = 400_000;
const WHOLE = createHash('sha256')
  .update(Array.from({ length: LINES }, (_, i) => `${i + 1}\n`).join(''))
  .digest('hex');

/** What a client has of a command when the service is killed. */
interface Part {
  readonly start: object;
  readonly execId: string;
  readonly pieces: Buffer[];
  bytes: number;
}

/** Starts a command and kills the service at one of many moments, from before the start is answered to after the exit. */
async function cutOff(life: Life, sessionId: string, round: number): Promise<Part> {
  const execId = `count-${round}`;
  const kind = round % 4;
  // A terminal every other time: raw, its bytes are those of a pipe.
  const line = round % 2 === 0 ? `seq ${LINES}` : `stty -opost; seq ${LINES}`;
  const spec = {
    execId,
    detach: true,
    command: { $case: 'shellLine', value: line },
    ...(round % 2 === 0 ? {} : { tty: {} }),
  };
  const part: Part = { start: { $case: 'start', value: { sessionId, spec } }, execId, pieces: [], bytes: 0 };
  let killed: Promise<void> | undefined;
  const kill = (): void => void (killed ??= life.child.kill());
  const killAt = kind === 3 ? Infinity : 1 + Math.floor(Math.random() * 2_000_000);
  // The first milliseconds are when the least of a command is written down.
  if (kind === 0) setTimeout(kill, Math.random() * 30);
  await driveExec(life.client, [part.start as never], {
    onData: (data) => {
      part.pieces.push(data);
      part.bytes += data.length;
      if (part.bytes >= killAt) kill();
    },
  }).catch(() => undefined);
  kill();
  await killed;
  return part;
}

/** Takes the command up where its client was cut off; what came in all. */
async function takeUp(life: Life, sessionId: string, part: Part): Promise<object> {
  const attach = {
    $case: 'attach',
    value: { sessionId, execId: part.execId, stdoutOffset: BigInt(part.bytes), stderrOffset: 0n },
  };
  const rest = await driveExec(life.client, [attach as never], { stdout: part.bytes }).catch(
    (error: unknown) => {
      // Killed before the command got anywhere: nobody was told that it had started.
      if (part.bytes > 0 || !String(error).includes('NOT_FOUND')) throw error;
      return driveExec(life.client, [part.start as never]);
    },
  );
  const all = Buffer.concat([...part.pieces, rest.stdout]);
  const { gaps, exited } = rest;
  return { gaps, status: exited?.result?.status, digest: createHash('sha256').update(all).digest('hex') };
}

test(
  'a command runs on while the service is killed, and every byte arrives once, its exit too',
  { timeout: 1_800_000 },
  async () => {
    await using folder = await tempFolder();
    let sessionId = '';
    let part: Part | undefined;
    const kills = extent(5, 200);
    for (let round = 0; round <= kills; round++) {
      await using life = await live(folder);
      if (round === 0) sessionId = await hostSession(life.client);
      const whole = { gaps: 0, status: { $case: 'exitCode', value: 0 }, digest: WHOLE };
      const taken = part === undefined ? whole : await takeUp(life, sessionId, part);
      expect(taken).toEqual(whole);
      if (round < kills) part = await cutOff(life, sessionId, round);
    }
    await clearUp(folder);
  },
);

test(
  'samples, sessions and verifications of a killed service are accounted for by the next',
  { timeout: 300_000 },
  async () => {
    await using folder = await tempFolder();
    let id = '';
    let verificationId = '';
    let creating: Promise<unknown> | undefined;
    {
      await using life = await live(folder);
      await register(life.client, addSample());
      id = (await session(life.client)).id;
      await sh(life.client, id, "sed -i 's/a - b/a + b/' m.py");
      const started = await life.client.verifications.startVerification({
        requestId: 'before',
        subject: { $case: 'sessionId', value: id },
      });
      verificationId = started.verification?.verificationId ?? '';
      creating = hostSession(life.client).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 30));
      await life.child.kill();
      await creating;
    }
    {
      await using life = await live(folder);
      const { sample } = await life.client.samples.getSample({ sample: { sampleId: 'add' } });
      expect(sample?.state).toBe(SampleState.READY);
      expect((await sh(life.client, id, 'cat m.py')).stdout).toContain('a + b');
      for await (const _ of life.client.verifications.watchVerification({ verificationId }));
      const { verification } = await life.client.verifications.getVerification({ verificationId });
      expect(verification?.state).toBe(VerificationState.PASSED);
      const { sessions } = await life.client.sessions.listSessions({});
      expect(
        sessions.every(({ state }) => state === SessionState.READY || state === SessionState.ERROR),
      ).toBe(true);
      const boxes = await keptSandboxes(join(folder.path, 'data'));
      expect(boxes.length).toBe(sessions.filter(({ state }) => state === SessionState.READY).length);
    }
    await clearUp(folder);
  },
);

test('an audit ends with the service that was killed: none of its sessions is left', async () => {
  await using folder = await tempFolder();
  {
    await using life = await live(folder);
    await register(life.client, addSample());
    let killed: Promise<void> | undefined;
    const told = async (): Promise<void> => {
      const ask = { sample: { sampleId: 'add' }, cheats: ['environment and locale'] };
      for await (const { event } of life.client.samples.auditSample(ask))
        if (event?.$case === 'attempt' && event.value.judged !== undefined) killed ??= life.child.kill();
    };
    await expect(told()).rejects.toThrow();
    await killed;
  }
  {
    await using life = await live(folder);
    const { sessions } = await life.client.sessions.listSessions({});
    expect(sessions.length).toBeGreaterThan(0);
    expect(sessions.filter(({ endTime }) => endTime === undefined)).toEqual([]);
    const { verifications } = await life.client.verifications.listVerifications({
      states: [VerificationState.PENDING, VerificationState.RUNNING],
    });
    expect(verifications).toEqual([]);
    expect(await keptSandboxes(join(folder.path, 'data'))).toEqual([]);
  }
  await clearUp(folder);
});

test('a validation ends with the service that was killed: nothing of it is run again', async () => {
  await using folder = await tempFolder();
  {
    await using life = await live(folder);
    await register(life.client, addSample());
    const validation = life.client.samples.validateSample({ sample: { sampleId: 'add' }, concurrency: 2 });
    let killed: Promise<void> | undefined;
    const told = async (): Promise<void> => {
      for await (const _ of validation) killed ??= life.child.kill();
    };
    await expect(told()).rejects.toThrow();
    await killed;
  }
  {
    await using life = await live(folder);
    const { verifications } = await life.client.verifications.listVerifications({ sampleId: 'add' });
    expect(verifications.length).toBeGreaterThan(1);
    for (const { state, message } of verifications) {
      if (state === VerificationState.CANCELLED)
        expect(message).toBe('The service ended, and the call that started it.');
      else expect([VerificationState.FAILED, VerificationState.PASSED]).toContain(state);
    }
    const { sample } = await life.client.samples.getSample({ sample: { sampleId: 'add' } });
    expect([sample?.state, sample?.validation]).toEqual([SampleState.READY, undefined]);
    expect(await keptSandboxes(join(folder.path, 'data'))).toEqual([]);
  }
  await clearUp(folder);
});

test(
  'a shell, its command and those that wait for it outlive kills of the service, in order and once',
  { timeout: 120_000 },
  async () => {
    await using folder = await tempFolder();
    let sessionId = '';
    const shellLine = (value: string) => ({ $case: 'shellLine' as const, value });
    const ids = ['first', ...Array.from({ length: 10 }, (_, i) => `queued-${i}`)];
    {
      await using life = await live(folder);
      const { sessions } = life.client;
      sessionId = await hostSession(life.client);
      const spec = { shell: 'main', detach: true };
      await sessions.runCommand({ sessionId, spec: { ...spec, command: shellLine('order=begun; cd /tmp') } });
      const held = 'echo go; while [ ! -e /tmp/go ]; do sleep 0.01; done; order="$order first"; echo done';
      const calls = ids.map((execId, i) => {
        const command = shellLine(i === 0 ? held : `order="$order ${i}"; echo $order`);
        const timeout = i === 0 ? undefined : { seconds: 60, nanos: 0 };
        return sessions.runCommand({ sessionId, spec: { ...spec, execId, command, timeout } });
      });
      const ended = Promise.allSettled(calls);
      for (const execId of ids) {
        while ((await sessions.getExec({ sessionId, execId }).catch(() => undefined)) === undefined);
      }
      await life.child.kill();
      await ended;
    }
    {
      await using life = await live(folder);
      const { exec } = await life.client.sessions.getExec({ sessionId, execId: 'queued-0' });
      expect([exec?.state, exec?.startTime, exec?.shell]).toEqual([ExecState.STARTING, undefined, 'main']);
      const cancel = { sessionId, execId: 'queued-4', signal: 'SIGTERM' };
      await life.client.sessions.signalExec(cancel);
      await sh(life.client, sessionId, 'touch /tmp/go');
      // Somewhere among them.
      await life.client.sessions.waitExec({ sessionId, execId: 'queued-1' });
      await life.child.kill();
    }
    {
      await using life = await live(folder);
      const seen: string[] = [];
      for (const execId of ids) {
        const { exec, stdout } = await life.client.sessions.waitExec({ sessionId, execId });
        expect(exec?.result?.shellReset).toBe(false);
        seen.push(stdout?.head.toString().trim().split(/\s/).at(-1) ?? '');
      }
      expect(seen).toEqual(['done', '1', '2', '3', '4', '', '6', '7', '8', '9', '10']);
      const { exec, stdout } = await life.client.sessions.runCommand({
        sessionId,
        spec: { shell: 'main', command: shellLine('echo $order; pwd') },
      });
      expect(stdout?.head.toString()).toBe('begun first 1 2 3 4 6 7 8 9 10\n/tmp\n');
      expect(exec?.result?.shellReset).toBe(false);
    }
    await clearUp(folder);
  },
);
