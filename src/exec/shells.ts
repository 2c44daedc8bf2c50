import type { ExecExit, ExecSpec } from '../core/exec.js';
import type { ExecHostOptions } from '../core/ports/execs.js';
import type { ShellReport } from './link-target.js';
import type { SpawnRequest } from './spawn-frame.js';

/** Where sandboxes have init, which also runs commands in shells. */
const INIT = '/run/codeset/init';

/** One shell per name and user; also the mark of its processes. */
export function shellKey(spec: Pick<ExecSpec, 'shellName' | 'user'>): string {
  return `shell/${spec.shellName}/${spec.user}`;
}

/** What a terminal is said to be to whom nobody told. */
const DEFAULT_TERM = 'xterm-256color';

type Program = Pick<SpawnRequest, 'argv' | 'orShell' | 'env' | 'cwd' | 'turn'>;

/** What init has to start for a command, whose cwd is '' when it takes the shell where it stands. */
export function programOf(
  spec: ExecSpec,
  { defaults, secretEnv }: Pick<ExecHostOptions, 'defaults' | 'secretEnv'>,
): Program {
  const own = { ...spec.env, ...secretEnv };
  if (spec.shellName === '') {
    return {
      argv: spec.argv ?? ['bash', '-c', spec.shell ?? ''],
      orShell: spec.argv === undefined,
      env: { ...(spec.tty === undefined ? {} : { TERM: DEFAULT_TERM }), ...defaults.env, ...own },
      cwd: spec.cwd,
      turn: '',
    };
  }
  const turn = shellKey(spec);
  const options = ['--mark', turn, '--word', '--start-in', defaults.cwd];
  if (spec.cwd !== '') options.push('--cd', spec.cwd);
  for (const [name, value] of Object.entries(spec.env)) {
    if (!(name in secretEnv)) options.push('--env', `${name}=${value}`);
  }
  const command = spec.argv === undefined ? ['--line', spec.shell ?? ''] : ['--', ...spec.argv];
  return {
    argv: [INIT, 'in-shell', spec.shellName, ...options, ...command],
    orShell: false,
    env: { ...defaults.env, ...secretEnv },
    cwd: spec.cwd === '' ? '/' : spec.cwd,
    turn,
  };
}

/** Which shells of a sandbox hold something that could be lost. */
export class Shells {
  readonly #alive = new Set<string>();

  /**
   * A command has ended.
   * @returns whether what its shell remembered is lost: with this command, or since the one before it.
   */
  ended(spec: ExecSpec, report: ShellReport | undefined): boolean {
    if (spec.shellName === '' || report === undefined) return false;
    const key = shellKey(spec);
    const reset = !report.kept || (report.fresh && this.#alive.has(key));
    if (report.kept) this.#alive.add(key);
    else this.#alive.delete(key);
    return reset;
  }

  /** A command that ended in an earlier life of the service. */
  restore(spec: ExecSpec, exit: ExecExit, started: boolean): void {
    if (spec.shellName === '' || !started) return;
    if (exit.shellReset) this.#alive.delete(shellKey(spec));
    else this.#alive.add(shellKey(spec));
  }
}
