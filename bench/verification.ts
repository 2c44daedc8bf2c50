import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VerificationState, type Verification } from '../gen/codeset/v1/verification.js';
import { watchVerification } from '../src/client/verification-watch.js';
import { msOf } from '../src/client/wire-duration.js';
import { startDocker } from './lib/docker.js';
import type { Benchmark } from './lib/run.js';
import { registerSample } from './lib/samples.js';
import { startService, type Service } from './lib/service.js';
import { figure, median, rate, ratio, timed } from './lib/stats.js';

const SAMPLE = 'to-verify';
const ROUNDS = 31;
const WARM_UP = 5;
const AT_ONCE = 4;
const RATE_SECONDS = 10;
const FILES = 100;
const SCRIPT = 'grep -q right answer.txt';
const DIFF = '--- a/answer.txt\n+++ b/answer.txt\n@@ -1 +1 @@\n-wrong\n+right\n';

/** What a verdict costs over the script that it comes from. */
export const verification: Benchmark = {
  about:
    "a verification of a session and of a patch beside the script alone, and Docker's create, start, exec, remove; 4 at once",
  async run(run) {
    const service = await startService(run);
    const docker = await startDocker(run);
    const { client } = service;
    await registerSample(service, SAMPLE, SCRIPT, codebase);
    const { session } = await client.sessions.createSession({
      source: { $case: 'sample', value: { sampleId: SAMPLE } },
    });
    if (session === undefined || session.error !== '') throw new Error(`no session: ${session?.error}`);
    const { sessionId } = session;
    await client.sessions.applyPatch({ sessionId, diff: Buffer.from(DIFF) });

    const alone = async (): Promise<void> => {
      const { exec } = await client.sessions.runCommand({
        sessionId,
        spec: { command: { $case: 'argv', value: { args: ['sh', '-c', SCRIPT] } } },
      });
      if (exec?.result?.status?.$case !== 'exitCode' || exec.result.status.value !== 0)
        throw new Error('the script alone failed');
    };
    const keeping: number[] = [];
    const ended: Verification[] = [];
    const ofSession = (): Promise<number> =>
      timed(async () => {
        const began = performance.now();
        const answer = await client.verifications.startVerification({
          subject: { $case: 'sessionId', value: sessionId },
        });
        keeping.push(performance.now() - began);
        ended.push(await passed(service, answer.verification));
      });
    const ofPatch = (): Promise<number> =>
      timed(async () => {
        const value = { sample: { sampleId: SAMPLE }, diff: Buffer.from(DIFF) };
        const answer = await client.verifications.startVerification({ subject: { $case: 'patch', value } });
        await passed(service, answer.verification);
      });
    const byDocker = (): Promise<number> =>
      timed(async () => {
        if (docker === undefined) return;
        const container = await docker.container();
        await docker.execByApi(container, ['sh', '-c', 'true'], true);
        await container.remove({ force: true });
      });

    run.say('one at a time');
    const times = {
      alone: [] as number[],
      session: [] as number[],
      patch: [] as number[],
      docker: [] as number[],
    };
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      run.signal.throwIfAborted();
      if (round === 0) {
        for (const measured of Object.values(times)) measured.length = 0;
        keeping.length = 0;
        ended.length = 0;
      }
      times.alone.push(await timed(alone));
      times.session.push(await ofSession());
      times.patch.push(await ofPatch());
      if (docker !== undefined && round % 3 === 0) times.docker.push(await byDocker());
    }
    run.say(`${AT_ONCE} at once`);
    const perSecond = await rate(AT_ONCE, RATE_SECONDS, run.signal, ofSession);

    const one = ended.slice(0, ROUNDS);
    const [script, ofOne, byScript] = [median(times.alone), median(times.session), median(one.map(scriptMs))];
    const theirs = docker === undefined ? null : median(times.docker);
    return {
      script_alone_p50_ms: figure(script),
      verification_p50_ms: figure(ofOne),
      cost_p50_ms: figure(ofOne - script),
      patch_verification_p50_ms: figure(median(times.patch)),
      keep_p50_ms: figure(median(keeping.slice(0, ROUNDS))),
      run_p50_ms: figure(median(one.map(runMs))),
      script_in_it_p50_ms: figure(byScript),
      docker_create_exec_remove_p50_ms: theirs === null ? null : figure(theirs),
      verification_ratio: ratio(ofOne, theirs),
      verifications_per_s_4: figure(perSecond),
    };
  },
};

async function codebase(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'answer.txt'), 'wrong\n');
  for (let i = 0; i < FILES; i++) await writeFile(join(folder, `file-${i}.txt`), `${i}\n`.repeat(200));
}

/** @throws when it ends otherwise than PASSED */
async function passed({ client }: Service, begun: Verification | undefined): Promise<Verification> {
  const watch = watchVerification(client.verifications, begun?.verificationId ?? '');
  for (;;) {
    const step = await watch.next();
    if (step.done !== true) continue;
    if (step.value.state !== VerificationState.PASSED) throw new Error(`not PASSED: ${step.value.message}`);
    return step.value;
  }
}

function runMs({ startTime, endTime }: Verification): number {
  return (endTime?.getTime() ?? NaN) - (startTime?.getTime() ?? NaN);
}

function scriptMs({ pressure }: Verification): number {
  return msOf(pressure?.wallTime);
}
