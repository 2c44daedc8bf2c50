import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { upload } from '../../src/client/upload.js';
import { packFolder } from '../../src/samples/pack.js';
import type { Service } from './service.js';

/**
 * Registers a sample whose verification is a shell script, and waits until it is READY.
 * @param codebase fills the folder of its code.
 */
export async function registerSample(
  service: Service,
  name: string,
  script: string,
  codebase: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = join(service.scratch, name);
  await mkdir(join(folder, 'verification'), { recursive: true });
  await writeFile(
    join(folder, 'sample.yaml'),
    [
      `sample_id: ${name}`,
      'dataset: bench',
      'description: Made by a benchmark.',
      'environment:',
      service.image === undefined ? '  host: {requires: [sh]}' : `  image: ${service.image}`,
      'verification:',
      '  grading: exit_code',
      '',
    ].join('\n'),
  );
  await writeFile(join(folder, 'task.md'), 'Nothing to do.\n');
  await writeFile(join(folder, 'verification/run'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  await codebase(join(folder, 'codebase'));
  const { samples } = service.client;
  await samples.registerSample(upload({}, packFolder(folder)));
  await rm(folder, { recursive: true });
  let error: string | undefined;
  for await (const { event } of samples.watchSample({ sample: { sampleId: name } })) {
    if (event?.$case === 'sample') error = event.value.error;
  }
  if (error !== '') throw new Error(`the sample ${name} could not be prepared: ${error}`);
}
