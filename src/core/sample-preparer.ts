import { addAbortSignal } from 'node:stream';
import type { EnvironmentBuilder } from './environment-builder.js';
import { workspaceOwner, type Ground } from './environment.js';
import { CodesetError } from './errors.js';
import { EventLog } from './event-log.js';
import type { EngineRouter } from './engine-router.js';
import { isUnavailable } from './engine-slot.js';
import { SharedWork, Slots } from './keyed.js';
import type { LayerHold, LayerKeeper } from './layer-keeper.js';
import { baselineLayerId, codebaseLayerId, hiddenLayerId, prepared } from './layer-plan.js';
import type { BlobStore } from './ports/blobs.js';
import type { Log } from './ports/log.js';
import type { Codebase, SampleReader } from './ports/samples.js';
import type { Storage } from './ports/storage.js';
import { countOf, environmentOf, type SampleVersion, type StageEvent, type TellStage } from './sample.js';
import type { Trees } from './trees.js';

/** Runs of one preparation before the engine's faults become the sample's error. */
const MAX_ATTEMPTS = 3;

interface Preparation {
  readonly events: EventLog<StageEvent>;
  readonly abort: AbortController;
  /** Once aborted, it waits for nobody else. */
  done: Promise<void>;
}

/** Makes a registered version READY: its codebase, set-up and prepare layers, its baseline and hidden files. */
export class SamplePreparer {
  readonly #storage: Storage;
  readonly #blobs: BlobStore;
  readonly #engine: EngineRouter;
  readonly #reader: SampleReader;
  readonly #builder: EnvironmentBuilder;
  readonly #trees: Trees;
  readonly #keeper: LayerKeeper;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #running = new Map<string, Preparation>();
  readonly #codebases = new SharedWork<string>();
  readonly #baselines = new SharedWork<void>();
  readonly #slots = new Slots(2);

  constructor(parts: {
    storage: Storage;
    blobs: BlobStore;
    engine: EngineRouter;
    reader: SampleReader;
    builder: EnvironmentBuilder;
    trees: Trees;
    keeper: LayerKeeper;
    log: Log;
    now: () => number;
  }) {
    this.#storage = parts.storage;
    this.#blobs = parts.blobs;
    this.#engine = parts.engine;
    this.#reader = parts.reader;
    this.#builder = parts.builder;
    this.#trees = parts.trees;
    this.#keeper = parts.keeper;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /** Starts or continues the preparation of a PREPARING version; its end is told by `settled`. */
  begin(sample: SampleVersion): void {
    const key = `${sample.sampleId}@${sample.version}`;
    if (this.#running.has(key)) return;
    const events = new EventLog<StageEvent>();
    const abort = new AbortController();
    const preparation: Preparation = { events, abort, done: Promise.resolve() };
    const tell: TellStage = (stage, message, bytes) =>
      events.push({ time: new Date(this.#now()), stage, message, ...countOf(bytes) });
    this.#running.set(key, preparation);
    preparation.done = this.#untilPrepared(sample, preparation, tell)
      .catch(async (error: unknown) => {
        // Given up is not failed: it stays PREPARING, and the next start of the service takes it up.
        if (!abort.signal.aborted) await this.#fail(sample, error, tell);
      })
      .finally(() => {
        events.end();
        this.#running.delete(key);
      });
  }

  /** An engine that is away fails no sample: it is prepared when the engine is back. */
  async #untilPrepared(sample: SampleVersion, preparation: Preparation, tell: TellStage): Promise<void> {
    const { signal } = preparation.abort;
    for (;;) {
      tell('QUEUED', 'Waiting for a place.');
      try {
        return await this.#slots.run(async () => {
          const { sampleId, version } = sample;
          // An attempt before this one may have recorded its ground.
          const now = await this.#storage.samples.find(sampleId, version);
          await this.#prepare(now ?? sample, tell, signal);
        }, signal);
      } catch (error) {
        if (!isUnavailable(error) || signal.aborted) throw error;
        tell('QUEUED', `${error.message} The preparation goes on when it is back.`);
        await this.#engine.whenThere(error.metadata['engine'] ?? '', signal);
        signal.throwIfAborted();
      }
    }
  }

  /** What happens and happened since it began; ends with the preparation. Nothing for one that has ended. */
  async *events(sample: SampleVersion, signal: AbortSignal): AsyncIterable<StageEvent> {
    const running = this.#running.get(`${sample.sampleId}@${sample.version}`);
    if (running === undefined) return;
    yield* running.events.read(signal);
    if (!signal.aborted) await running.done;
  }

  async settled(sample: SampleVersion): Promise<void> {
    await this.#running.get(`${sample.sampleId}@${sample.version}`)?.done;
  }

  /** Gives up a preparation that is under way or waits; resolves when nothing of it is left. */
  async cancel(sample: SampleVersion): Promise<void> {
    const running = this.#running.get(`${sample.sampleId}@${sample.version}`);
    if (running === undefined) return;
    running.abort.abort();
    running.events.end();
    await running.done;
  }

  /** Gives up every preparation, for a stop of the service. */
  async stop(): Promise<void> {
    const all = [...this.#running.values()];
    for (const { abort } of all) abort.abort();
    await Promise.all(all.map(({ done }) => done));
  }

  async #prepare(registered: SampleVersion, tell: TellStage, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const sample = await this.#onGround(registered, tell, signal);
    // Until it is on record what it stands on; some of them are shared with other samples, which may be removed.
    using layers = this.#keeper.hold([]);
    try {
      await this.#makePatiently(sample, layers, tell, signal);
    } catch (error) {
      this.#keeper.release(layers.held);
      throw error;
    }
    tell('DONE', 'Ready.');
    this.#log.info('sample ready', { sampleId: sample.sampleId, version: sample.version });
  }

  /** Brings what the sample stands on, the same as before where that is on record. */
  async #onGround(
    sample: SampleVersion,
    tell: TellStage,
    signal: AbortSignal,
  ): Promise<SampleVersion & { readonly ground: Ground }> {
    const { sampleId, version, archiveBlob } = sample;
    const ground = await this.#engine.resolve(
      environmentOf(sample),
      {
        files: async () => this.#reader.visible(await this.#blobs.get(archiveBlob)),
        progress: (message, bytes) => tell('IMAGE', message, bytes),
      },
      signal,
    );
    // Brought again, the same image may have another id.
    await this.#storage.samples.update(sampleId, version, { ground });
    return { ...sample, ground };
  }

  /** A sandbox that was lost under the work, as when Docker was restarted, is no fault of the sample's. */
  async #makePatiently(
    sample: SampleVersion & { readonly ground: Ground },
    layers: LayerHold,
    tell: TellStage,
    signal: AbortSignal,
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#makeLayers(sample, layers, tell, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!isLoss(error) || attempt === MAX_ATTEMPTS) throw error;
        const { sampleId, version } = sample;
        this.#log.warn('a preparation is run again', { sampleId, version, attempt, error });
        tell('QUEUED', `${error.message} It is tried again.`);
      }
    }
  }

  async #makeLayers(
    sample: SampleVersion & { readonly ground: Ground },
    layers: LayerHold,
    tell: TellStage,
    signal: AbortSignal,
  ): Promise<void> {
    const environment = environmentOf(sample);
    const { engine } = sample.ground;
    tell('CODEBASE', 'Taking the codebase at its base commit, and nothing later.');
    const { layer: codebase, commit } = await this.#codebase(sample, layers, signal);
    const setup = await this.#builder.setup(environment, tell, signal);
    const below = { root: setup, workspace: [codebase] };
    const planned = prepared(environment, below);
    layers.add([...planned.root, ...planned.workspace]);
    const made = await this.#builder.prepare(environment, below, tell, signal);
    tell('SANDBOX', 'Recording the baseline that differences are taken from.');
    const baseline = baselineLayerId(engine, made.workspace);
    layers.add([baseline]);
    const record = async (given: AbortSignal): Promise<void> => {
      if (await this.#engine.hasLayer(baseline)) return;
      await this.#trees.makeBaseline(made.workspace, baseline, given);
    };
    await this.#baselines.run(baseline, record, signal);
    const hidden = hiddenLayerId(engine, sample.digest);
    layers.add([hidden]);
    if (!(await this.#engine.hasLayer(hidden))) {
      await using upload = await this.#reader.read(await this.#blobs.get(sample.archiveBlob));
      await this.#engine.importLayer(hidden, upload.hidden());
    }
    await this.#storage.samples.update(sample.sampleId, sample.version, {
      state: 'READY',
      baseCommit: commit,
      layers: { root: made.root, workspace: made.workspace, baseline, hidden },
    });
  }

  async #codebase(
    sample: SampleVersion & { readonly ground: Ground },
    layers: LayerHold,
    signal: AbortSignal,
  ): Promise<{ layer: string; commit: string }> {
    const { history, environment } = sample.manifest;
    const uid = workspaceOwner({ ...environment, ground: sample.ground });
    const source =
      sample.repositoryBlob === undefined
        ? `folder:${sample.archiveBlob}`
        : `bundle:${sample.repositoryBlob}:${sample.baseCommit}`;
    const layer = codebaseLayerId(sample.ground.engine, source, history, uid);
    layers.add([layer]);
    // A repository's commit is known and its layer shared; a folder's commit is made with its layer.
    if (sample.repositoryBlob !== undefined && history === 'past' && (await this.#engine.hasLayer(layer))) {
      return { layer, commit: sample.baseCommit };
    }
    const take = async (given: AbortSignal): Promise<string> => {
      await using codebase = await this.#read(sample);
      await this.#engine.importLayer(layer, addAbortSignal(given, codebase.workTree(uid)));
      return codebase.baseCommit;
    };
    return { layer, commit: await this.#codebases.run(layer, take, signal) };
  }

  async #read(sample: SampleVersion): Promise<Codebase> {
    const { history } = sample.manifest;
    if (sample.repositoryBlob === undefined) {
      return this.#reader.codebaseFromFolder(await this.#blobs.get(sample.archiveBlob), history);
    }
    const bundle = await this.#blobs.get(sample.repositoryBlob);
    return this.#reader.codebaseFromBundle(bundle, sample.baseCommit, history);
  }

  async #fail(sample: SampleVersion, error: unknown, tell: TellStage): Promise<void> {
    const known = error instanceof CodesetError;
    if (!known || isLoss(error))
      this.#log.error('sample preparation failed', { sampleId: sample.sampleId, error });
    const message = known
      ? error.message
      : 'The service failed while it prepared this sample; its log says why. Register the sample again to retry.';
    tell('DONE', message);
    try {
      await this.#storage.samples.update(sample.sampleId, sample.version, { state: 'ERROR', error: message });
    } catch (cause) {
      this.#log.error('a failed preparation could not be recorded', {
        sampleId: sample.sampleId,
        error: cause,
      });
    }
  }
}

/** The engine is there and did not do its part. Where it is away, the preparation waits for it instead. */
function isLoss(error: unknown): error is CodesetError {
  return (
    error instanceof CodesetError && (error.reason === 'ENGINE_FAILED' || error.reason === 'SESSION_LOST')
  );
}
