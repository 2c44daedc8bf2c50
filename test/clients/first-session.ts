import { execFile, spawn } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packFolder } from '../../src/samples/pack.js';
import { toolchainEnvironment, type ClientLanguage } from '../support/client-toolchains.js';
import { engineHere } from '../support/engine-here.js';
import { register, startService, type TestService } from '../support/service.js';
import { standInFor } from '../support/stand-in.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { codeOf } from './page.js';

const ROOT = resolve(import.meta.dirname, '../..');
const SAMPLE = 'samples/examples/median-of-even-lists';
/** What builds leave behind in a checkout; the program is built from what a clone has. */
const LEFT_BEHIND = ['target', 'build', 'codesetv1', 'first-session'];

/** How long a build may take that has to fetch all of its libraries, on a busy machine. */
const BUILD_MS = 900_000;

/** Runs lines of docs/clients.md in a folder. @throws Error with all that they printed. @returns their stdout */
async function follow(lines: string, folder: string, env: Readonly<Record<string, string>>): Promise<string> {
  const PATH = `${join(ROOT, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`;
  const { stdout } = await promisify(execFile)('sh', ['-e', '-c', lines], {
    cwd: folder,
    env: { ...process.env, ...toolchainEnvironment(), PATH, ...env },
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: Error & { stdout?: string; stderr?: string }) => {
    throw new Error(`${lines}${error.stdout ?? ''}${error.stderr ?? error.message}`);
  });
  return stdout;
}

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The tests of one language's program of clients/, the same for all: it is copied beside the contract and the sample,
 * built there as docs/clients.md says, and run against a service of its own.
 * @param program what runs it when it is built; paths are relative to its folder.
 */
export function itHasAFirstSession(language: ClientLanguage, program: readonly string[]): void {
  let service: TestService;
  let folder: TempFolder;
  let source: string;

  beforeAll(async () => {
    if (engineHere() === 'docker') await standInFor('python:3.13-slim');
    folder = await tempFolder();
    source = join(folder.path, 'clients', language);
    for (const path of ['proto', SAMPLE])
      await cp(join(ROOT, path), join(folder.path, path), { recursive: true });
    await cp(join(ROOT, 'clients', language), source, {
      recursive: true,
      filter: (path) => !LEFT_BEHIND.includes(basename(path)),
    });
    [service] = await Promise.all([
      startService(),
      // The build's own folder within the program's, whatever the machine's owner has chosen.
      follow(codeOf(`clients/${language}`, 'build'), source, { CARGO_TARGET_DIR: join(source, 'target') }),
    ]);
    await register(service.admin, packFolder(join(ROOT, SAMPLE)) as AsyncIterable<Buffer>);
  }, BUILD_MS);

  afterAll(async () => {
    await service?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  function start(
    args: readonly string[],
    key = service.adminKey,
  ): ReturnType<typeof spawn> & { ended: Promise<Outcome> } {
    const [command = '', ...first] = program;
    const child = spawn(command, [...first, ...args], {
      cwd: source,
      env: {
        ...process.env,
        ...toolchainEnvironment(),
        CODESET_ADDRESS: service.address,
        CODESET_API_KEY: key,
      },
    });
    // A command that ends before its input does is none of ours.
    child.stdin.on('error', () => {});
    const ended = Promise.all([
      text(child.stdout),
      text(child.stderr),
      new Promise<number | null>((done, fail) => child.once('error', fail).once('close', done)),
    ]).then(([stdout, stderr, status]) => ({ stdout, stderr, status }));
    return Object.assign(child, { ended });
  }

  function run(args: readonly string[], input: string | Buffer = '', key?: string): Promise<Outcome> {
    const child = start(args, key);
    child.stdin?.end(input);
    return child.ended;
  }

  async function openSessions(): Promise<number> {
    const { sessions } = await service.admin.sessions.listSessions({});
    return sessions.filter(({ endTime }) => endTime === undefined).length;
  }

  test('an untouched session is FAILED, test by test, and closed', async () => {
    const { status, stdout, stderr } = await run(
      ['median-of-even-lists', 'tr a-z A-Z; echo oops >&2; exit 7'],
      'hello\n',
    );
    expect(stdout, stderr).toMatch(
      /^session (ses_\w+) READY\nHELLO\nexit EXITED 7\n(test (PASSED|FAILED) \S+\n){11}verdict FAILED: fail_to_pass 0\/6, pass_to_pass 5\/5\nsession \1 CLOSED\n$/,
    );
    expect(stderr).toContain('oops\n');
    expect(stderr, 'the log of the verification').toMatch(/^ok +tests\.test_hidden_summary/m);
    expect(status).toBe(1);
    expect(await openSessions()).toBe(0);
  });

  test("the page's line does the work through stdin, and is PASSED with status 0", async () => {
    const env = { CODESET_ADDRESS: service.address, CODESET_API_KEY: service.adminKey };
    const stdout = await follow(codeOf(`clients/${language}`, 'run'), source, env);
    expect(stdout).toContain('\nexit EXITED 0\n');
    expect(stdout).toContain('\nverdict PASSED: fail_to_pass 6/6, pass_to_pass 5/5\n');
  });

  test('stdin goes in while output comes out', async () => {
    const child = start(['median-of-even-lists', 'while read -r line; do echo "got $line"; done']);
    let seen = '';
    const said = (line: string): Promise<void> =>
      new Promise((done) => {
        child.stdout?.on('data', (data: Buffer) => {
          seen += data.toString();
          if (seen.includes(line)) done();
        });
      });
    for (const word of ['one', 'two']) {
      const answered = said(`got ${word}\n`);
      child.stdin?.write(`${word}\n`);
      // It would wait for ever if one came after the other.
      await answered;
    }
    child.stdin?.end();
    expect((await child.ended).stdout).toContain('got one\ngot two\nexit EXITED 0\n');
  });

  test('more than any window holds goes both ways, and a command need not read it', async () => {
    const lines = 'a line of nothing much\n'.repeat(200_000);
    const through = await run(['median-of-even-lists', 'cat'], lines);
    expect(through.stdout.includes(`READY\n${lines}exit EXITED 0\n`)).toBe(true);
    const unread = await run(['median-of-even-lists', 'kill -KILL $$'], lines);
    expect(unread.stdout).toContain('exit SIGNALLED SIGKILL\n');
    expect(unread.stdout).toMatch(/CLOSED\n$/);
  });

  test('a wrong key, and a sample that is not there, are told by their reasons', async () => {
    const wrong = await run(['median-of-even-lists', 'true'], '', 'not-a-key');
    expect(wrong.stderr).toMatch(/^error KEY_INVALID: \S.*$/m);
    expect([wrong.stdout, wrong.status]).toEqual(['', 3]);
    const absent = await run(['absent', 'true']);
    expect(absent.stderr).toMatch(/^error SAMPLE_NOT_FOUND: \S.*$/m);
    expect(absent.status).toBe(3);
  });

  test('closes the session also when something fails in it', async () => {
    const { status, stdout, stderr } = await run(['median-of-even-lists', '']);
    expect(stderr).toMatch(/^error INVALID_FIELD: \S.*$/m);
    expect(stdout).toMatch(/^session (ses_\w+) READY\nsession \1 CLOSED\n$/);
    expect(status).toBe(3);
  });

  test('wrong usage is status 2', async () => {
    const { status, stderr } = await run(['median-of-even-lists']);
    expect(stderr).toContain('usage: ');
    expect(status).toBe(2);
  });
}
