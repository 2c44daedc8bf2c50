import type { SampleClient } from '../../client/connection.js';
import { CodesetClientError } from '../../client/errors.js';
import { prepared } from '../../client/registration.js';
import type { Sample } from '../../client/types.js';
import { sampleState } from '../../client/words.js';
import type { CommandContext } from '../context.js';
import { DONE, NEGATIVE, sentenceOf } from '../exit-status.js';
import { Progress } from '../live/progress.js';
import { UnmappedFields } from './unmapped-fields.js';

/** One import of many entries, of whatever format: a bad one is told and does not stop the rest. */
export class ImportRun implements Disposable {
  readonly progress: Progress;
  readonly unmapped = new UnmappedFields();
  readonly #context: CommandContext;
  readonly #registered: Sample[] = [];
  readonly #claims = new Map<string, string>();
  #failed = 0;

  /** @param total how many entries there are */
  constructor(context: CommandContext, total: number) {
    this.#context = context;
    this.progress = new Progress(context, total);
  }

  /** Tells of an entry that can't be used. @throws the error itself where no server is there: the next fares no better */
  bad(name: string, error: unknown): void {
    if (error instanceof CodesetClientError && error.unreachable) throw error;
    this.#failed += 1;
    const { out, config } = this.#context;
    out.note(`${name}: ${sentenceOf(error, config.address)}`);
    this.progress.end(name);
  }

  /** @throws Error for an id that another entry has already: it would become a version of that one's sample */
  claim(sampleId: string, entry: string): void {
    const earlier = this.#claims.get(sampleId);
    if (earlier !== undefined) throw new Error(`It has the same id, ${sampleId}, as ${earlier}.`);
    this.#claims.set(sampleId, entry);
  }

  registered(sample: Sample): void {
    this.#registered.push(sample);
  }

  /**
   * Waits for the preparations, unless `wait` is false, and tells what came of everything.
   * @returns the exit status.
   */
  async end(samples: SampleClient, wait: boolean): Promise<number> {
    const { out } = this.#context;
    let ready = 0;
    for (const sample of this.#registered) {
      const { sampleId } = sample;
      const done = wait
        ? await prepared(samples, sample, (event) => this.progress.stage(sampleId, event))
        : sample;
      const state = sampleState(done.state);
      if (state === 'ERROR') {
        this.bad(sampleId, new Error(done.error));
        continue;
      }
      ready += 1;
      this.progress.end(sampleId);
      if (!out.json) out.line(`${sampleId}@${done.version}  ${state}`);
    }
    for (const line of this.unmapped.lines()) out.note(line);
    if (out.json) await out.document({ imported: ready, failed: this.#failed });
    else out.line(`${ready} imported, ${this.#failed} failed`);
    return this.#failed === 0 ? DONE : NEGATIVE;
  }

  [Symbol.dispose](): void {
    this.progress[Symbol.dispose]();
  }
}
