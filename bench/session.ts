import { randomBytes } from 'node:crypto';
import { mkdir, writeFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { upload } from '../src/client/upload.js';
import { packFolder } from '../src/samples/pack.js';
import { firstOutput } from './lib/commands.js';
import { startDocker } from './lib/docker.js';
import { measureForks } from './lib/forks.js';
import type { Benchmark } from './lib/run.js';
import { startService, type Service } from './lib/service.js';
import { figure, median, ratio, timed } from './lib/stats.js';

const ROUNDS = 11;
const FILE_BYTES = 256 * 1024;
const SMALL_BYTES = FILE_BYTES;
const LARGE_BYTES = 1024 ** 3;
const HELLO = ['echo', 'hello'];

/** From nothing to a command's first byte of output, and the end. */
export const session: Benchmark = {
  about:
    "create to first output, small and with a 1 GiB codebase, beside Docker's create, start and exec; forks; close",
  async run(run) {
    const service = await startService(run);
    const docker = await startDocker(run);
    run.say('registering a small sample and one with a codebase of 1 GiB (a minute or two)');
    await registerSample(service, 'small', SMALL_BYTES);
    await registerSample(service, 'large', LARGE_BYTES);

    const closing: number[] = [];
    const small = (): Promise<number> => createToFirstOutput(service, 'small', closing);
    const large = (): Promise<number> => createToFirstOutput(service, 'large', []);
    const byDocker = async (): Promise<number> => {
      if (docker === undefined) return 0;
      const began = performance.now();
      const container = await docker.container();
      await docker.execByApi(container, HELLO, true);
      const took = performance.now() - began;
      await container.remove({ force: true });
      return took;
    };

    run.say('warming up');
    for (let i = 0; i < 3; i++) await small().then(large);
    for (let i = 0; i < 2; i++) await byDocker();
    closing.length = 0;
    run.say('creating and closing');
    const times = { small: [] as number[], large: [] as number[], docker: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      run.signal.throwIfAborted();
      times.small.push(await small());
      times.large.push(await large());
      if (docker !== undefined) times.docker.push(await byDocker());
    }
    run.say('forking a small session, and one that wrote 1 GiB, into 1 and into 64');
    const forks = await measureForks(service, run.signal);
    const ours = median(times.small);
    const theirs = docker === undefined ? null : median(times.docker);
    return {
      create_to_first_output_p50_ms: figure(ours),
      docker_create_to_first_output_p50_ms: theirs === null ? null : figure(theirs),
      create_ratio: ratio(ours, theirs),
      create_1gib_codebase_p50_ms: figure(median(times.large)),
      fork_p50_ms: figure(forks.small),
      fork_64_of_1gib_ms: figure(forks.many),
      fork_1_of_1gib_ms: figure(forks.one),
      fork_pause_of_1gib_ms: figure(forks.pause),
      close_p50_ms: figure(median(closing)),
    };
  },
};

/** @param closing takes how long the close took. */
async function createToFirstOutput(
  { client }: Service,
  sampleId: string,
  closing: number[],
): Promise<number> {
  const began = performance.now();
  const { session } = await client.sessions.createSession({
    source: { $case: 'sample', value: { sampleId } },
  });
  if (session === undefined || session.error !== '') throw new Error(`no session: ${session?.error}`);
  await firstOutput(client, session.sessionId, HELLO);
  const took = performance.now() - began;
  closing.push(await timed(() => client.sessions.closeSession({ sessionId: session.sessionId })));
  return took;
}

/**
 * Registers a sample with a codebase of so many bytes, and waits until it is READY. Its files differ from each
 * other and compress well, like code: git takes minutes over a gigabyte of noise, and creating does not care.
 */
async function registerSample(service: Service, name: string, bytes: number): Promise<void> {
  const folder = join(service.scratch, name);
  await mkdir(join(folder, 'verification'), { recursive: true });
  await writeFile(
    join(folder, 'sample.yaml'),
    [
      `sample_id: ${name}`,
      'dataset: bench',
      `description: A codebase of ${bytes} bytes.`,
      'environment:',
      service.image === undefined ? '  host: {requires: [sh]}' : `  image: ${service.image}`,
      'verification:',
      '  grading: exit_code',
      '',
    ].join('\n'),
  );
  await writeFile(join(folder, 'task.md'), 'Nothing to do.\n');
  await writeFile(join(folder, 'verification/run'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  for (let i = 0; i * FILE_BYTES < bytes; i++) {
    const place = join(folder, 'codebase', `part-${i >> 6}`);
    if ((i & 63) === 0) await mkdir(place, { recursive: true });
    await writeFile(join(place, `file-${i}.bin`), Buffer.alloc(FILE_BYTES, randomBytes(4096)));
  }
  const { samples } = service.client;
  await samples.registerSample(upload({}, packFolder(folder)));
  await rm(folder, { recursive: true });
  let error: string | undefined;
  for await (const { event } of samples.watchSample({ sample: { sampleId: name } })) {
    if (event?.$case === 'sample') error = event.value.error;
  }
  if (error !== '') throw new Error(`the sample ${name} could not be prepared: ${error}`);
}
