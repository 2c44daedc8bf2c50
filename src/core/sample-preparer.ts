import { addAbortSignal } from 'node:stream';
import type { EnvironmentBuilder } from './environment-builder.js';
import { CodesetError } from './errors.js';
import { EventLog } from './event-log.js';
import { SharedWork, Slots } from './keyed.js';
import type { LayerHold, LayerKeeper } from './layer-keeper.js';
import { baselineLayerId, codebaseLayerId, hiddenLayerId, prepared } from './layer-plan.js';
import type { BlobStore } from './ports/blobs.js';
import type { Engine } from './ports/engine.js';
import type { Log } from './ports/log.js';
import type { Codebase, SampleReader } from './ports/samples.js';
import type { Storage } from './ports/storage.js';
import type { SampleVersion, StageEvent } from './sample.js';
import type { Trees } from './trees.js';
import { workspaceOwner } from './trees.js';

interface Preparation {
  readonly events: EventLog<StageEvent>;
  readonly abort: AbortController;
  /** False while it waits for its place. */
  begun: boolean;
  done: Promise<void>;
}

/** Makes a registered version READY: its codebase, set-up and prepare layers, its baseline and hidden files. */
export class SamplePreparer {
  readonly #storage: Storage;
  readonly #blobs: BlobStore;
  readonly #engine: Engine;
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
    engine: Engine;
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
    const preparation: Preparation = { events, abort, begun: false, done: Promise.resolve() };
    const tell = (stage: StageEvent['stage'], message: string): void =>
      events.push({ time: new Date(this.#now()), stage, message });
    tell('QUEUED', 'Waiting for a place.');
    this.#running.set(key, preparation);
    preparation.done = this.#slots
      .run(() => {
        preparation.begun = true;
        return this.#prepare(sample, tell, abort.signal);
      })
      .catch(async (error: unknown) => {
        // Given up is not failed: it stays PREPARING, and the next start of the service takes it up.
        if (!abort.signal.aborted) await this.#fail(sample, error, tell);
      })
      .finally(() => {
        events.end();
        this.#running.delete(key);
      });
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
    // One that waits for its place finds out when it gets it.
    if (running.begun) await running.done;
  }

  /** Gives up every preparation, for a stop of the service. */
  async stop(): Promise<void> {
    const all = [...this.#running.values()];
    for (const { abort } of all) abort.abort();
    await Promise.all(all.map(({ done }) => done));
  }

  async #prepare(
    sample: SampleVersion,
    tell: (stage: StageEvent['stage'], message: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    const { environment } = sample.manifest;
    await this.#engine.check(environment);
    // Until it is on record what it stands on; some of them are shared with other samples, which may be removed.
    using layers = this.#keeper.hold([]);
    try {
      await this.#makeLayers(sample, layers, tell, signal);
    } catch (error) {
      this.#keeper.release(layers.held);
      throw error;
    }
    tell('DONE', 'Ready.');
    this.#log.info('sample ready', { sampleId: sample.sampleId, version: sample.version });
  }

  async #makeLayers(
    sample: SampleVersion,
    layers: LayerHold,
    tell: (stage: StageEvent['stage'], message: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { environment } = sample.manifest;
    tell('CODEBASE', 'Taking the codebase at its base commit, and nothing later.');
    const { layer: codebase, commit } = await this.#codebase(sample, layers, signal);
    const setup = await this.#builder.setup(environment, tell, signal);
    const below = { root: setup, workspace: [codebase] };
    const planned = prepared(environment, below);
    layers.add([...planned.root, ...planned.workspace]);
    const made = await this.#builder.prepare(environment, below, tell, signal);
    tell('SANDBOX', 'Recording the baseline that differences are taken from.');
    const baseline = baselineLayerId(made.workspace);
    layers.add([baseline]);
    const record = async (given: AbortSignal): Promise<void> => {
      if (await this.#engine.hasLayer(baseline)) return;
      await this.#trees.makeBaseline(made.workspace, baseline, given);
    };
    await this.#baselines.run(baseline, record, signal);
    const hidden = hiddenLayerId(sample.digest);
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
    sample: SampleVersion,
    layers: LayerHold,
    signal: AbortSignal,
  ): Promise<{ layer: string; commit: string }> {
    const { history, environment } = sample.manifest;
    const uid = workspaceOwner(environment.user);
    const source =
      sample.repositoryBlob === undefined
        ? `folder:${sample.archiveBlob}`
        : `bundle:${sample.repositoryBlob}:${sample.baseCommit}`;
    const layer = codebaseLayerId(source, history, uid);
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

  async #fail(
    sample: SampleVersion,
    error: unknown,
    tell: (stage: StageEvent['stage'], message: string) => void,
  ): Promise<void> {
    const known = error instanceof CodesetError;
    if (!known) this.#log.error('sample preparation failed', { sampleId: sample.sampleId, error });
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
