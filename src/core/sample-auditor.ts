import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import type { Audit, AuditEvent, AuditRequest } from './audit.js';
import { chosenCheats } from './audit-choice.js';
import { boundedFindings, keptOf, outcomeOf } from './audit-outcome.js';
import { madeByAudit } from './audit-run.js';
import type { CheatAudit } from './cheat-audit.js';
import { targetOf } from './cheat-target.js';
import { leakFindings } from './leak-findings.js';
import { leakPieces, type HiddenParts } from './leak-pieces.js';
import type { LayerKeeper } from './layer-keeper.js';
import type { LeakScan } from './leak-scan.js';
import { PieceSearch } from './piece-search.js';
import type { BlobStore } from './ports/blobs.js';
import type { CheatBook } from './ports/cheats.js';
import type { Log } from './ports/log.js';
import type { SampleReader } from './ports/samples.js';
import type { Storage } from './ports/storage.js';
import type { ProgressFeed } from './progress-feed.js';
import { readySample } from './ready-sample.js';
import { ReferenceUnusable, type ReferenceSolution } from './reference-solution.js';
import type { SampleCatalog } from './sample-catalog.js';
import type { SampleVersion } from './sample.js';
import type { SessionCloser } from './session-closer.js';
import { ToldCalls } from './told-calls.js';

/** Of what is hidden; more would make the search slow, and shows nothing more. */
const MAX_PIECES = 20_000;
const MAX_HIDDEN_BYTES = 64 * 1024 ** 2;

/**
 * Searches everything that a session of a sample holds for pieces of what the sample hides, then tries cheats against
 * the sample.
 */
export class SampleAuditor {
  readonly #catalog: SampleCatalog;
  readonly #blobs: BlobStore;
  readonly #reader: SampleReader;
  readonly #reference: ReferenceSolution;
  readonly #scan: LeakScan;
  readonly #keeper: LayerKeeper;
  readonly #book: CheatBook;
  readonly #cheats: CheatAudit;
  readonly #storage: Storage;
  readonly #closer: SessionCloser;
  readonly #maxConcurrency: number;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #calls = new ToldCalls();

  constructor(parts: {
    catalog: SampleCatalog;
    blobs: BlobStore;
    reader: SampleReader;
    reference: ReferenceSolution;
    scan: LeakScan;
    keeper: LayerKeeper;
    book: CheatBook;
    cheats: CheatAudit;
    storage: Storage;
    closer: SessionCloser;
    /** Verifications that the service runs at once. */
    maxConcurrency: number;
    log: Log;
    now: () => number;
  }) {
    this.#catalog = parts.catalog;
    this.#blobs = parts.blobs;
    this.#reader = parts.reader;
    this.#reference = parts.reference;
    this.#scan = parts.scan;
    this.#keeper = parts.keeper;
    this.#book = parts.book;
    this.#cheats = parts.cheats;
    this.#storage = parts.storage;
    this.#closer = parts.closer;
    this.#maxConcurrency = parts.maxConcurrency;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /**
   * Each finding, leaks first, and each attempt as it ends, then the audit, which the version keeps. Nothing goes on
   * once the reader has left.
   * @throws SAMPLE_NOT_FOUND, SAMPLE_VERSION_NOT_FOUND, SAMPLE_NOT_READY, INVALID_FIELD for cheats that there are not
   */
  async *audit(request: AuditRequest, signal: AbortSignal): AsyncGenerator<AuditEvent, void> {
    const chosen = chosenCheats(request, this.#book.cheats);
    yield* this.#calls.call((events, end) => this.#audit(request, chosen, events, end), signal);
  }

  /** Ends every audit, for a stop of the service. */
  stop(): Promise<void> {
    return this.#calls.stop();
  }

  /** Closes the sessions that audits of an earlier life left, which ended with it. */
  async recover(): Promise<void> {
    const left = (await this.#storage.sessions.open()).filter(madeByAudit);
    await Promise.all(left.map(({ sessionId }) => this.#closer.close(sessionId)));
  }

  async #audit(
    request: AuditRequest,
    chosen: ReadonlySet<string>,
    events: ProgressFeed<AuditEvent>,
    signal: AbortSignal,
  ): Promise<void> {
    const sample = await readySample(this.#catalog, request.sample, signal);
    const name = { sampleId: sample.sampleId, version: sample.version };
    using _ = this.#keeper.hold([...sample.layers.root, ...sample.layers.workspace]);
    const { parts, unsearched } = await this.#hidden(sample, signal);
    const all = leakPieces(parts);
    const pieces = all.slice(0, MAX_PIECES);
    if (all.length > pieces.length)
      unsearched.push(`The sample hides ${all.length} pieces; the first ${MAX_PIECES} were searched for.`);
    const scanned = await this.#scan.scan(sample, new PieceSearch(pieces.map(({ text }) => text)), signal);
    const findings = leakFindings(pieces, scanned.sightings);
    for (const finding of boundedFindings(findings)) events.push({ ...name, type: 'finding', finding });

    const cheats = this.#book.aim(targetOf(sample, parts)).filter(({ cheat }) => chosen.has(cheat.id));
    const tried = await this.#cheats.run(
      sample,
      cheats,
      parts.solution,
      Math.min(request.concurrency, this.#maxConcurrency),
      (attempt) => events.push({ ...name, type: 'attempt', attempt }),
      signal,
    );
    const audit = outcomeOf({
      pieces: pieces.length,
      places: scanned.places,
      findings,
      unsearched: [...unsearched, ...scanned.unsearched],
      tried,
      endTime: new Date(this.#now()),
    });
    await this.#keep(name, audit, chosen.size === this.#book.cheats.length);
    this.#log.info('sample audited', { ...name, verdict: audit.verdict });
    events.push({ ...name, type: 'audit', audit });
  }

  /** Of an audit that was not asked for everything only what is wrong says something of the version. */
  async #keep(name: { sampleId: string; version: number }, audit: Audit, isWhole: boolean): Promise<void> {
    const { verdict } = audit;
    if (!isWhole && verdict !== 'LEAKS' && verdict !== 'FOOLED') return;
    await this.#storage.samples.update(name.sampleId, name.version, { audit: keptOf(audit) });
  }

  async #hidden(
    sample: SampleVersion,
    signal: AbortSignal,
  ): Promise<{ readonly parts: HiddenParts; readonly unsearched: string[] }> {
    const unsearched: string[] = [];
    const found = await this.#reference.found(sample, signal).catch((error: unknown) => {
      if (!(error instanceof ReferenceUnusable)) throw error;
      unsearched.push(`The reference solution could not be had. ${error.message}`);
      return undefined;
    });
    const solution = found?.kind === 'patch' ? found.diff : undefined;
    await using upload = await this.#reader.read(await this.#blobs.get(sample.archiveBlob));
    const room = { bytes: MAX_HIDDEN_BYTES };
    const take = (folder: string, tar: Readable): Promise<HiddenFile[]> =>
      filesOf(
        tar,
        room,
        (path) => unsearched.push(`${folder}/${path} is too large to be searched for.`),
        signal,
      );
    const files = await take('verification', upload.hidden());
    const solutionFiles = found?.kind === 'program' ? await take('solution', upload.solution()) : [];
    const { failToPass } = sample.manifest.verification;
    return { parts: { solution, solutionFiles, files, failToPass }, unsearched };
  }
}

interface HiddenFile {
  readonly path: string;
  readonly content: Uint8Array;
}

/** The files of a tar, as long as there is room for them. @param onLarge told of each that there is none for */
async function filesOf(
  tar: Readable,
  room: { bytes: number },
  onLarge: (path: string) => void,
  signal: AbortSignal,
): Promise<HiddenFile[]> {
  const files: HiddenFile[] = [];
  for await (const entry of tar.pipe(extract())) {
    const { type, name: path, size } = entry.header;
    signal.throwIfAborted();
    if (type === 'file' && size <= room.bytes) {
      room.bytes -= size;
      files.push({ path, content: await buffer(entry) });
      continue;
    }
    if (type === 'file') onLarge(path);
    entry.resume();
  }
  return files;
}
