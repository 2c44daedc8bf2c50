import { spawn } from 'node:child_process';

const MAX_STDERR = 16 * 1024;
const DEFAULT_MAX_STDOUT = 64 * 1024 * 1024;

/** Settings that take every say from the machine, its user and the repository itself. */
const SETTINGS: readonly string[] = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.attributesFile=/dev/null',
  'core.excludesFile=/dev/null',
  'core.logAllRefUpdates=false',
  'core.protectHFS=true',
  'core.protectNTFS=true',
  'gc.auto=0',
  'maintenance.auto=false',
  'init.templateDir=',
  'init.defaultBranch=main',
  'protocol.allow=never',
  'protocol.file.allow=always',
  'fetch.recurseSubmodules=false',
  'submodule.recurse=false',
  'commit.gpgSign=false',
  'advice.detachedHead=false',
  // One thread packs the same objects the same way each time.
  'pack.threads=1',
];

/** Who and when, for commits that we make: the same content always gives the same commit. */
const IDENTITY = {
  GIT_AUTHOR_NAME: 'codeset',
  GIT_AUTHOR_EMAIL: 'codeset@localhost',
  GIT_AUTHOR_DATE: '2000-01-01T00:00:00Z',
  GIT_COMMITTER_NAME: 'codeset',
  GIT_COMMITTER_EMAIL: 'codeset@localhost',
  GIT_COMMITTER_DATE: '2000-01-01T00:00:00Z',
} as const;

export interface GitResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  /** The first 16 KiB. */
  readonly stderr: string;
}

/** git ended with another status than 0. */
export class GitError extends Error {
  override readonly name = 'GitError';
  readonly exitCode: number;
  readonly stderr: string;

  constructor(command: string, result: GitResult) {
    super(`git ${command} ended with ${result.exitCode}: ${result.stderr.trim()}`);
    this.exitCode = result.exitCode;
    this.stderr = result.stderr.trim();
  }
}

export interface GitOptions {
  readonly cwd: string;
  readonly stdin?: Uint8Array | string;
  /** Bytes; more is an error. Default 64 MiB. */
  readonly maxStdout?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs the system's git with a fixed argv: no shell, no hooks, no configuration but ours, no protocol but
 * local files. Resolves whatever the status is; rejects when git can't be started or says too much.
 */
export function tryGit(args: readonly string[], options: GitOptions): Promise<GitResult> {
  const settings = SETTINGS.flatMap((setting) => ['-c', setting]);
  return new Promise((resolve, reject) => {
    const child = spawn('git', [...settings, ...args], {
      cwd: options.cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: '/nonexistent',
        LC_ALL: 'C',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_TERMINAL_PROMPT: '0',
        GIT_ATTR_NOSYSTEM: '1',
        GIT_ALLOW_PROTOCOL: 'file',
        GIT_NO_REPLACE_OBJECTS: '1',
        // The folder is our own: no repository above it may take part.
        GIT_CEILING_DIRECTORIES: options.cwd,
        ...IDENTITY,
        ...options.env,
      },
    });
    const stdout: Buffer[] = [];
    let bytes = 0;
    let stderr = '';
    const limit = options.maxStdout ?? DEFAULT_MAX_STDOUT;
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limit) child.kill('SIGKILL');
      else stdout.push(chunk);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(0, MAX_STDERR);
    });
    // git may end before it has read everything; its status tells.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin ?? '');
    child.on('error', (cause) => reject(new Error('git could not be started', { cause })));
    child.on('close', (code, signal) => {
      if (bytes > limit) reject(new Error(`git ${args[0]} wrote more than ${limit} bytes`));
      else if (code === null) reject(new Error(`git ${args[0]} was ended by ${signal}`));
      else resolve({ exitCode: code, stdout: Buffer.concat(stdout), stderr });
    });
  });
}

/** As `tryGit`, and every status but 0 is a GitError. Gives stdout. */
export async function git(args: readonly string[], options: GitOptions): Promise<Buffer> {
  const result = await tryGit(args, options);
  if (result.exitCode !== 0) throw new GitError(args[0] ?? '', result);
  return result.stdout;
}

/** `git`, for one line of answer. */
export async function gitLine(args: readonly string[], options: GitOptions): Promise<string> {
  return (await git(args, options)).toString('utf8').trim();
}
