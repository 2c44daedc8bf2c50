import { parseCodesetEntry } from './codeset-entry.js';
import type { Instance } from './instance.js';
import { importInstances, type ImportOptions, type ImportOutcome } from './instances.js';

/**
 * Makes samples of the Codeset platform's.
 * @param options.ownDatasets what an entry says of its dataset comes before `dataset`
 * @param entries as `importInstances` @throws as it
 */
export function importCodeset(
  entries: AsyncIterable<string> | Iterable<string>,
  options: ImportOptions & { readonly ownDatasets?: boolean },
  place?: string,
): AsyncGenerator<ImportOutcome> {
  const parse = (text: string): Instance => {
    const instance = parseCodesetEntry(text);
    return options.ownDatasets === true ? instance : { ...instance, dataset: '' };
  };
  return importInstances(entries, parse, options, place);
}
