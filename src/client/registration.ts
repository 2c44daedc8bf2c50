import type { Readable } from 'node:stream';
import type { RegisterSampleResponse } from '../../gen/codeset/v1/sample_service.js';
import {
  SampleState,
  type RepositoryRef,
  type Sample,
  type StageEvent,
} from '../../gen/codeset/v1/sample.js';
import type { SampleClient } from './connection.js';
import type { CallControl } from './deadline.js';
import { upload } from './upload.js';

/** Uploads a git bundle; a server that has it already reads nothing of it. */
export async function uploadRepository(
  samples: SampleClient,
  bundle: { readonly sha256: string; readonly bytes: number; content(): Readable },
): Promise<void> {
  const header = { sha256: bundle.sha256, sizeBytes: BigInt(bundle.bytes) };
  await samples.uploadRepository(upload(header, bundle.content()));
}

/** Registers a sample. @param archive the tar of its folder, read to its end or destroyed. */
export function registerSample(
  samples: SampleClient,
  archive: Readable,
  codebase?: RepositoryRef,
  control: CallControl = {},
): Promise<RegisterSampleResponse> {
  return samples.registerSample(upload({ requestId: '', codebase }, archive), control);
}

/** Waits until a version is READY or in ERROR, and gives it as it is then. */
export async function prepared(
  samples: SampleClient,
  sample: Sample,
  onStage: (event: StageEvent) => void = () => undefined,
  control: CallControl = {},
): Promise<Sample> {
  let latest = sample;
  if (latest.state !== SampleState.PREPARING) return latest;
  const ref = { sampleId: sample.sampleId, version: sample.version };
  for await (const { event } of samples.watchSample({ sample: ref }, control)) {
    if (event?.$case === 'sample') latest = event.value;
    else if (event !== undefined) onStage(event.value);
  }
  return latest;
}
