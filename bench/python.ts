import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Benchmark } from './lib/run.js';
import { startService } from './lib/service.js';
import { bareSessions } from './lib/sessions.js';
import { figure, ratio } from './lib/stats.js';

const SESSIONS = 64;

interface Measured {
  readonly run_p50: number;
  readonly run_p99: number;
  readonly run_alone_p50: number;
  readonly run_rush_per_s: number;
  readonly stub_p50: number;
  readonly stub_p99: number;
  readonly stub_alone_p50: number;
  readonly stub_rush_per_s: number;
}

/** What the Python package costs over the bare stub: its streams that can be taken up again, ids, records of output. */
export const python: Benchmark = {
  about:
    "`run` of the Python package with 64 sessions in one asyncio loop, beside the bare stub's RunCommand",
  async run(run) {
    const service = await startService(run);
    run.say('installing the Python package');
    const folder = join(process.cwd(), 'clients', 'python');
    const venv = join(service.scratch, 'venv');
    const { signal } = run;
    const started = promisify(execFile);
    await started('python3', ['-m', 'venv', venv], { signal });
    const interpreter = join(venv, 'bin', 'python');
    await started(interpreter, ['-m', 'pip', 'install', '--quiet', '--no-input', folder], { signal });
    run.say(`making ${SESSIONS} sessions`);
    const sessions = await bareSessions(service, SESSIONS, 4);
    run.say('measuring');
    const { stdout } = await started(interpreter, [join(folder, 'bench', 'latency.py'), ...sessions], {
      signal,
      env: { ...process.env, CODESET_ADDRESS: service.address, CODESET_API_KEY: service.apiKey },
    });
    const found = JSON.parse(stdout) as Measured;
    return {
      sessions: SESSIONS,
      run_p50_ms: figure(found.run_p50),
      run_p99_ms: figure(found.run_p99),
      stub_p50_ms: figure(found.stub_p50),
      stub_p99_ms: figure(found.stub_p99),
      p50_ratio: ratio(found.run_p50, found.stub_p50),
      p99_ratio: ratio(found.run_p99, found.stub_p99),
      single_run_p50_ms: figure(found.run_alone_p50),
      single_stub_p50_ms: figure(found.stub_alone_p50),
      run_per_s_64: figure(found.run_rush_per_s),
      stub_per_s_64: figure(found.stub_rush_per_s),
    };
  },
};
