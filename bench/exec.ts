import { execStream, runCommand } from './lib/commands.js';
import { startDocker } from './lib/docker.js';
import { spawned } from './lib/processes.js';
import type { Benchmark } from './lib/run.js';
import { startService } from './lib/service.js';
import { bareSession } from './lib/sessions.js';
import { figure, median, percentile, rate, ratio, timed } from './lib/stats.js';

const CLIENTS = 8;
const RATE_SECONDS = 3;
const ROUNDS = 20;
/** In each round; Docker's are fewer, since each takes so much longer. */
const OURS_PER_ROUND = 25;
const DOCKERS_PER_ROUND = 3;

/** A trivial command, `true`, in a session and in a container that are warm. */
export const exec: Benchmark = {
  about: 'latency and rate of a trivial command, beside `docker exec` and a plain spawn',
  async run(run) {
    const service = await startService(run);
    const { client } = service;
    const docker = await startDocker(run);
    const sessionId = await bareSession(service);
    const ours = (): Promise<void> => execStream(client, sessionId, ['true']);
    const unary = (): Promise<void> => runCommand(client, sessionId, ['true']);
    const host = (): Promise<void> => spawned('sh', ['-c', 'true']);
    const container = await docker?.container();
    const byCli = async (): Promise<void> => docker?.execByCli(container?.id ?? '', ['true']);
    const byApi = async (): Promise<void> => {
      if (docker !== undefined && container !== undefined) await docker.execByApi(container, ['true']);
    };

    run.say('warming up');
    for (let i = 0; i < 300; i++) await (i % 2 === 0 ? ours() : unary());
    for (let i = 0; i < 10; i++) await host();
    if (docker !== undefined) for (let i = 0; i < 3; i++) await byCli().then(byApi);

    // In turns, so that whatever else the machine does meets all of them alike.
    run.say('latency, one at a time');
    const times = { ours: [], unary: [], host: [], cli: [], api: [] } as Record<string, number[]>;
    const measure = async (name: string, count: number, work: () => Promise<void>): Promise<void> => {
      for (let i = 0; i < count; i++) {
        run.signal.throwIfAborted();
        times[name]?.push(await timed(work));
      }
    };
    for (let round = 0; round < ROUNDS; round++) {
      await measure('ours', OURS_PER_ROUND, ours);
      await measure('unary', OURS_PER_ROUND, unary);
      await measure('host', DOCKERS_PER_ROUND, host);
      if (docker === undefined) continue;
      await measure('cli', DOCKERS_PER_ROUND, byCli);
      await measure('api', DOCKERS_PER_ROUND, byApi);
    }

    run.say(`rate, ${CLIENTS} at a time`);
    const oursPerSecond: number[] = [];
    const cliPerSecond: number[] = [];
    const apiPerSecond: number[] = [];
    for (let round = 0; round < 3; round++) {
      oursPerSecond.push(await rate(CLIENTS, RATE_SECONDS, run.signal, ours));
      if (docker === undefined) continue;
      cliPerSecond.push(await rate(CLIENTS, RATE_SECONDS, run.signal, byCli));
      apiPerSecond.push(await rate(CLIENTS, RATE_SECONDS, run.signal, byApi));
    }

    const of = (name: string): readonly number[] => times[name] ?? [];
    run.say(
      `by RunCommand: p50 ${figure(median(of('unary')))} ms, p95 ${figure(percentile(of('unary'), 0.95))} ms` +
        (docker === undefined
          ? ''
          : `; docker exec p50: CLI ${figure(median(of('cli')))} ms, API ${figure(median(of('api')))} ms`),
    );
    const p50 = median(of('ours'));
    const dockerP50 = docker === undefined ? null : Math.min(median(of('cli')), median(of('api')));
    const perSecond = median(oursPerSecond);
    const dockerPerSecond =
      docker === undefined ? null : Math.max(median(cliPerSecond), median(apiPerSecond));
    return {
      exec_p50_ms: figure(p50),
      exec_p95_ms: figure(percentile(of('ours'), 0.95)),
      docker_exec_p50_ms: dockerP50 === null ? null : figure(dockerP50),
      host_spawn_p50_ms: figure(median(of('host'))),
      latency_ratio: ratio(p50, dockerP50),
      exec_per_s_8: figure(perSecond),
      docker_exec_per_s_8: dockerPerSecond === null ? null : figure(dockerPerSecond),
      rate_ratio: ratio(perSecond, dockerPerSecond),
    };
  },
};
