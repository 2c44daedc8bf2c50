import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecHost, ExecHostOptions, SandboxExecs } from '../core/ports/execs.js';
import type { Log } from '../core/ports/log.js';
import { RecordedExecs } from './recorded-execs.js';

export interface LinkedExecHostOptions {
  /** Folder of the records: one folder per owner, in it a journal and one folder per exec. */
  readonly folder: string;
  readonly log: Log;
  /** Milliseconds that an exec which was held and is not `detach` goes on without a reader. Default 10 s. */
  readonly leaseMs?: number;
  /** Bytes that the output of all commands of one owner may take on disk. Default 256 MiB. */
  readonly outputBytes?: number;
}

/** Runs commands over the link to each sandbox's init. Knows no engine. */
export class LinkedExecHost implements ExecHost {
  readonly #options: LinkedExecHostOptions;

  constructor(options: LinkedExecHostOptions) {
    this.#options = options;
  }

  async open(options: ExecHostOptions): Promise<SandboxExecs> {
    return await RecordedExecs.open(this.#path(options.ownerId), options, {
      log: this.#options.log,
      leaseMs: this.#options.leaseMs ?? 10_000,
      outputBytes: this.#options.outputBytes ?? 256 * 1024 * 1024,
    });
  }

  async forget(ownerId: string): Promise<void> {
    await rm(this.#path(ownerId), { recursive: true, force: true });
  }

  async owners(): Promise<readonly string[]> {
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 });
    return readdir(this.#options.folder);
  }

  #path(ownerId: string): string {
    return join(this.#options.folder, ownerId);
  }
}
