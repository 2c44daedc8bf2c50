import { parseArgs } from 'node:util';
import { concurrent } from './concurrent.js';
import { density } from './density.js';
import { evaluation } from './eval.js';
import { exec } from './exec.js';
import { flood } from './flood.js';
import { Run, type Benchmark, type Figures } from './lib/run.js';
import { python } from './python.js';
import { session } from './session.js';
import { throughput } from './throughput.js';
import { verification } from './verification.js';

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  exec,
  concurrent,
  throughput,
  session,
  flood,
  density,
  verification,
  eval: evaluation,
  python,
};

const FAREWELL_MS = 3000;

const OPTIONS = [
  '',
  '  --engine auto|local|docker',
  '  --link auto|socket|attach|exec    how the service reaches a container',
  '  --docker-host unix://PATH         a Docker that runs, in place of one of its own (takes root)',
];

function usage(): string {
  const names = Object.entries(BENCHMARKS).map(([name, { about }]) => `  ${name.padEnd(12)} ${about}`);
  return ['Usage: npm run -s bench -- NAME [--json] [OPTIONS]', '', ...names, ...OPTIONS].join('\n');
}

function table(name: string, figures: Figures): string {
  const width = Math.max(...Object.keys(figures).map((key) => key.length));
  const lines = Object.entries(figures).map(([key, value]) => `  ${key.padEnd(width)}  ${value ?? '-'}`);
  return [name, ...lines].join('\n');
}

async function main(): Promise<number> {
  let options;
  try {
    options = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        engine: { type: 'string', default: 'auto' },
        link: { type: 'string', default: 'auto' },
        'docker-host': { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage()}`);
    return 2;
  }
  const { values, positionals } = options;
  if (values.help) {
    console.log(usage());
    return 0;
  }
  const [name = '', ...more] = positionals;
  const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  const { engine, link, 'docker-host': dockerHost } = values;
  const known =
    ['auto', 'local', 'docker'].includes(engine) && ['auto', 'socket', 'attach', 'exec'].includes(link);
  if (benchmark === undefined || more.length > 0 || !known) {
    console.error(usage());
    return 2;
  }
  const run = new Run({ engine, link, dockerHost });
  let interrupted = false;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (!interrupted) run.say('interrupted; ending what was started');
      interrupted = true;
      run.interrupt();
    });
  }
  try {
    const figures = await interruptible(run, benchmark.run(run));
    console.log(values.json ? JSON.stringify(figures) : table(name, figures));
    return 0;
  } catch (error) {
    if (interrupted) return 130;
    console.error(error);
    return 1;
  } finally {
    await run[Symbol.asyncDispose]();
  }
}

/** Gives what is under way a moment, so that it leaves nothing behind, and does not wait for long work. */
async function interruptible<T>(run: Run, work: Promise<T>): Promise<T> {
  const interrupted = new Promise<never>((_resolve, reject) => {
    run.signal.addEventListener('abort', () => setTimeout(() => reject(run.signal.reason), FAREWELL_MS));
  });
  return await Promise.race([work, interrupted]);
}

process.exit(await main());
