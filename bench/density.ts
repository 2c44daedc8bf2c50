import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '../src/client/connection.js';
import { runCommand } from './lib/commands.js';
import { residentMiB } from './lib/memory.js';
import { startDocker } from './lib/docker.js';
import type { Benchmark, Run } from './lib/run.js';
import { startService } from './lib/service.js';
import { bareSession, bareSessions } from './lib/sessions.js';
import { figure, median, ratio, timed } from './lib/stats.js';

const SESSIONS = 1000;
/** On Docker, whose daemon and shims weigh what they weigh. */
const CONTAINERS = 200;
const AT_ONCE = 4;
const COMMANDS = 500;
/** What making so many left to do is over by then; heartbeats and all that goes on for ever are not. */
const SETTLE_MS = 5000;

/** As many live sessions as one machine is meant to hold, and a command among them. */
export const density: Benchmark = {
  about: '1,000 idle sessions (200 on Docker): memory, and the latency of a command among them',
  async run(run) {
    const service = await startService(run);
    const { client, pid, scratch } = service;
    const docker = run.target.engine === 'docker' ? await startDocker(run) : undefined;
    const count = docker === undefined ? SESSIONS : CONTAINERS;
    const only = await bareSession(service);
    run.say('one session');
    await commands(run, client, [only]);
    const single = median(await commands(run, client, [only]));
    const before = await residentMiB(pid);

    run.say(`making ${count - 1} more`);
    const all = [only, ...(await bareSessions(service, count - 1, AT_ONCE))];
    await delay(SETTLE_MS, undefined, { signal: run.signal });
    const after = await residentMiB(pid);
    const inits = await Promise.all(
      (docker === undefined ? await initPids(join(scratch, 'run')) : await docker.firstProcesses()).map(
        residentMiB,
      ),
    );
    run.say(`${inits.length} sandboxes live; a command in one of them, and so on`);
    // Each first has run in its session before: what a session's first command costs is not asked here.
    const asked = Array.from({ length: 50 }, (_, i) => all[i * Math.floor(all.length / 50)] ?? only);
    await commands(run, client, asked);
    const atFull = median(await commands(run, client, asked));
    return {
      sessions: all.length,
      server_rss_mb: figure(after),
      // The service's growth, and the init that each sandbox has.
      rss_per_idle_session_mb: figure(
        (after - before) / (all.length - 1) + (inits.length === 0 ? 0 : median(inits)),
      ),
      single_exec_p50_ms: figure(single),
      exec_p50_ms_at_full: figure(atFull),
      full_ratio: ratio(atFull, single),
    };
  },
};

/** Trivial commands, one after another and in each session in turn; how long each took. */
async function commands(run: Run, client: Connection, sessions: readonly string[]): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < COMMANDS; i++) {
    run.signal.throwIfAborted();
    times.push(await timed(() => runCommand(client, sessions[i % sessions.length] ?? '', ['true'])));
  }
  return times;
}

/** The first process of every sandbox of the local engine; none of others'. */
async function initPids(runDir: string): Promise<number[]> {
  const pids: number[] = [];
  for (const owner of await readdir(runDir)) {
    const boxes = join(runDir, owner, 'boxes');
    for (const box of await readdir(boxes).catch(() => [])) {
      pids.push(Number(await readFile(join(boxes, box, 'pid'), 'utf8')));
    }
  }
  return pids;
}
