import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compiledScript } from '../support/compiled-script.js';
import { belongings, DOCKER_START_MS, ownerOf, sharedDocker } from '../support/docker.js';
import { dockerHere, type EngineName, engineHere } from '../support/engine-here.js';
import { standInFor } from '../support/stand-in.js';

interface Demo {
  /** Where it may make temporary folders. */
  readonly folder: string;
  readonly ended: Promise<{ readonly status: number; readonly output: string }>;
}

async function demo(script: string, settings: Readonly<Record<string, string>>): Promise<Demo> {
  const folder = await mkdtemp(join(tmpdir(), 'demo-'));
  // As /tmp is: sandboxes have ids of their own.
  await chmod(folder, 0o711);
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: folder, ...settings };
  const ended = new Promise<{ status: number; output: string }>((resolve) => {
    execFile(process.execPath, [script], { env }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
  });
  return { folder, ended };
}

// On a machine with only Docker the demo is the same there.
const engines: readonly EngineName[] = engineHere() === 'local' ? ['local', 'docker'] : ['docker'];

describe.each(engines)('on the %s engine', (engine) => {
  test.skipIf(engine === 'docker' && !dockerHere())(
    'the demo shows FAILED and then PASSED, reads well without a terminal, and leaves nothing behind',
    async () => {
      if (engine === 'docker') await standInFor('python:3.13-slim');
      const docker = engine === 'docker' ? await sharedDocker() : undefined;
      const host: Record<string, string> = docker === undefined ? {} : { CODESET_DOCKER_HOST: docker.host };
      await using program = await compiledScript('src/demo/main.ts');
      // Named: `auto` would ask a Docker of the machine's owner.
      const { folder, ended } = await demo(program.path, { CODESET_ENGINE: engine, ...host });
      try {
        let owner = '';
        const found = async (): Promise<void> =>
          await expect.poll(async () => (owner ||= await ownerIn(folder)), { timeout: 120_000 }).not.toBe('');
        const [{ status, output }] = await Promise.all([ended, docker === undefined ? undefined : found()]);
        expect({ status, output }).toMatchObject({ status: 0 });
        expect(output.search(/^ +FAILED: /m)).toBeGreaterThan(0);
        expect(output.search(/^ +PASSED: /m)).toBeGreaterThan(output.search(/^ +FAILED: /m));
        expect(output).not.toContain('\u001b');
        expect(await readdir(folder)).toEqual([]);
        if (docker === undefined) return;
        const none = { containers: [], volumes: [], networks: [], images: [] };
        expect(await belongings(docker.api, owner)).toEqual(none);
        const tags = (await docker.api.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []);
        expect(tags.filter((tag) => tag.startsWith(`codeset/${owner}:`))).toEqual([]);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    DOCKER_START_MS,
  );
});

/** Whose the things of a demo that runs on Docker are; empty before it has been there. */
async function ownerIn(folder: string): Promise<string> {
  const [home = ''] = await readdir(folder);
  const dataDir = join(folder, home, 'data');
  return existsSync(join(dataDir, 'docker', 'owner')) ? ownerOf(dataDir) : '';
}
