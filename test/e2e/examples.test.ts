import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import { packFolder } from '../../src/samples/pack.js';
import { DOCKER_START_MS } from '../support/docker.js';
import { engineHere } from '../support/engine-here.js';
import { extent } from '../support/extent.js';
import { judge } from '../support/judging.js';
import { register, session, startService, type TestService } from '../support/service.js';
import { standInFor, type Toolchain } from '../support/stand-in.js';

const EXAMPLES = resolve(import.meta.dirname, '../../samples/examples');
const names = readdirSync(EXAMPLES);
/** On Docker it is the images that are tried, and the verdicts have been. */
const RUNS = engineHere() === 'docker' ? 1 : extent(1, 3);

let service: TestService;

beforeAll(async () => {
  service = await startService();
}, DOCKER_START_MS);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

test('there are at least six examples', () => {
  expect(names.length).toBeGreaterThanOrEqual(6);
});

describe.each(names)('%s', (sampleId) => {
  beforeAll(async () => {
    if (engineHere() === 'docker') await bringImage(sampleId);
    await register(service.admin, packFolder(join(EXAMPLES, sampleId)) as AsyncIterable<Buffer>);
  }, 300_000);

  test('an untouched session FAILED', { timeout: 300_000 }, async () => {
    for (let run = 0; run < RUNS; run++) {
      const { id } = await session(service.admin, sampleId);
      const { verification, log } = await judge(service.admin, { sessionId: id });
      expect(verification.state, `${verification.message}\n${log}`).toBe(VerificationState.FAILED);
      await service.admin.sessions.closeSession({ sessionId: id });
    }
  });

  test('the reference solution PASSED', { timeout: 300_000 }, async () => {
    const diff = await readFile(join(EXAMPLES, sampleId, 'solution/solution.patch'));
    for (let run = 0; run < RUNS; run++) {
      const { verification, log } = await judge(service.admin, { sampleId, diff });
      expect(verification.state, `${verification.message}\n${log}`).toBe(VerificationState.PASSED);
    }
  });
});

/** What an example's image has beside the test image's programs is what it says that it requires of a host. */
async function bringImage(sampleId: string): Promise<void> {
  const manifest = await readFile(join(EXAMPLES, sampleId, 'sample.yaml'), 'utf8');
  const image = /^ {2}image: (\S+)$/m.exec(manifest)?.[1];
  if (image === undefined) throw new Error(`${sampleId} names no image.`);
  const requires = /requires: \[(.*)\]/.exec(manifest)?.[1]?.split(/, */) ?? [];
  await standInFor(
    image,
    requires.filter((name): name is Toolchain => name === 'node' || name === 'go'),
  );
}
