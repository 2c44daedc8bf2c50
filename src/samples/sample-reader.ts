import type { Readable } from 'node:stream';
import type { Codebase, SampleReader, SampleUpload } from '../core/ports/samples.js';
import type { HistoryPolicy, SampleManifest } from '../core/sample.js';
import { invalidFields, type FieldViolation } from '../core/errors.js';
import { invalidArchive } from './archive-entry.js';
import { SampleArchive } from './archive.js';
import { MAX_MANIFEST_BYTES, parseManifest } from './manifest.js';
import { visibleFiles } from './visible.js';
import { checkBundle, codebaseFromBundle, codebaseFromFolder } from './snapshot.js';

const MAX_TASK_BYTES = 1024 * 1024;
const MAX_PATCH_BYTES = 64 * 1024 * 1024;
const KNOWN_FOLDERS: ReadonlySet<string> = new Set(['verification', 'solution', 'codebase']);

/** Reads samples and repositories with the system's git and tar, in a scratch folder of the service's own. */
export class FileSampleReader implements SampleReader {
  readonly #scratch: string;

  /** @param scratch made when it is missing; what a killed service left in it may be removed at any start. */
  constructor(scratch: string) {
    this.#scratch = scratch;
  }

  async read(tar: Readable): Promise<SampleUpload> {
    const archive = await SampleArchive.spool(tar, this.#scratch);
    try {
      return await SpooledUpload.check(archive);
    } catch (error) {
      await archive[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A folder is one commit, so that its history is the same with either policy. */
  codebaseFromFolder(archive: Readable, _history: HistoryPolicy): Promise<Codebase> {
    return codebaseFromFolder(archive, this.#scratch);
  }

  codebaseFromBundle(bundle: Readable, commit: string, history: HistoryPolicy): Promise<Codebase> {
    return codebaseFromBundle(bundle, commit, history, this.#scratch);
  }

  visible(archive: Readable): Readable {
    return visibleFiles(archive);
  }

  checkBundle(bundle: Readable): Promise<void> {
    return checkBundle(bundle, this.#scratch);
  }

  async solutionPatch(archive: Readable): Promise<Uint8Array | undefined> {
    await using sample = await SampleArchive.spool(archive, this.#scratch);
    return sample.read('solution/solution.patch', MAX_PATCH_BYTES);
  }
}

class SpooledUpload implements SampleUpload {
  readonly manifest: SampleManifest;
  readonly task: string;
  readonly digest: string;
  readonly hasSolution: boolean;
  readonly hasCodebase: boolean;
  readonly #archive: SampleArchive;

  private constructor(archive: SampleArchive, manifest: SampleManifest, task: string) {
    this.#archive = archive;
    this.manifest = manifest;
    this.task = task;
    this.digest = archive.digest();
    this.hasSolution = hasFile(archive, 'solution/solution.patch') || hasFile(archive, 'solution/apply');
    this.hasCodebase = archive.hasFolder('codebase');
  }

  static async check(archive: SampleArchive): Promise<SpooledUpload> {
    const manifest = parseManifest(await textOf(archive, 'sample.yaml', MAX_MANIFEST_BYTES));
    const task = await textOf(archive, 'task.md', MAX_TASK_BYTES);
    const violations = [...checkFiles(archive, manifest)];
    if (task.trim() === '')
      violations.push({ field: 'task.md:1', description: 'is empty; say what is to be done' });
    if (violations.length > 0) throw invalidFields(violations, 'INVALID_MANIFEST');
    return new SpooledUpload(archive, manifest, task);
  }

  archive(): Readable {
    return this.#archive.tar({ under: '', modes: [0o755, 0o644] });
  }

  /** Closed to everybody but root: what the subject's code shall see, the script copies for it. */
  hidden(): Readable {
    return this.#archive.tar({ under: 'verification', modes: [0o700, 0o600] });
  }

  /** Open to everybody: in the sandbox that it enters there is nobody else. */
  solution(): Readable {
    return this.#archive.tar({ under: 'solution', modes: [0o755, 0o644] });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#archive[Symbol.asyncDispose]();
  }
}

function hasFile(archive: SampleArchive, name: string): boolean {
  return archive.get(name)?.type === 'file';
}

function* checkFiles(archive: SampleArchive, manifest: SampleManifest): Iterable<FieldViolation> {
  const script = manifest.verification.command[0] ?? '';
  const entry = script.startsWith('/') ? undefined : archive.get(script);
  if (!script.startsWith('/') && entry?.type !== 'file')
    yield {
      field: 'sample.yaml: verification.command',
      description: `names ${script}, which the sample does not hold`,
    };
  if (entry?.type === 'file' && !entry.executable)
    yield {
      field: 'sample.yaml: verification.command',
      description: `names ${script}, which is not executable; chmod +x it`,
    };
  // Read from the workspace instead they would be the subject's.
  for (const word of manifest.verification.command.slice(1))
    if (/^verification\/./.test(word) && archive.get(word) === undefined)
      yield {
        field: 'sample.yaml: verification.command',
        description: `names ${word}, which the sample does not hold`,
      };
  const { dockerfile } = manifest.environment;
  if (dockerfile !== undefined && !hasFile(archive, dockerfile))
    yield {
      field: 'sample.yaml: environment.dockerfile',
      description: `names ${dockerfile}, which the sample does not hold`,
    };
  if (manifest.codebase !== undefined && archive.hasFolder('codebase'))
    yield {
      field: 'sample.yaml: codebase',
      description: 'names a repository, and there is a codebase/ folder too; keep one of them',
    };
  for (const folder of KNOWN_FOLDERS)
    if (archive.get(folder) !== undefined && archive.get(folder)?.type !== 'directory')
      yield { field: folder, description: 'expected a folder' };
}

async function textOf(archive: SampleArchive, name: string, maxBytes: number): Promise<string> {
  const bytes = await archive.read(name, maxBytes);
  if (bytes === undefined)
    throw invalidArchive(`The archive has no ${name} at its top; send the content of one sample's folder.`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalidArchive(`${name} is not UTF-8.`);
  }
}
