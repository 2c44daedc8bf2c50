import { failedPrecondition } from './errors.js';
import type { SampleCatalog, SampleName } from './sample-catalog.js';
import type { SampleVersion } from './sample.js';
import { whileWanted } from './while-wanted.js';

/**
 * A version, once its preparation is over.
 * @throws SAMPLE_NOT_FOUND, SAMPLE_VERSION_NOT_FOUND; SAMPLE_NOT_READY when the preparation failed
 */
export async function readySample(
  catalog: SampleCatalog,
  name: SampleName,
  signal: AbortSignal,
): Promise<SampleVersion> {
  const sample = await whileWanted(catalog.settled(name), signal);
  if (sample.state === 'READY') return sample;
  throw failedPrecondition('SAMPLE_NOT_READY', `The sample could not be prepared: ${sample.error}`);
}
