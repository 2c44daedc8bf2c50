import type { ExecInfo } from '../core/exec.js';
import type { Exec } from './exec.js';

const DELAY_MS = 50;

/**
 * Tells the owner how execs change, some milliseconds behind them and once for all that a short command goes
 * through: what the owner does with it (it writes to a database) takes none of a command's time.
 */
export class ChangeNotices {
  readonly #tell: (exec: ExecInfo) => void;
  readonly #changed = new Set<Exec>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (exec: ExecInfo) => void) {
    this.#tell = tell;
  }

  changed(exec: Exec): void {
    this.#changed.add(exec);
    this.#timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  /** What waits is told now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const exec of this.#changed) {
      this.#changed.delete(exec);
      this.#tell(exec.info());
    }
  }
}
