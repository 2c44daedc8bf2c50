import { importInstances, type ImportOptions, type ImportOutcome } from './instances.js';
import { parseEntry } from './swe-bench-entry.js';

export type { ImportedSample, ImportOutcome } from './instances.js';
export type SweBenchOptions = ImportOptions;

/**
 * Makes samples of the entries of a file of the SWE-bench family.
 * @param entries as `importInstances` @throws as it
 */
export function importSweBench(
  entries: AsyncIterable<string> | Iterable<string>,
  options: SweBenchOptions,
  place?: string,
): AsyncGenerator<ImportOutcome> {
  return importInstances(entries, parseEntry, options, place);
}
