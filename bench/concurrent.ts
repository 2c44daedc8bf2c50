import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand } from './lib/commands.js';
import { startNoise } from './lib/noise.js';
import type { Benchmark } from './lib/run.js';
import { registerSample } from './lib/samples.js';
import { startService } from './lib/service.js';
import { bareSession, bareSessions } from './lib/sessions.js';
import { figure, median, percentile, ratio, timed } from './lib/stats.js';

const SESSIONS = 64;
const ROUNDS = 5;
const ALONE_PER_ROUND = 200;
const TOGETHER_SECONDS = 5;
/** Between a session's commands, on average: 64 agents that think ask for 64 commands a second. */
const PAUSE_MS = 1000;
const QUIET_PER_ROUND = 60;
const VERIFICATIONS = 4;
/** Some two seconds of one core: what a short suite of tests takes. */
const SUITE = 'i=0; while [ "$i" -lt 500000 ]; do i=$((i+1)); done';

/** Commands of many sessions, and of one with loud neighbours. */
export const concurrent: Benchmark = {
  about: '64 sessions that each run a command a second; one session beside a flood and 4 verifications',
  async run(run) {
    const service = await startService(run);
    const { client } = service;
    run.say(`making ${SESSIONS} sessions`);
    await registerSample(service, 'suite', SUITE, async (folder) => {
      await mkdir(folder);
      await writeFile(join(folder, 'code.txt'), 'code\n');
    });
    const all = await bareSessions(service, SESSIONS, 4);
    const [quiet = ''] = all;
    const flooded = await bareSession(service);
    const trivial = (sessionId: string): Promise<number> =>
      timed(() => runCommand(client, sessionId, ['true']));
    const alone = async (count: number): Promise<number[]> => {
      const times: number[] = [];
      for (let i = 0; i < count; i++) {
        run.signal.throwIfAborted();
        times.push(await trivial(quiet));
      }
      return times;
    };
    // Each session is an agent of its own: it waits for its command, thinks, and goes on.
    const together = async (seconds: number, pauseMs: number): Promise<number[]> => {
      const times: number[] = [];
      const end = performance.now() + seconds * 1000;
      const agent = async (sessionId: string): Promise<void> => {
        await delay(Math.random() * pauseMs);
        while (performance.now() < end) {
          run.signal.throwIfAborted();
          times.push(await trivial(sessionId));
          await delay(-Math.log(1 - Math.random()) * pauseMs);
        }
      };
      await Promise.all(all.map(agent));
      return times;
    };

    run.say('warming up');
    await alone(300);
    await together(2, PAUSE_MS);
    const times = {
      single: [] as number[],
      together: [] as number[],
      quiet: [] as number[],
      rush: [] as number[],
    };
    for (let round = 1; round <= ROUNDS; round++) {
      run.say(`round ${round} of ${ROUNDS}`);
      times.single.push(...(await alone(ALONE_PER_ROUND)));
      times.together.push(...(await together(TOGETHER_SECONDS, PAUSE_MS)));
      times.rush.push(...(await together(1, 0)));
      const silence = startNoise(run, service, { flooded, sampleId: 'suite', verifications: VERIFICATIONS });
      try {
        await delay(2000, undefined, { signal: run.signal });
        times.quiet.push(...(await alone(QUIET_PER_ROUND)));
      } finally {
        await silence();
      }
    }
    const single = median(times.single);
    const p99 = percentile(times.together, 0.99);
    const quietP50 = median(times.quiet);
    run.say(
      `without a pause, ${SESSIONS} at a time: p50 ${figure(median(times.rush))} ms, ` +
        `p99 ${figure(percentile(times.rush, 0.99))} ms, ${figure(times.rush.length / ROUNDS)} a second; ` +
        `the quiet session's p95 is ${figure(percentile(times.quiet, 0.95))} ms`,
    );
    return {
      sessions: SESSIONS,
      exec_p50_ms: figure(median(times.together)),
      exec_p95_ms: figure(percentile(times.together, 0.95)),
      exec_p99_ms: figure(p99),
      single_exec_p50_ms: figure(single),
      p99_ratio: ratio(p99, single),
      quiet_exec_p50_ms: figure(quietP50),
      neighbour_ratio: ratio(quietP50, single),
    };
  },
};
