import { Readable } from 'node:stream';
import type { Connection } from './connection.js';
import type { CallControl } from './deadline.js';
import { pages, present } from './present.js';
import { prepared, registerSample } from './registration.js';
import { sampleInfo, type SampleInfo } from './sample-info.js';
import { sampleRef, type SampleName } from './sample-name.js';
import {
  auditAttempt,
  auditFinding,
  auditInfo,
  type AuditAttempt,
  type AuditFinding,
  type AuditInfo,
} from './audit-info.js';
import { numberOf, VALIDATION_SUBJECTS } from './words.js';
import { validationInfo, validationRun, type ValidationInfo, type ValidationRun } from './validation-info.js';

const PAGE = 200;

/** Which samples a list shows. */
export interface SampleFilter extends CallControl {
  readonly dataset?: string | undefined;
  /** Text in id, description or task, upper and lower case alike. */
  readonly search?: string | undefined;
  /** Only those that have all of these. */
  readonly tags?: readonly string[] | undefined;
  readonly language?: string | undefined;
}

export interface RegisterOptions extends CallControl {
  /** The repository that the manifest's `codebase` names, uploaded before; none when the tar has `codebase/`. */
  readonly codebase?: { readonly sha256: string; readonly commit: string } | undefined;
  /** Whether to wait until it is READY or in ERROR. Default true. */
  readonly wait?: boolean | undefined;
}

export interface ValidateOptions extends CallControl {
  /** How often each subject is judged. Default 5, at most 100. */
  readonly runs?: number | undefined;
  /** How many verifications run side by side; more than one is how a sample is tried under load. Default 1. */
  readonly concurrency?: number | undefined;
  /** Only this one, of which the outcome is not kept. Default: both. */
  readonly subject?: keyof typeof VALIDATION_SUBJECTS | undefined;
  /** Sees each verification as it ends. */
  readonly onRun?: ((run: ValidationRun) => void) | undefined;
}

export interface AuditOptions extends CallControl {
  /** Sees each finding, leaks first. */
  readonly onFinding?: ((finding: AuditFinding) => void) | undefined;
  /** Sees each attempt of a cheat as it ends. */
  readonly onAttempt?: ((attempt: AuditAttempt) => void) | undefined;
  /** Ids and families of the cheats to try; undefined: all; empty: none, only a search for leaks. */
  readonly cheats?: readonly string[] | undefined;
  /** How many cheats are tried side by side. Default 2. */
  readonly concurrency?: number | undefined;
}

/** The samples of a server: `client.samples`. */
export class Samples {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * The latest version of each sample that fits, by id, page after page as it is read; without tasks.
   *
   * @example
   * for await (const { sampleId, description } of client.samples.list({ language: 'python' }))
   *   console.log(sampleId, description);
   */
  list(filter: SampleFilter = {}): AsyncIterableIterator<SampleInfo> {
    const { dataset = '', search = '', tags = [], language = '', ...control } = filter;
    return pages(async (pageToken) => {
      const ask = { dataset, search, tags: [...tags], language, pageSize: PAGE, pageToken };
      const { samples, nextPageToken } = await this.#connection.samples.listSamples(ask, control);
      return { items: samples.map(sampleInfo), nextPageToken };
    });
  }

  /**
   * The names of the datasets and how many samples each holds.
   *
   * @example
   * for await (const { name, sampleCount } of client.samples.datasets()) console.log(name, sampleCount);
   */
  datasets(
    control: CallControl = {},
  ): AsyncIterableIterator<{ readonly name: string; readonly sampleCount: number }> {
    return pages(async (pageToken) => {
      const { datasets, nextPageToken } = await this.#connection.samples.listDatasets(
        { pageSize: PAGE, pageToken },
        control,
      );
      return { items: datasets, nextPageToken };
    });
  }

  /**
   * A sample with its task. @throws NotFoundError SAMPLE_NOT_FOUND or SAMPLE_VERSION_NOT_FOUND
   *
   * @example
   * const { task } = await client.samples.get('median-of-even-lists');
   */
  async get(sample: SampleName, control: CallControl = {}): Promise<SampleInfo> {
    const answer = await this.#connection.samples.getSample({ sample: sampleRef(sample) }, control);
    return sampleInfo(present(answer.sample, 'sample'));
  }

  /**
   * Registers a sample from a tar of its folder (`sample.yaml`, `task.md`, `codebase/`, `verification/`, …), and
   * waits until it is prepared. Content that the latest version has already makes no new one.
   * @throws InvalidArgumentError INVALID_MANIFEST with file, line and field in `violations`, INVALID_ARCHIVE;
   * AlreadyExistsError SAMPLE_EXISTS; PermissionDeniedError (only an admin may)
   *
   * @example
   * const { sampleId, state, error } = await client.samples.register(createReadStream('sample.tar'));
   */
  async register(tar: AsyncIterable<Uint8Array>, options: RegisterOptions = {}): Promise<SampleInfo> {
    const { codebase, wait = true, ...control } = options;
    const content = tar instanceof Readable ? tar : Readable.from(tar, { objectMode: false });
    const { samples } = this.#connection;
    const answer = await registerSample(samples, content, codebase, control);
    const sample = present(answer.sample, 'sample');
    return sampleInfo(wait ? await prepared(samples, sample, undefined, control) : sample);
  }

  /**
   * A sample's folder as it was registered, hidden files included: an uncompressed tar. Only an admin may.
   *
   * @example
   * await pipeline(client.samples.download('median-of-even-lists'), createWriteStream('sample.tar'));
   */
  download(sample: SampleName, control: CallControl = {}): Readable {
    const messages = this.#connection.samples.downloadSample({ sample: sampleRef(sample) }, control);
    async function* data(): AsyncGenerator<Buffer> {
      for await (const message of messages) yield message.data;
    }
    return Readable.from(data(), { objectMode: false });
  }

  /**
   * Finds out whether a sample can be trusted: the untouched codebase has to be FAILED, the reference solution PASSED,
   * each `runs` times. A call that is ended early cancels what it started. Only an admin may; it is not sent twice.
   * @throws NotFoundError, FailedPreconditionError SAMPLE_NOT_READY, ResourceExhaustedError VERIFICATION_LIMIT
   *
   * @example
   * const { valid, summary } = await client.samples.validate('median-of-even-lists', { runs: 5 });
   */
  async validate(sample: SampleName, options: ValidateOptions = {}): Promise<ValidationInfo> {
    const { runs = 0, concurrency = 0, subject, onRun, ...control } = options;
    const ask = {
      sample: sampleRef(sample),
      runs,
      concurrency,
      ...(subject === undefined ? {} : { subject: numberOf(VALIDATION_SUBJECTS, subject, 'subject') }),
    };
    let found: ValidationInfo | undefined;
    for await (const { event } of this.#connection.samples.validateSample(ask, control)) {
      if (event?.$case === 'run') onRun?.(validationRun(event.value));
      else if (event?.$case === 'validation') found = validationInfo(event.value);
    }
    return present(found, 'validation');
  }

  /**
   * Searches all that a session of a sample holds for pieces of its solution and hidden files, then tries cheats against
   * the sample, which takes minutes unless `cheats` names some. A call that is ended early leaves nothing. Only an admin
   * may; it is not sent twice.
   * @throws NotFoundError, FailedPreconditionError SAMPLE_NOT_READY, InvalidArgumentError for a cheat that there is not
   *
   * @example
   * const { clean, findings, attempts } = await client.samples.audit('median-of-even-lists');
   * for (const { area, path, closedBy } of findings) console.log(area, path, closedBy);
   * for (const { cheat, outcome, closedBy } of attempts) if (outcome === 'THROUGH') console.log(cheat, closedBy);
   */
  async audit(sample: SampleName, options: AuditOptions = {}): Promise<AuditInfo> {
    const { onFinding, onAttempt, cheats, concurrency = 0, ...control } = options;
    let found: AuditInfo | undefined;
    for await (const { event } of this.#connection.samples.auditSample(
      {
        sample: sampleRef(sample),
        cheats: [...(cheats ?? [])],
        skipCheats: cheats?.length === 0,
        concurrency,
      },
      control,
    )) {
      if (event?.$case === 'attempt') onAttempt?.(auditAttempt(event.value));
      else if (event?.$case === 'finding') onFinding?.(auditFinding(event.value));
      else if (event?.$case === 'audit') found = auditInfo(event.value);
    }
    return present(found, 'audit');
  }

  /**
   * Removes the named version, or all of them; what was made from it stays on record. It is not sent twice.
   * @throws NotFoundError, FailedPreconditionError SAMPLE_IN_USE, PermissionDeniedError
   *
   * @example
   * await client.samples.remove('median-of-even-lists@1');
   */
  async remove(sample: SampleName, control: CallControl = {}): Promise<void> {
    await this.#connection.samples.deleteSample({ sample: sampleRef(sample) }, control);
  }
}
