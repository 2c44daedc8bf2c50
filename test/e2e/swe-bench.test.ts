import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import type { Environment } from '../../src/core/environment.js';
import { importSweBench, type ImportedSample } from '../../src/samples/import/swe-bench.js';
import { bundleRepository, packFiles } from '../../src/samples/pack.js';
import { TEST_IMAGE } from '../support/docker.js';
import { engineHere } from '../support/engine-here.js';
import { judge } from '../support/judging.js';
import { sweBenchFolder } from '../support/parts-missing.js';
import { register, session, startService, type TestService } from '../support/service.js';
import { tempFolder } from '../support/temp-folder.js';

const folder = sweBenchFolder();
const known = folder !== undefined;
if (!known) console.warn('CODESET_TEST_SWE_BENCH is not set: no SWE-bench instances are judged.');

const BARE = { setup: [], prepare: [], setupNetwork: 'none', network: 'none', env: {} } as const;
const ON_HOST: Environment = {
  ...BARE,
  host: { requires: ['python3'] },
  setup: ['python3 -m venv /opt/venv && /opt/venv/bin/pip install --quiet pytest==8.4.2'],
  setupNetwork: 'public',
  env: { PATH: '/opt/venv/bin:$PATH' },
  workdir: '/workspace',
  user: 'agent',
};
// An image has what it takes.
const ON_IMAGE: Environment = { ...BARE, image: TEST_IMAGE, workdir: '/workspace', user: 'agent' };

describe.skipIf(!known)('real SWE-bench instances', () => {
  const bundle = join(folder ?? '', 'python-unidiff.bundle');
  const instances = join(folder ?? '', 'instances.jsonl');
  const samples: ImportedSample[] = [];
  let service: TestService;

  beforeAll(async () => {
    service = await startService({}, undefined, outside());
    await using scratch = await tempFolder();
    const lines = (await readFile(instances, 'utf8')).split('\n');
    const options = {
      dataset: 'unidiff',
      repository: bundle,
      environment: engineHere() === 'docker' ? ON_IMAGE : ON_HOST,
      scratch: scratch.path,
    };
    for await (const outcome of importSweBench(lines, options)) {
      if (outcome.sample === undefined) throw new Error(`line ${outcome.line}: ${outcome.problem}`);
      samples.push(outcome.sample);
    }
    await using repository = await bundleRepository(bundle, [], scratch.path);
    await service.admin.samples.uploadRepository(
      (async function* () {
        const { sha256, bytes } = repository;
        yield { part: { $case: 'header' as const, value: { sha256, sizeBytes: BigInt(bytes) } } };
        for await (const data of repository.content() as AsyncIterable<Buffer>) {
          yield { part: { $case: 'data' as const, value: data } };
        }
      })(),
    );
    for (const { files, commit } of samples) {
      const codebase = { sha256: repository.sha256, commit };
      await register(service.admin, packFiles(files) as AsyncIterable<Buffer>, codebase);
    }
  }, 600_000);

  afterAll(async () => {
    await service?.[Symbol.asyncDispose]();
  });

  test('all six are imported', () => {
    expect(samples.length).toBe(6);
  });

  test('each FAILED untouched and PASSED after its reference patch', { timeout: 600_000 }, async () => {
    for (const { sampleId, files } of samples) {
      const { id } = await session(service.admin, sampleId);
      const untouched = await judge(service.admin, { sessionId: id });
      expect(untouched.verification.state, `${sampleId}: ${untouched.log}`).toBe(VerificationState.FAILED);
      const patch = files.find(({ path }) => path === 'solution/solution.patch')?.content ?? '';
      await service.admin.sessions.applyPatch({ sessionId: id, diff: Buffer.from(patch) });
      const solved = await judge(service.admin, { sessionId: id });
      expect(solved.verification.state, `${sampleId}: ${solved.verification.message}\n${solved.log}`).toBe(
        VerificationState.PASSED,
      );
      await service.admin.sessions.closeSession({ sessionId: id });
    }
  });
});

/** The machine's own environment, less the settings of ours that the suite goes by. */
function outside(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CODESET_')));
}
