import { mkdir, open, readFile, rename, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { keyOf, type AttemptResult, type EvalSample } from './attempt.js';

/** What a run can't go on from; the sentence says what to do. */
export class RunFolderError extends Error {
  override readonly name = 'RunFolderError';
}

/** `run.json`: what was asked for. A run that is started again has to be asked for the same. */
export interface RunRecord {
  readonly runId: string;
  /** `oracle`, `nop`, `predictions`, `regrade` or `command`. */
  readonly agent: string;
  /** The command; of predictions their digest; of a regrade the folder. Empty for the others. */
  readonly of: string;
  readonly attempts: number;
  readonly samples: readonly EvalSample[];
  readonly startTime: string;
}

const RECORD = 'run.json';
const RESULTS = 'results.jsonl';

/**
 * The folder of a run: `run.json`, `results.jsonl`, which grows by a line as each attempt ends, what is made of them
 * at the end, and a folder for each attempt. Nothing of it is rewritten in place, so that a killed run can go on.
 */
export class RunFolder implements AsyncDisposable {
  readonly path: string;
  readonly record: RunRecord;
  /** Whether there was a run before. */
  readonly resumed: boolean;
  readonly #results = new Map<string, AttemptResult>();
  readonly #file: FileHandle;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, record: RunRecord, resumed: boolean, file: FileHandle) {
    this.path = path;
    this.record = record;
    this.resumed = resumed;
    this.#file = file;
  }

  /**
   * Begins a run, or takes one up: then with the samples, in the versions, that it began with.
   * @param fresh makes the record of a new run
   * @throws RunFolderError when it holds a run of another kind, or something else
   */
  static async open(
    path: string,
    asked: Pick<RunRecord, 'agent' | 'of' | 'attempts'>,
    fresh: () => Promise<RunRecord>,
  ): Promise<RunFolder> {
    await mkdir(path, { recursive: true });
    let record = await readRecord(path);
    const resumed = record !== undefined;
    if (record === undefined) {
      record = await fresh();
      await writeWhole(join(path, RECORD), `${JSON.stringify(record, undefined, 2)}\n`);
    } else {
      for (const field of ['agent', 'of', 'attempts'] as const) {
        if (record[field] === asked[field]) continue;
        throw new RunFolderError(
          `${path} holds a run whose ${NAMES[field]} is ${JSON.stringify(record[field])}, not ${JSON.stringify(asked[field])}: name another folder with --out, or ask for the same again.`,
        );
      }
    }
    const file = await open(join(path, RESULTS), 'a+');
    try {
      const folder = new RunFolder(path, record, resumed, file);
      await folder.#load();
      return folder;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Reads a run that nobody need be able to write. @throws RunFolderError when there is none */
  static async read(path: string): Promise<{ record: RunRecord; results: readonly AttemptResult[] }> {
    const record = await readRecord(path);
    if (record === undefined) throw new RunFolderError(`${path} holds no run: there is no ${RECORD}.`);
    const text = await readFile(join(path, RESULTS), 'utf8').catch(() => '');
    const { results } = parseResults(text, join(path, RESULTS));
    return { record, results: [...results.values()] };
  }

  /** The last result of each attempt that has one. */
  get results(): readonly AttemptResult[] {
    return [...this.#results.values()];
  }

  resultOf(key: string): AttemptResult | undefined {
    return this.#results.get(key);
  }

  /** Resolves when it is on the disk. */
  add(result: AttemptResult): Promise<void> {
    this.#results.set(keyOf(result), result);
    const line = `${JSON.stringify(result)}\n`;
    this.#writing = this.#writing.then(async () => {
      await this.#file.appendFile(line);
      await this.#file.datasync();
    });
    return this.#writing;
  }

  /** Writes a file of the run whole or not at all. */
  write(name: string, text: string): Promise<void> {
    return writeWhole(join(this.path, name), text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#file.close();
  }

  /** A line that a kill cut off is taken away: its attempt is made again. */
  async #load(): Promise<void> {
    const text = await this.#file.readFile('utf8');
    const { results, wholeBytes } = parseResults(text, join(this.path, RESULTS));
    for (const [key, result] of results) this.#results.set(key, result);
    if (wholeBytes < Buffer.byteLength(text)) await this.#file.truncate(wholeBytes);
  }
}

const NAMES = { agent: 'agent', of: 'agent’s command or file', attempts: 'number of attempts' } as const;

async function readRecord(path: string): Promise<RunRecord | undefined> {
  let text: string;
  try {
    text = await readFile(join(path, RECORD), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const record = JSON.parse(text) as RunRecord;
    if (Array.isArray(record.samples) && typeof record.runId === 'string') return record;
  } catch {
    // Told below.
  }
  throw new RunFolderError(`${join(path, RECORD)} is not of a run: name another folder with --out.`);
}

function parseResults(
  text: string,
  file: string,
): { results: Map<string, AttemptResult>; wholeBytes: number } {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const results = new Map<string, AttemptResult>();
  whole.split('\n').forEach((line, i) => {
    if (line === '') return;
    try {
      const result = JSON.parse(line) as AttemptResult;
      results.set(keyOf(result), result);
    } catch {
      throw new RunFolderError(`${file}:${i + 1} is not JSON: mend or remove this line.`);
    }
  });
  return { results, wholeBytes: Buffer.byteLength(whole) };
}

async function writeWhole(path: string, text: string): Promise<void> {
  const unfinished = `${path}.new`;
  await writeFile(unfinished, text);
  await rename(unfinished, path);
}
