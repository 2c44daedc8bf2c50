import { ImportError } from './import-error.js';

/** One task on a commit of a repository, as its entry in a file says it, checked. */
export interface Instance {
  readonly instanceId: string;
  readonly repo: string;
  readonly baseCommit: string;
  readonly patch: string;
  /** '' where the tests are in the repository already. */
  readonly testPatch: string;
  readonly problemStatement: string;
  /** '' where it is not said. */
  readonly description: string;
  /** '' where it is not said. */
  readonly dataset: string;
  readonly language: string;
  /** Of the sample, beside the format's name. */
  readonly tags: readonly string[];
  readonly grading: 'swe_bench' | 'all_listed';
  readonly failToPass: readonly string[];
  readonly passToPass: readonly string[];
  readonly failToFail: readonly string[];
  /** Globs of reports that the test command leaves in the workspace. */
  readonly reports: readonly string[];
  /** Names of fields that are filled and of which nothing was made. */
  readonly unmapped: readonly string[];
}

export type Fields = Readonly<Record<string, unknown>>;

/** @throws {ImportError} */
export function fieldsOf(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ImportError(`is not JSON: ${(error as Error).message}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new ImportError('is no JSON object');
  return value as Fields;
}

/** The instance's id where a bad entry still has one. */
export function idOf(text: string): string | undefined {
  try {
    const fields = JSON.parse(text) as Fields | null;
    const id = [fields?.['instance_id'], fields?.['sample_id']].find(
      (each) => typeof each === 'string' && each !== '',
    );
    return typeof id === 'string' ? id.slice(0, 200) : undefined;
  } catch {
    return undefined;
  }
}

/** @throws {ImportError} */
export function requiredText(fields: Fields, key: string): string {
  const value = fields[key];
  if (value === undefined || value === null) throw new ImportError(`${key} is missing`);
  if (typeof value !== 'string' || value.trim() === '') throw new ImportError(`${key} is no text, or empty`);
  return value;
}

/** '' where it is missing. @throws {ImportError} */
export function optionalText(fields: Fields, key: string): string {
  const value = fields[key] ?? '';
  if (typeof value !== 'string') throw new ImportError(`${key} is no text`);
  return value;
}

/** @throws {ImportError} */
export function commitOf(value: unknown, key = 'base_commit'): string {
  if (value === undefined || value === null) throw new ImportError(`${key} is missing`);
  if (typeof value !== 'string' || !/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(value))
    throw new ImportError(`${key} is no whole commit id of 40 hex digits`);
  return value;
}

/**
 * A list of test names: a list, or the JSON text of one, under `key` or its lower case; each name once, since lists
 * made from logs name a test twice now and then.
 * @throws {ImportError} @returns undefined where it is missing
 */
export function testNames(fields: Fields, key: string): string[] | undefined {
  let value = fields[key] ?? fields[key.toLowerCase()];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value);
    } catch {
      throw new ImportError(`${key} is a text, but no JSON list`);
    }
  }
  if (!Array.isArray(value) || !value.every((name) => typeof name === 'string' && name.trim() !== ''))
    throw new ImportError(`${key} is no list of test names`);
  return [...new Set(value as string[])];
}

/** Fields that hold something and are none of `used`, whichever case they are written in. */
export function unmappedFields(fields: Fields, used: ReadonlySet<string>): string[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    used.has(name.toLowerCase()) || isEmpty(value) ? [] : [name],
  );
}

function isEmpty(value: unknown): boolean {
  return (
    value === null ||
    value === undefined ||
    value === '' ||
    (typeof value === 'object' && Object.keys(value).length === 0)
  );
}
