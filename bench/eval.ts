import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SessionState } from '../gen/codeset/v1/session.js';
import type { AttemptResult } from '../src/eval/attempt.js';
import type { Summary } from '../src/eval/summary.js';
import { startDocker } from './lib/docker.js';
import { PeakMemory } from './lib/memory.js';
import type { Benchmark, Run } from './lib/run.js';
import { registerSample } from './lib/samples.js';
import { startService, type Service } from './lib/service.js';
import { figure, median, rate, ratio } from './lib/stats.js';

const SAMPLE = 'to-evaluate';
const AT_ONCE = 100;
const ATTEMPTS = 300;
/** How long an agent thinks: most of a real one's time. */
const THINK_SECONDS = 20;
const QUICK_AT_ONCE = 4;
const QUICK_ATTEMPTS = 100;
const RATE_SECONDS = 20;
const SCRIPT = 'grep -q right answer.txt';

/** A night of evaluations in small: what one machine gets through by `codeset eval`. */
export const evaluation: Benchmark = {
  about:
    '100 agents at once that think for 20 s; attempts without thinking, 4 at once, beside two containers of Docker for each',
  async run(run) {
    const service = await startService(run);
    const docker = await startDocker(run);
    await registerSample(service, SAMPLE, SCRIPT, async (folder) => {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'answer.txt'), 'wrong\n');
    });

    run.say(`${ATTEMPTS} attempts, ${AT_ONCE} at once`);
    const many = await evaluated(run, service, `sleep ${THINK_SECONDS}`, ATTEMPTS, AT_ONCE);
    run.say(`${QUICK_ATTEMPTS} attempts without thinking, ${QUICK_AT_ONCE} at once`);
    const quick = await evaluated(run, service, 'nop', QUICK_ATTEMPTS, QUICK_AT_ONCE);
    run.say('the same by Docker alone: a container for the agent, and one that judges');
    const theirs =
      docker === undefined
        ? null
        : (await rate(QUICK_AT_ONCE, RATE_SECONDS, run.signal, async () => {
            for (let i = 0; i < 2; i++) {
              const container = await docker.container();
              await docker.execByApi(container, ['sh', '-c', 'true'], true);
              await container.remove({ force: true });
            }
          })) * 60;
    return {
      at_once: AT_ONCE,
      attempts: ATTEMPTS,
      sessions_at_once_max: many.sessions,
      attempts_per_min: figure(many.perMinute),
      over_thinking_p50_s: figure(many.overThinking),
      cpu_idle_share: figure(many.idle),
      server_rss_peak_mb: figure(many.serverPeak),
      eval_rss_peak_mb: figure(many.evalPeak),
      quick_attempts_per_min_4: figure(quick.perMinute),
      docker_pairs_per_min_4: theirs === null ? null : figure(theirs),
      quick_ratio: ratio(quick.perMinute, theirs),
    };
  },
};

interface Evaluated {
  readonly perMinute: number;
  /** Of the whole machine, 0 to 1. */
  readonly idle: number;
  /** The most sessions that were open at once, as looked at once a second. */
  readonly sessions: number;
  /** What an attempt takes besides its agent, median, in seconds. */
  readonly overThinking: number;
  readonly serverPeak: number;
  readonly evalPeak: number;
}

/** One run of the command line, which ends well. @throws when an attempt is unscored */
async function evaluated(
  run: Run,
  service: Service,
  agent: string,
  attempts: number,
  atOnce: number,
): Promise<Evaluated> {
  const out = join(service.scratch, `run-${attempts}`);
  const args = [
    fileURLToPath(new URL('../src/cli/main.js', import.meta.url)),
    ...['eval', '--agent', agent, '--sample', SAMPLE, '--out', out],
    ...['--attempts', String(attempts), '--concurrency', String(atOnce)],
    ...['--address', service.address, '--api-key', service.apiKey],
  ];
  const memory = new PeakMemory(service.pid);
  const before = await processorTimes();
  const began = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  run.defer(() => child.kill());
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const own = new PeakMemory(child.pid ?? 0);
  const watching = new AbortController();
  const watched = mostSessions(service, watching.signal);
  const [status] = (await once(child, 'close')) as [number | null];
  const seconds = (performance.now() - began) / 1000;
  const after = await processorTimes();
  watching.abort();
  if (status !== 0) throw new Error(`codeset eval ended with ${status}: ${said.slice(-2000)}`);
  const summary = JSON.parse(await readFile(join(out, 'summary.json'), 'utf8')) as Summary;
  if (summary.failed !== attempts) throw new Error(`not every attempt was judged: ${said.slice(-2000)}`);
  const lines = (await readFile(join(out, 'results.jsonl'), 'utf8')).trim().split('\n');
  const results = lines.map((line) => JSON.parse(line) as AttemptResult);
  return {
    perMinute: (attempts / seconds) * 60,
    idle: (after.idle - before.idle) / (after.all - before.all),
    sessions: await watched,
    overThinking: median(results.map((result) => result.seconds - (result.agent?.seconds ?? 0))),
    serverPeak: await memory.stop(),
    evalPeak: await own.stop(),
  };
}

async function mostSessions({ client }: Service, signal: AbortSignal): Promise<number> {
  let most = 0;
  while (!signal.aborted) {
    const { sessions } = await client.sessions.listSessions({ states: [SessionState.READY], pageSize: 200 });
    most = Math.max(most, sessions.length);
    await delay(1000, undefined, { signal }).catch(() => undefined);
  }
  return most;
}

/** Of all processors since the machine began, in ticks. */
async function processorTimes(): Promise<{ readonly idle: number; readonly all: number }> {
  const [first = ''] = (await readFile('/proc/stat', 'utf8')).split('\n');
  const line = first.split(/\s+/).slice(1, 9).map(Number);
  const [, , , idle = 0, waiting = 0] = line;
  return { idle: idle + waiting, all: line.reduce((sum, ticks) => sum + ticks, 0) };
}
