/** One instance of a SWE-bench file, checked. */
export interface SweBenchEntry {
  readonly instanceId: string;
  readonly repo: string;
  readonly baseCommit: string;
  readonly patch: string;
  readonly testPatch: string;
  readonly problemStatement: string;
  readonly failToPass: readonly string[];
  readonly passToPass: readonly string[];
}

/** The entry can't be used; the message says why, for whoever holds the file. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}

/**
 * Reads one line. Lists may be lists or JSON texts of lists, their names in upper or lower case, as the
 * several editions of the data set have them. Fields that nothing is made of are passed over.
 * @throws {ImportError}
 */
export function parseEntry(line: string): SweBenchEntry {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new ImportError(`is not JSON: ${(error as Error).message}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new ImportError('is no JSON object');
  const fields = value as Readonly<Record<string, unknown>>;
  const baseCommit = text(fields, 'base_commit');
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(baseCommit))
    throw new ImportError('base_commit is no whole commit id of 40 hex digits');
  const failToPass = names(fields, 'FAIL_TO_PASS');
  // Lists made from logs name a test twice now and then; once is enough.
  const wanted = new Set(failToPass);
  const entry = {
    instanceId: text(fields, 'instance_id'),
    repo: text(fields, 'repo'),
    baseCommit,
    patch: text(fields, 'patch'),
    testPatch: text(fields, 'test_patch'),
    problemStatement: text(fields, 'problem_statement'),
    failToPass: [...wanted],
    passToPass: [...new Set(names(fields, 'PASS_TO_PASS'))].filter((name) => !wanted.has(name)),
  };
  if (entry.failToPass.length === 0) throw new ImportError('FAIL_TO_PASS is empty: nothing would show the fix');
  return entry;
}

/** The instance's id where a bad line still has one. */
export function idOf(line: string): string | undefined {
  try {
    const id = (JSON.parse(line) as { instance_id?: unknown } | null)?.instance_id;
    return typeof id === 'string' && id !== '' ? id.slice(0, 200) : undefined;
  } catch {
    return undefined;
  }
}

function text(fields: Readonly<Record<string, unknown>>, key: string): string {
  const value = fields[key];
  if (value === undefined || value === null) throw new ImportError(`${key} is missing`);
  if (typeof value !== 'string' || value.trim() === '') throw new ImportError(`${key} is no text, or empty`);
  return value;
}

function names(fields: Readonly<Record<string, unknown>>, key: string): string[] {
  let value = fields[key] ?? fields[key.toLowerCase()];
  if (value === undefined || value === null) throw new ImportError(`${key} is missing`);
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value);
    } catch {
      throw new ImportError(`${key} is a text, but no JSON list`);
    }
  }
  if (!Array.isArray(value) || !value.every((name) => typeof name === 'string' && name.trim() !== ''))
    throw new ImportError(`${key} is no list of test names`);
  return value as string[];
}
