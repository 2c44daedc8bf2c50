import type { ExecInfo } from '../core/exec.js';
import type { KnownExec, LinkTarget } from './link-target.js';
import type { SandboxLink } from './sandbox-link.js';

/** Tells init once more that it may forget an exec: all of it is recorded, which init has not heard. */
export class Forgetter implements LinkTarget {
  readonly #link: SandboxLink;
  readonly #key: number;
  readonly #offsets: readonly [number, number];

  constructor(link: SandboxLink, key: number, info: ExecInfo) {
    this.#link = link;
    this.#key = key;
    this.#offsets = [info.stdoutBytes, info.stderrBytes];
  }

  outputEnd(stream: 0 | 1, total: number): void {
    this.#link.ack(this.#key, stream, total, true);
  }

  exited(): void {
    this.#link.ackExit(this.#key);
  }

  startFailed(): void {
    this.#link.ackExit(this.#key);
  }

  resumeOffsets(): readonly [number, number] {
    return this.#offsets;
  }

  resumed(known: KnownExec | undefined): void {
    if (known === undefined) this.#link.unregister(this.#key);
  }

  started(): void {}
  output(): void {}
  stdinCredit(): void {}
  stdinClosed(): void {}
}
