import type { EngineRouter } from './engine-router.js';
import type { GroundImage } from './environment.js';
import { CodesetError } from './errors.js';
import type { Garbage } from './garbage.js';
import type { EngineImages } from './ports/engine.js';
import type { Log } from './ports/log.js';
import { ProgressFeed } from './progress-feed.js';
import type { SampleCatalog, SampleName } from './sample-catalog.js';
import { countOf, environmentOf, type SampleVersion, type StageEvent } from './sample.js';
import { whileWanted } from './while-wanted.js';

export interface PrefetchRequest {
  /** Undefined: of all datasets. */
  readonly dataset: string | undefined;
  /** Only these; empty: the latest of all in the dataset. */
  readonly samples: readonly SampleName[];
  /** Bytes that images may take; undefined, or more than the engine's own limit: that. */
  readonly maxBytes: number | undefined;
}

export type PrefetchOutcome = 'READY' | 'NOT_NEEDED' | 'SKIPPED' | 'FAILED';

export type PrefetchEvent = { readonly sampleId: string; readonly version: number } & (
  | { readonly type: 'stage'; readonly stage: StageEvent }
  | { readonly type: 'result'; readonly outcome: PrefetchOutcome; readonly message: string }
);

/** Engines bound what they pull side by side; a few more wait at their door. */
const AT_ONCE = 4;

/** Brings the images that samples stand on before anybody waits for them. */
export class SamplePrefetch {
  readonly #catalog: SampleCatalog;
  readonly #engine: EngineRouter;
  readonly #garbage: Garbage;
  readonly #log: Log;
  readonly #now: () => number;

  constructor(parts: {
    catalog: SampleCatalog;
    engine: EngineRouter;
    garbage: Garbage;
    log: Log;
    now: () => number;
  }) {
    this.#catalog = parts.catalog;
    this.#engine = parts.engine;
    this.#garbage = parts.garbage;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /** What happens, and a result for each sample. Nothing goes on once the reader has left. @throws SAMPLE_NOT_FOUND */
  async *prefetch(request: PrefetchRequest, signal: AbortSignal): AsyncGenerator<PrefetchEvent, void> {
    const left = [...(await this.#named(request))];
    const events = new ProgressFeed<PrefetchEvent>();
    const gone = new AbortController();
    const end = AbortSignal.any([signal, gone.signal]);
    const worker = async (): Promise<void> => {
      for (let sample = left.shift(); sample !== undefined && !end.aborted; sample = left.shift()) {
        await this.#one(sample, request.maxBytes, events, end);
      }
    };
    const working = Promise.all(Array.from({ length: AT_ONCE }, worker)).finally(() => events.end());
    try {
      yield* events.read(signal);
    } finally {
      gone.abort();
      await working;
    }
  }

  async #named({ dataset, samples }: PrefetchRequest): Promise<readonly SampleVersion[]> {
    if (samples.length > 0) return Promise.all(samples.map((name) => this.#catalog.get(name)));
    const found: SampleVersion[] = [];
    let after: string | undefined;
    do {
      const page = await this.#catalog.list(dataset === undefined ? {} : { dataset }, { size: 200, after });
      found.push(...page.items);
      after = page.next;
    } while (after !== undefined);
    return found;
  }

  async #one(
    registered: SampleVersion,
    maxBytes: number | undefined,
    events: ProgressFeed<PrefetchEvent>,
    signal: AbortSignal,
  ): Promise<void> {
    const { sampleId, version } = registered;
    const name = { sampleId, version };
    const result = (outcome: PrefetchOutcome, message: string): void =>
      events.push({ ...name, type: 'result', outcome, message });
    try {
      const sample = await whileWanted(this.#catalog.settled(name), signal);
      if (sample.state !== 'READY') return result('FAILED', sample.error);
      const { ground } = sample;
      if (ground?.image === undefined) return result('NOT_NEEDED', "It stands on the host's own toolchain.");
      const full = await this.#fullBecause(this.#engine.named(ground.engine).images, ground.image, maxBytes);
      if (full !== undefined) return result('SKIPPED', full);
      const again = await this.#engine.resolve(
        environmentOf(sample),
        {
          files: () => this.#catalog.visible(name),
          progress: (message, bytes) => {
            const stage: StageEvent = {
              time: new Date(this.#now()),
              stage: 'IMAGE',
              message,
              ...countOf(bytes),
            };
            events.push({ ...name, type: 'stage', stage });
          },
        },
        signal,
      );
      result('READY', again.image?.name ?? ground.image.name);
    } catch (error) {
      if (signal.aborted) return;
      const known = error instanceof CodesetError;
      if (!known) this.#log.error('a sample could not be prefetched', { ...name, error });
      result('FAILED', known ? error.message : 'The service failed to bring the image; its log says why.');
    }
  }

  /** Why an image that is not there may not come; what nobody needs goes first. */
  async #fullBecause(
    images: EngineImages | undefined,
    image: GroundImage,
    maxBytes: number | undefined,
  ): Promise<string | undefined> {
    if (images === undefined || (await images.has(image))) return undefined;
    const usage = await images.usage();
    const most = Math.min(usage.maxBytes, maxBytes ?? Number.POSITIVE_INFINITY);
    if (usage.bytes < most) return undefined;
    await this.#garbage.images();
    const { bytes } = await images.usage();
    if (bytes < most) return undefined;
    return `Images take ${bytes} of the ${most} bytes that they may: raise image_disk, or remove samples.`;
  }
}
