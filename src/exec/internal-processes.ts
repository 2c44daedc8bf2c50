import type { ExecHostOptions, InternalProcess, InternalSpec } from '../core/ports/execs.js';
import { DirectProcess } from './internal-process.js';
import type { SandboxLink } from './sandbox-link.js';
import { encodeSpawn } from './spawn-frame.js';
import { requireFits, resolveCwd } from './spec-checks.js';

/** Of one whose caller is gone nothing is known but its key. */
const ORPHAN: InternalSpec = { argv: [], env: {}, cwd: '', user: '', stdin: false, timeoutMs: 0 };

/** Our own commands in one sandbox, which nobody sees and nothing records. */
export class InternalProcesses {
  readonly #link: SandboxLink;
  readonly #defaults: ExecHostOptions['defaults'];
  readonly #running = new Set<DirectProcess>();

  constructor(link: SandboxLink, defaults: ExecHostOptions['defaults']) {
    this.#link = link;
    this.#defaults = defaults;
  }

  /** @param key that no other command of the sandbox has */
  start(key: number, spec: InternalSpec): InternalProcess {
    const { cwd, env, user } = this.#defaults;
    const mark = markOf(key);
    const frame = encodeSpawn({
      execId: mark,
      argv: spec.argv ?? [],
      orShell: false,
      env: { ...env, ...spec.env },
      cwd: resolveCwd(cwd, spec.cwd),
      user: spec.user === '' ? user : spec.user,
      stdin: spec.stdin,
      tty: undefined,
      turn: '',
      note: '',
    });
    requireFits(frame);
    const process: DirectProcess = DirectProcess.start(this.#link, key, mark, spec, frame, () =>
      this.#running.delete(process),
    );
    this.#running.add(process);
    return process;
  }

  /** Ends one that an earlier life of the service started: its caller is gone. */
  endOrphan(key: number): void {
    const process: DirectProcess = DirectProcess.takeOver(this.#link, key, markOf(key), ORPHAN, () =>
      this.#running.delete(process),
    );
    this.#running.add(process);
    process.kill();
  }

  kill(): void {
    for (const process of this.#running) process.kill();
  }

  /** Nothing more is heard of them. @param message what their callers are told */
  lost(message: string): void {
    for (const process of [...this.#running]) process.lost(message);
  }
}

function markOf(key: number): string {
  return `internal-${key}`;
}
