import type { SampleClient } from '../../client/connection.js';
import { UsageError } from '../exit-status.js';
import { sampleRef } from '../options.js';

export type Ref = ReturnType<typeof sampleRef>;

/** The samples that arguments name; without any those of a dataset, or all. @throws UsageError for both */
export function namedSamples(
  ids: readonly string[],
  dataset: string | undefined,
): (samples: SampleClient) => Promise<readonly Ref[]> {
  if (ids.length > 0 && dataset !== undefined)
    throw new UsageError('Name samples, or a dataset with --dataset, and not both.');
  const named = ids.map((id) => sampleRef(id));
  return (samples) => (named.length > 0 ? Promise.resolve(named) : registered(samples, dataset));
}

async function registered(samples: SampleClient, dataset = ''): Promise<readonly Ref[]> {
  const found: Ref[] = [];
  let pageToken = '';
  do {
    const page = await samples.listSamples({ dataset, pageSize: 200, pageToken });
    found.push(...page.samples.map(({ sampleId, version }) => ({ sampleId, version })));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return found;
}
