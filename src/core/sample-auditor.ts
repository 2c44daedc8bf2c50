import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import type { Audit, AuditEvent, AuditFinding, AuditRequest } from './audit.js';
import { leakFindings } from './leak-findings.js';
import { leakPieces, type HiddenParts, type Piece } from './leak-pieces.js';
import type { LayerKeeper } from './layer-keeper.js';
import type { LeakScan, Scanned } from './leak-scan.js';
import { PieceSearch } from './piece-search.js';
import type { BlobStore } from './ports/blobs.js';
import type { Log } from './ports/log.js';
import type { SampleReader } from './ports/samples.js';
import type { ProgressFeed } from './progress-feed.js';
import { readySample } from './ready-sample.js';
import { ReferenceUnusable, type ReferenceSolution } from './reference-solution.js';
import type { SampleCatalog } from './sample-catalog.js';
import type { SampleVersion } from './sample.js';
import { ToldCalls } from './told-calls.js';

/** Of what is hidden; more would make the search slow, and shows nothing more. */
const MAX_PIECES = 20_000;
const MAX_HIDDEN_BYTES = 64 * 1024 ** 2;
const MAX_FINDINGS = 1000;
/** As much as fits into one message beside the rest. */
const MAX_FINDINGS_BYTES = 512 * 1024;

/** Searches everything that a session of a sample holds for pieces of what the sample hides. */
export class SampleAuditor {
  readonly #catalog: SampleCatalog;
  readonly #blobs: BlobStore;
  readonly #reader: SampleReader;
  readonly #reference: ReferenceSolution;
  readonly #scan: LeakScan;
  readonly #keeper: LayerKeeper;
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
    log: Log;
    now: () => number;
  }) {
    this.#catalog = parts.catalog;
    this.#blobs = parts.blobs;
    this.#reader = parts.reader;
    this.#reference = parts.reference;
    this.#scan = parts.scan;
    this.#keeper = parts.keeper;
    this.#log = parts.log;
    this.#now = parts.now;
  }

  /**
   * Each finding, leaks first, then the audit. Nothing goes on once the reader has left.
   * @throws SAMPLE_NOT_FOUND, SAMPLE_VERSION_NOT_FOUND, SAMPLE_NOT_READY
   */
  async *audit(request: AuditRequest, signal: AbortSignal): AsyncGenerator<AuditEvent, void> {
    yield* this.#calls.call((events, end) => this.#audit(request, events, end), signal);
  }

  /** Ends every audit, for a stop of the service. */
  stop(): Promise<void> {
    return this.#calls.stop();
  }

  async #audit(request: AuditRequest, events: ProgressFeed<AuditEvent>, signal: AbortSignal): Promise<void> {
    const sample = await readySample(this.#catalog, request.sample, signal);
    const name = { sampleId: sample.sampleId, version: sample.version };
    using _ = this.#keeper.hold([...sample.layers.root, ...sample.layers.workspace]);
    const { parts, unsearched } = await this.#hidden(sample, signal);
    const all = leakPieces(parts);
    const pieces = all.slice(0, MAX_PIECES);
    if (all.length > pieces.length)
      unsearched.push(`The sample hides ${all.length} pieces; the first ${MAX_PIECES} were searched for.`);
    const scanned = await this.#scan.scan(sample, new PieceSearch(pieces.map(({ text }) => text)), signal);
    const found = leakFindings(pieces, scanned.sightings);
    const told = bounded(found);
    for (const finding of told) events.push({ ...name, type: 'finding', finding });
    const audit = this.#outcome(
      pieces,
      { ...scanned, unsearched: [...unsearched, ...scanned.unsearched] },
      found,
    );
    this.#log.info('sample audited', { ...name, verdict: audit.verdict });
    events.push({ ...name, type: 'audit', audit: { ...audit, findings: told } });
  }

  async #hidden(
    sample: SampleVersion,
    signal: AbortSignal,
  ): Promise<{ readonly parts: HiddenParts; readonly unsearched: string[] }> {
    const unsearched: string[] = [];
    const solution = await this.#reference.patch(sample, signal).catch((error: unknown) => {
      if (!(error instanceof ReferenceUnusable)) throw error;
      unsearched.push(`The reference solution could not be had. ${error.message}`);
      return undefined;
    });
    const files: { readonly path: string; readonly content: Uint8Array }[] = [];
    await using upload = await this.#reader.read(await this.#blobs.get(sample.archiveBlob));
    let bytes = 0;
    for await (const entry of upload.hidden().pipe(extract())) {
      const { type, name: path, size } = entry.header;
      signal.throwIfAborted();
      if (type === 'file' && bytes + size <= MAX_HIDDEN_BYTES) {
        bytes += size;
        files.push({ path, content: await buffer(entry) });
        continue;
      }
      if (type === 'file') unsearched.push(`verification/${path} is too large to be searched for.`);
      entry.resume();
    }
    return { parts: { solution, files, failToPass: sample.manifest.verification.failToPass }, unsearched };
  }

  #outcome(
    pieces: readonly Piece[],
    { places, unsearched }: Pick<Scanned, 'places' | 'unsearched'>,
    found: readonly AuditFinding[],
  ): Omit<Audit, 'findings'> {
    const leaks = found.filter(({ hint }) => !hint).length;
    const hints = found.length - leaks;
    const verdict = leaks > 0 ? 'LEAKS' : unsearched.length > 0 ? 'INCONCLUSIVE' : 'CLEAN';
    const about =
      leaks > 0
        ? `${counted(leaks, 'place')} in a session of the sample ${leaks === 1 ? 'gives' : 'give'} away what it hides.`
        : `Nothing of what the sample hides was found, by ${counted(pieces.length, 'distinctive piece')}.`;
    const further = hints === 0 ? '' : ` ${counted(hints, 'further place')} may be a hint, or chance.`;
    const left = unsearched.length === 0 ? '' : ' Not everything could be searched.';
    return {
      verdict,
      summary: `${about}${further}${left}`,
      pieces: pieces.length,
      places,
      findingCount: found.length,
      unsearched,
      endTime: new Date(this.#now()),
    };
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function bounded(found: readonly AuditFinding[]): readonly AuditFinding[] {
  let bytes = 0;
  return found.slice(0, MAX_FINDINGS).filter((finding) => {
    bytes += Buffer.byteLength(JSON.stringify(finding));
    return bytes <= MAX_FINDINGS_BYTES;
  });
}
