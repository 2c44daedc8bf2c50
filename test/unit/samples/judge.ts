import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll } from 'vitest';
import type { Verdict } from '../../../src/core/verification.js';
import { run as runProgram } from '../../../src/engines/local/command.js';
import { ReportGrader } from '../../../src/grading/verdict.js';
import type { Codebase, SampleUpload } from '../../../src/core/ports/samples.js';
import { onPath } from '../../support/parts-missing.js';

// A verification without a sandbox, for trying samples: the real script, workspace, reports and grading, and an
// `as-subject` that changes the user when the tests run as root.

const SUBJECT = 1000;
const canDrop = process.getuid?.() === 0 && onPath('setpriv');

/** Stands for the sandbox's own /tmp where a sample's environment names it; a compiler's cache pays off there. */
const shared = mkdtempSync(path.join(os.tmpdir(), 'codeset-test-tmp-'));
chmodSync(shared, 0o777);
afterAll(() => rmSync(shared, { recursive: true, force: true }));

function sandboxEnv(env: Readonly<Record<string, string>>, searchPath: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([key, value]) => [
      key,
      key === 'PATH' ? value.replaceAll('$PATH', searchPath) : value.replace(/^\/tmp\//, `${shared}/`),
    ]),
  );
}

export interface Judged {
  readonly verdict: Verdict;
  readonly log: string;
  readonly exitCode: number | undefined;
}

/** A temporary folder that the subject's user may pass through. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'codeset-test-'));
  await chmod(folder, 0o755);
  return folder;
}

export async function untar(tar: Readable, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const argv = ['-x', '-p', '--numeric-owner', '-f', '-', '-C', folder];
  const { code, stderr } = await runProgram('tar', argv, { stdin: tar });
  if (code !== 0) throw new Error(`tar ended with ${code}: ${stderr}`);
}

export async function run(
  argv: readonly string[],
  options: {
    cwd: string;
    env?: Record<string, string | undefined>;
    stdin?: Uint8Array | string;
    timeoutMs?: number;
  },
): Promise<{ exitCode: number | undefined; output: string }> {
  const [program, ...args] = argv;
  const child = spawn(program ?? '', args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 150_000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ exitCode: code ?? undefined, output }));
  });
}

/**
 * Judges a codebase as a verification does.
 * @param options.patch applied to the workspace first. `keepUser`: run the subject as the test's own user, for
 * toolchains that only that user can read.
 */
export async function judge(
  upload: SampleUpload,
  codebase: Codebase,
  options: { patch?: Uint8Array; keepUser?: boolean; before?: (workspace: string) => Promise<void> } = {},
): Promise<Judged> {
  const folder = await temporaryFolder();
  try {
    const drop = canDrop && options.keepUser !== true;
    const workspace = path.join(folder, 'workspace');
    const hidden = path.join(folder, 'hidden/verification');
    const reports = path.join(folder, 'reports');
    await untar(codebase.workTree(drop ? SUBJECT : (process.getuid?.() ?? 0)), workspace);
    await untar(upload.hidden(), hidden);
    await mkdir(reports);
    await chmod(reports, 0o711);
    await mkdir(path.join(folder, 'bin'));
    await writeFile(path.join(folder, 'bin/as-subject'), asSubject(drop), { mode: 0o755 });
    await mkdir(path.join(folder, 'home'), { mode: 0o777 });
    await chmod(path.join(folder, 'home'), 0o777);
    if (options.patch !== undefined) {
      const applied = await run(['git', '-c', 'safe.directory=*', 'apply', '--whitespace=nowarn', '-'], {
        cwd: workspace,
        stdin: options.patch,
      });
      if (applied.exitCode !== 0) throw new Error(`The patch does not apply: ${applied.output}`);
      if (drop) await run(['chown', '-R', `${SUBJECT}:${SUBJECT}`, workspace], { cwd: '/' });
    }
    await options.before?.(workspace);
    const { manifest } = upload;
    const [script, ...args] = manifest.verification.command;
    const { exitCode, output } = await run([path.join(hidden, '..', script ?? ''), ...args], {
      cwd: workspace,
      env: {
        PATH: `${folder}/bin:${searchPath(drop)}`,
        HOME: path.join(folder, 'home'),
        LANG: 'C.UTF-8',
        TZ: 'UTC',
        ...sandboxEnv(manifest.environment.env, `${folder}/bin:${searchPath(drop)}`),
        CODESET_VERIFICATION_DIR: hidden,
        CODESET_REPORT_DIR: reports,
      },
    });
    const verdict = new ReportGrader().grade({
      spec: manifest.verification,
      grading: manifest.verification.grading,
      exitCode,
      reports: await readReports(reports, ''),
    });
    return { verdict, log: output, exitCode };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Programs in the home of root are not there for anybody else. */
function searchPath(drop: boolean): string {
  const all = process.env['PATH'] ?? '';
  // Who is not root may be a user without a name, whom nothing here is known of.
  if (!drop) return all;
  // HOME may say otherwise, as it does for a clone tried with an empty one.
  const homes = [os.homedir(), os.userInfo().homedir];
  return all
    .split(':')
    .filter((each) => !homes.some((home) => each.startsWith(home)))
    .join(':');
}

function asSubject(drop: boolean): string {
  const change = drop
    ? `chown ${SUBJECT}:${SUBJECT} "$CODESET_REPORT_DIR"\nexec setpriv --reuid=${SUBJECT} --regid=${SUBJECT} --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"`
    : 'exec "$@"';
  return `#!/bin/sh\nset -eu\nCODESET_REPORT_DIR=$(mktemp -d "$CODESET_REPORT_DIR/subject-XXXXXX")\nexport CODESET_REPORT_DIR\n${change}\n`;
}

async function readReports(
  folder: string,
  prefix: string,
): Promise<{ path: string; bySubject: boolean; content: Uint8Array }[]> {
  const found = [];
  for (const entry of await readdir(path.join(folder, prefix), { withFileTypes: true })) {
    const name = prefix + entry.name;
    if (entry.isDirectory()) found.push(...(await readReports(folder, `${name}/`)));
    else
      found.push({
        path: name,
        bySubject: name.startsWith('subject-'),
        content: await readFile(path.join(folder, name)),
      });
  }
  return found;
}
