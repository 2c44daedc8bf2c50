import type { Readable } from 'node:stream';
import { digestOf } from './digest.js';
import { CodesetError, failedPrecondition, invalidFields, notFound } from './errors.js';
import { Turns } from './keyed.js';
import type { LayerKeeper } from './layer-keeper.js';
import type { BlobStore } from './ports/blobs.js';
import type { Log } from './ports/log.js';
import type { SampleReader, SampleUpload } from './ports/samples.js';
import type { Page, PageRequest, SampleFilter, Storage } from './ports/storage.js';
import type { Dataset, SampleVersion, StageEvent } from './sample.js';
import { checkSameRequest } from './request-id.js';
import type { SamplePreparer } from './sample-preparer.js';

/** Names a version; without `version` the latest. */
export interface SampleName {
  readonly sampleId: string;
  readonly version?: number;
  /** When given it must be the sample's own. */
  readonly dataset?: string;
}

export type SampleEvent =
  | { readonly type: 'sample'; readonly sample: SampleVersion }
  | { readonly type: 'stage'; readonly stage: StageEvent };

/** A commit of an uploaded repository, which its bundle's SHA-256 names. */
interface RepositoryCommit {
  readonly sha256: string;
  readonly commit: string;
}

const MAX_REPOSITORY_BYTES = 8 * 1024 ** 3;
const MAX_ARCHIVE_BYTES = 8 * 1024 ** 3;

/** What is registered: samples, their versions, and the repositories they come from. */
export class SampleCatalog {
  readonly #storage: Storage;
  readonly #blobs: BlobStore;
  readonly #reader: SampleReader;
  readonly #preparer: SamplePreparer;
  readonly #keeper: LayerKeeper;
  readonly #log: Log;
  readonly #now: () => number;
  /** One registration per sample id at a time, so that versions follow each other. */
  readonly #registering = new Turns();
  /** One per request id, and one upload per repository: who comes second finds what the first has made. */
  readonly #asking = new Turns();

  constructor(parts: {
    storage: Storage;
    blobs: BlobStore;
    reader: SampleReader;
    preparer: SamplePreparer;
    keeper: LayerKeeper;
    log: Log;
    now: () => number;
  }) {
    this.#storage = parts.storage;
    this.#blobs = parts.blobs;
    this.#reader = parts.reader;
    this.#preparer = parts.preparer;
    this.#keeper = parts.keeper;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  datasets(): Promise<readonly Dataset[]> {
    return this.#storage.samples.datasets();
  }

  list(filter: SampleFilter, page: PageRequest): Promise<Page<SampleVersion>> {
    return this.#storage.samples.list(filter, page);
  }

  count(filter: SampleFilter): Promise<number> {
    return this.#storage.samples.count(filter);
  }

  async get(name: SampleName): Promise<SampleVersion> {
    const sample = await this.#storage.samples.find(name.sampleId, name.version);
    const known =
      sample !== undefined && (name.dataset === undefined || sample.manifest.dataset === name.dataset);
    if (known) return sample;
    if (name.version !== undefined && (await this.#storage.samples.find(name.sampleId)) !== undefined) {
      throw notFound('SAMPLE_VERSION_NOT_FOUND', 'sample version', `${name.sampleId}@${name.version}`);
    }
    throw notFound('SAMPLE_NOT_FOUND', 'sample', name.sampleId);
  }

  async repositoryBytes(sha256: string): Promise<number | undefined> {
    return (await this.#blobs.has(sha256))?.bytes;
  }

  /** Keeps a git bundle under its digest. @throws INVALID_REPOSITORY when git can't read it. */
  addRepository(expected: { sha256: string; bytes: number }, bundle: Readable): Promise<void> {
    // Else the failed check of one would remove what another has just kept.
    return this.#asking.run(`repository:${expected.sha256}`, () => this.#addRepository(expected, bundle));
  }

  async #addRepository(expected: { sha256: string; bytes: number }, bundle: Readable): Promise<void> {
    const before = await this.#blobs.has(expected.sha256);
    const blob = await this.#blobs.put(bundle, {
      maxBytes: Math.min(expected.bytes, MAX_REPOSITORY_BYTES),
      expectedDigest: expected.sha256,
    });
    try {
      await this.#reader.checkBundle(await this.#blobs.get(blob.digest));
    } catch (error) {
      if (before === undefined) await this.#blobs.delete(blob.digest);
      throw error;
    }
  }

  /**
   * Reads and keeps a sample, and begins to prepare it. The same content again is the version that is there;
   * other content under the same id is a new version.
   */
  async register(
    request: {
      readonly requestId: string | undefined;
      readonly repository: RepositoryCommit | undefined;
    },
    tar: Readable,
  ): Promise<{ readonly sample: SampleVersion; readonly created: boolean }> {
    await using upload = await this.#reader.read(tar);
    await this.#checkCodebase(upload, request.repository);
    const digest = digestOf({ content: upload.digest, repository: request.repository });
    // Awaited: the upload is disposed on return.
    if (request.requestId === undefined) return await this.#inTurn(upload, digest, request.repository);
    const { requestId, repository } = request;
    return await this.#asking.run(`request:${requestId}`, () =>
      this.#once(requestId, upload, digest, repository),
    );
  }

  /** A request that was made before gives what it gave. */
  async #once(
    requestId: string,
    upload: SampleUpload,
    digest: string,
    repository: RepositoryCommit | undefined,
  ): Promise<{ readonly sample: SampleVersion; readonly created: boolean }> {
    const known = await this.#storage.samples.findByRequestId(requestId);
    if (known !== undefined) {
      checkSameRequest(known, digest, requestId, 'sample');
      return { sample: known.sample, created: false };
    }
    const result = await this.#inTurn(upload, digest, repository);
    const { sampleId, version } = result.sample;
    await this.#storage.samples.rememberRequest(requestId, digest, sampleId, version);
    return result;
  }

  #inTurn(
    upload: SampleUpload,
    digest: string,
    repository: RepositoryCommit | undefined,
  ): Promise<{ readonly sample: SampleVersion; readonly created: boolean }> {
    return this.#registering.run(upload.manifest.sampleId, () => this.#store(upload, digest, repository));
  }

  async #checkCodebase(upload: SampleUpload, repository: RepositoryCommit | undefined): Promise<void> {
    if (repository === undefined && !upload.hasCodebase) {
      throw invalidFields(
        [
          {
            field: 'codebase',
            description:
              'The archive has no codebase/ folder and no repository was named; add one, or upload the repository and name its digest and commit.',
          },
        ],
        'INVALID_MANIFEST',
      );
    }
    if (repository !== undefined && upload.hasCodebase) {
      throw invalidFields([
        {
          field: 'repository',
          description: 'The archive has a codebase/ folder already; give only one of them.',
        },
      ]);
    }
    if (repository !== undefined && (await this.#blobs.has(repository.sha256)) === undefined) {
      throw notFound('REPOSITORY_NOT_FOUND', 'uploaded repository', repository.sha256);
    }
  }

  async #store(
    upload: SampleUpload,
    digest: string,
    repository: RepositoryCommit | undefined,
  ): Promise<{ sample: SampleVersion; created: boolean }> {
    const { manifest } = upload;
    const latest = await this.#storage.samples.find(manifest.sampleId);
    if (latest !== undefined && latest.manifest.dataset !== manifest.dataset) {
      throw new CodesetError(
        'already-exists',
        'SAMPLE_EXISTS',
        `The sample id "${manifest.sampleId}" is taken by the dataset "${latest.manifest.dataset}"; ids are unique over all datasets.`,
      );
    }
    if (latest !== undefined && latest.digest === digest) {
      if (latest.state !== 'ERROR') return { sample: latest, created: false };
      // What failed may do better now: the machine may have got what was missing.
      const change = { state: 'PREPARING', error: '', ground: undefined } as const;
      await this.#storage.samples.update(latest.sampleId, latest.version, change);
      const again: SampleVersion = { ...latest, ...change };
      this.#preparer.begin(again);
      return { sample: again, created: false };
    }
    const archive = await this.#blobs.put(upload.archive(), { maxBytes: MAX_ARCHIVE_BYTES });
    const sample: SampleVersion = {
      sampleId: manifest.sampleId,
      version: (await this.#storage.samples.lastVersion(manifest.sampleId)) + 1,
      manifest,
      task: upload.task,
      state: 'PREPARING',
      error: '',
      digest,
      archiveBlob: archive.digest,
      repositoryBlob: repository?.sha256,
      baseCommit: repository?.commit ?? '',
      hasSolution: upload.hasSolution,
      layers: { root: [], workspace: [], baseline: undefined, hidden: undefined },
      ground: undefined,
      createTime: new Date(this.#now()),
      validation: undefined,
      audit: undefined,
      disagreement: undefined,
    };
    await this.#storage.samples.insert(sample);
    this.#log.info('sample registered', { sampleId: sample.sampleId, version: sample.version });
    this.#preparer.begin(sample);
    return { sample, created: true };
  }

  /** First the sample, then its stages, then the sample as it ended up. */
  async *watch(name: SampleName, signal: AbortSignal): AsyncIterable<SampleEvent> {
    const sample = await this.get(name);
    yield { type: 'sample', sample };
    for await (const stage of this.#preparer.events(sample, signal)) yield { type: 'stage', stage };
    if (sample.state === 'PREPARING' && !signal.aborted) {
      yield {
        type: 'sample',
        sample: await this.get({ sampleId: sample.sampleId, version: sample.version }),
      };
    }
  }

  /** Resolves when the version is no longer PREPARING. */
  async settled(name: SampleName): Promise<SampleVersion> {
    const sample = await this.get(name);
    await this.#preparer.settled(sample);
    return this.get({ sampleId: sample.sampleId, version: sample.version });
  }

  async download(name: SampleName): Promise<Readable> {
    return this.#blobs.get((await this.get(name)).archiveBlob);
  }

  /** The sample's folder without what is hidden: what a Dockerfile may use. */
  async visible(name: SampleName): Promise<Readable> {
    return this.#reader.visible(await this.#blobs.get((await this.get(name)).archiveBlob));
  }

  async solutionPatch(name: SampleName): Promise<Uint8Array | undefined> {
    const sample = await this.get(name);
    return sample.hasSolution
      ? this.#reader.solutionPatch(await this.#blobs.get(sample.archiveBlob))
      : undefined;
  }

  /** Without a version: all of them. @throws SAMPLE_IN_USE while a session, verification or snapshot stands on one. */
  async remove(name: SampleName): Promise<void> {
    const sample = await this.get(name);
    const version = name.version;
    const sessions = await this.#storage.sessions.open();
    const session = sessions.find(
      ({ source }) =>
        source.kind === 'sample' &&
        source.sampleId === sample.sampleId &&
        (version === undefined || source.version === version),
    );
    const verifications = await this.#storage.verifications.open();
    const verification = verifications.find(
      (open) =>
        open.sampleId === sample.sampleId && (version === undefined || open.sampleVersion === version),
    );
    const snapshots = await this.#storage.snapshots.list(
      { sampleId: sample.sampleId, ...(version === undefined ? {} : { sampleVersion: version }) },
      { size: 1, after: undefined },
    );
    const user = session?.sessionId ?? verification?.verificationId ?? snapshots.items[0]?.snapshotId;
    if (user !== undefined) {
      throw failedPrecondition(
        'SAMPLE_IN_USE',
        `${user} still uses ${sample.sampleId}; end or delete it first, then remove.`,
      );
    }
    await this.#registering.run(sample.sampleId, async () => {
      const doomed = version === undefined ? await this.#storage.samples.versions(sample.sampleId) : [sample];
      await Promise.all(doomed.map((one) => this.#preparer.cancel(one)));
      await this.#storage.samples.delete(sample.sampleId, version);
      await this.#letGo(doomed);
    });
    this.#log.info('sample removed', { sampleId: sample.sampleId, version });
  }

  /** What nothing else stands on. An uploaded repository waits a while for other samples that will name it. */
  async #letGo(removed: readonly SampleVersion[]): Promise<void> {
    const used = await this.#storage.samples.references();
    for (const { archiveBlob, layers } of removed) {
      const { root, workspace, baseline, hidden } = layers;
      this.#keeper.release([...root, ...workspace, baseline, hidden].filter((layer) => layer !== undefined));
      if (!used.blobs.has(archiveBlob)) await this.#blobs.delete(archiveBlob);
    }
  }
}
