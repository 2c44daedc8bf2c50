import { spawnSync } from 'node:child_process';
import type { TerminalSize } from '../client/exec-call.js';
import type { CliIo } from './context.js';

/** The terminal that this program runs in, as far as it is one. */
export class LocalTerminal {
  readonly #io: CliIo;

  constructor(io: CliIo) {
    this.#io = io;
  }

  /** Its size; undefined when neither output is a terminal. */
  get size(): TerminalSize | undefined {
    const { rows, columns } = this.#io.stdout.isTTY === true ? this.#io.stdout : this.#io.stderr;
    // A terminal whose size nobody set, on a serial line for instance, has 0.
    return rows === undefined || columns === undefined || rows * columns === 0
      ? undefined
      : { rows, columns };
  }

  /** Calls `handler` at each change of the size, until it is disposed. */
  onResize(handler: (size: TerminalSize) => void): Disposable {
    const output = this.#io.stdout.isTTY === true ? this.#io.stdout : this.#io.stderr;
    const changed = (): void => {
      const { size } = this;
      if (size !== undefined) handler(size);
    };
    output.on('resize', changed);
    return { [Symbol.dispose]: () => output.off('resize', changed) };
  }

  /**
   * Every key goes to the command as it is, and every byte of it to the screen, until it is disposed. Whatever way
   * this program ends, short of SIGKILL, the terminal is as before then.
   */
  raw(): RawMode {
    return new RawMode(this.#io);
  }
}

/** The terminal's raw mode. */
export class RawMode implements Disposable {
  readonly #io: CliIo;
  readonly #restore = (): void => this[Symbol.dispose]();
  #on = false;

  constructor(io: CliIo) {
    this.#io = io;
    // An exception that nobody catches ends by this, too.
    process.once('exit', this.#restore);
    this.enter();
  }

  /** Once more after this program was stopped: the shell has had the terminal meanwhile. */
  enter(): void {
    const { stdin } = this.#io;
    if (this.#on) stdin.setRawMode?.(false);
    stdin.setRawMode?.(true);
    this.#on = true;
    // Node leaves a line feed to become two characters, which full-screen programs do not mean. Restored with the rest.
    if (stdin.fd !== undefined) spawnSync('stty', ['-opost'], { stdio: [stdin.fd, 'ignore', 'ignore'] });
  }

  /** Idempotent. */
  [Symbol.dispose](): void {
    process.off('exit', this.#restore);
    if (!this.#on) return;
    this.#on = false;
    this.#io.stdin.setRawMode?.(false);
  }
}
