import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pythonHere } from '../support/python-here.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';

const PACKAGE = resolve(import.meta.dirname, '../../clients/python');
const MINUTES = 60_000;

let app: RunningApp;
let scratch: TempFolder;

beforeAll(async () => {
  [app, scratch] = await Promise.all([startApp(), tempFolder()]);
}, MINUTES);

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
  await scratch?.[Symbol.asyncDispose]();
}, MINUTES);

/** uv, which installs in a tenth of pip's time; undefined where it can't be had. */
let uv: Promise<string | undefined> | undefined;

async function installUv(python: string): Promise<string | undefined> {
  const folder = join(scratch.path, 'uv');
  try {
    await said(python, ['-m', 'venv', folder]);
    await said(join(folder, 'bin', 'python'), ['-m', 'pip', ...PIP_INSTALL, 'uv']);
    return join(folder, 'bin', 'uv');
  } catch {
    return undefined;
  }
}

const PIP_INSTALL = ['install', '--quiet', '--disable-pip-version-check', '--no-input', '--no-compile'];

/** A virtual environment with the package and some of its extras. */
class Venv {
  readonly #folder: string;
  readonly #signal: AbortSignal;

  private constructor(folder: string, signal: AbortSignal) {
    this.#folder = folder;
    this.#signal = signal;
  }

  static async make(python: string, name: string, extras: string, signal: AbortSignal): Promise<Venv> {
    const folder = join(scratch.path, name);
    await said(python, ['-m', 'venv', folder], {}, signal);
    const venv = new Venv(folder, signal);
    const wanted = ['--editable', `${PACKAGE}[${extras}]`];
    uv ??= installUv(python);
    const fast = await uv;
    try {
      if (fast === undefined) throw new Error('There is no uv here.');
      const options = ['--quiet', '--no-config', '--cache-dir', join(scratch.path, 'cache')];
      const into = ['--python', join(folder, 'bin', 'python')];
      await said(fast, ['pip', 'install', ...options, ...into, ...wanted], {}, signal);
    } catch {
      // What pip is told of registries, uv may not know.
      signal.throwIfAborted();
      await venv.python(['-m', 'pip', ...PIP_INSTALL, ...wanted]);
    }
    return venv;
  }

  /** What it prints. @throws Error with that when it fails */
  python(args: readonly string[]): Promise<string> {
    const env = {
      CODESET_ADDRESS: app.app.address,
      CODESET_API_KEY: app.adminKey,
      MYPYPATH: join(PACKAGE, 'tests'),
      // Caches of its own: several may run side by side, and nothing is left in the package.
      MYPY_CACHE_DIR: join(this.#folder, 'mypy'),
      PYTHONDONTWRITEBYTECODE: '1',
    };
    return said(join(this.#folder, 'bin', 'python'), args, env, this.#signal);
  }

  pytest(...args: readonly string[]): Promise<string> {
    return this.python(['-m', 'pytest', '-p', 'no:cacheprovider', '--no-header', ...args]);
  }
}

/** What a program prints. @throws Error with that when it fails; it is ended with the signal. */
async function said(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<string> {
  const child = spawn(program, args, {
    cwd: PACKAGE,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    killSignal: 'SIGINT',
    ...(signal === undefined ? {} : { signal }),
  });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => void output.push(chunk));
  const [status] = (await once(child, 'close')) as [number | null];
  const text = Buffer.concat(output).toString();
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${text}`);
  return text;
}

describe.concurrent('the Python package', () => {
  const python = pythonHere(10);
  const newer = pythonHere(12);

  test.skipIf(python === undefined)(
    'is typed throughout, and does what it says to a server, over threads and asyncio',
    async ({ signal }) => {
      const venv = await Venv.make(python ?? '', 'venv', 'dev', signal);
      expect(await venv.python(['-m', 'mypy', 'src', 'tests', '--exclude', 'adapters'])).toMatch(
        /^Success: no issues/,
      );
      expect(await venv.pytest('--ignore=tests/adapters')).toMatch(/^\d{2,} passed in/m);
    },
    8 * MINUTES,
  );

  test.skipIf(python === undefined)(
    'is a sandbox for inspect_ai and, where Python is new enough, an environment for Harbor',
    async ({ signal }) => {
      // Harbor's and inspect_ai's needs fit together.
      const extras = newer === undefined ? 'dev,inspect' : 'dev,inspect,harbor';
      const venv = await Venv.make(newer ?? python ?? '', 'harnesses', extras, signal);
      const adapters = ['inspect_ai', ...(newer === undefined ? [] : ['harbor'])];
      const sources = adapters.map((name) => `src/codeset_sandbox/${name}.py`);
      expect(await venv.python(['-m', 'mypy', ...sources])).toMatch(/^Success: no issues/);
      // Most of the time of inspect_ai's own checks they wait.
      const tests = adapters.map((name) => `tests/adapters/test_${name}.py`);
      expect(await venv.pytest('-n', '4', ...tests)).toMatch(/\d{2,} passed/);
    },
    8 * MINUTES,
  );
});
