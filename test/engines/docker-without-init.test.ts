import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Environment } from '../../src/core/environment.js';
import { DockerEngine } from '../../src/engines/docker/docker-engine.js';
import { daemonEvents } from '../../src/engines/docker/images/json-lines.js';
import type { DockerEngineOptions } from '../../src/engines/docker/options.js';
import { DOCKER_START_MS, ownerOf, startDockerd, TEST_IMAGE, type Dockerd } from '../support/docker.js';
import { layerTar } from '../support/registry.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { failure } from './contract/failure.js';
import { HOST_ENVIRONMENT, sandboxSpec, sh } from './contract/sandbox.js';

const initPath = new URL('../../init/build/codeset-init', import.meta.url).pathname;
const SLOW_MS = 120_000;
/** e_machine of an ELF file. */
const MACHINE_AT = 18;
const ANOTHER_MACHINE = 243;

/** A runtime that lets nothing be executed of what is mounted where sandboxes see init. */
const NO_EXEC_RUNTIME = `#!/bin/sh
before=
for word; do
  if [ "$before" = --bundle ]; then
    sed -i 's#\\("destination":"/run/codeset","type":"bind","source":"[^"]*","options":\\[\\)#\\1"noexec",#' "$word/config.json"
  fi
  before=$word
done
exec runc "$@"
`;

describe('docker: where init can’t run', () => {
  let daemon: Dockerd;
  let scripts: TempFolder;
  let folder: TempFolder;
  let engine: DockerEngine;
  let environment: Environment;
  let told: string[];

  beforeAll(async () => {
    scripts = await tempFolder();
    const noexec = join(scripts.path, 'runtime');
    await writeFile(noexec, NO_EXEC_RUNTIME, { mode: 0o755 });
    daemon = await startDockerd({ runtimes: { noexec } });
  }, DOCKER_START_MS);
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await scripts?.[Symbol.asyncDispose]();
  }, SLOW_MS);

  beforeEach(async () => {
    told = [];
    folder = await tempFolder();
  });
  afterEach(async () => {
    for (const { sandboxId } of await engine.list()) await engine.destroy(sandboxId);
    await engine.close();
    await folder[Symbol.asyncDispose]();
  }, SLOW_MS);

  async function open(options: Partial<DockerEngineOptions> = {}): Promise<void> {
    engine = await DockerEngine.open({
      dataDir: folder.path,
      runDir: join(folder.path, 'run'),
      initPath: () => initPath,
      log: { debug() {}, info() {}, warn: (message) => void told.push(message), error() {} },
      address: daemon.host,
      ...options,
    });
    environment = await standOn(TEST_IMAGE);
  }

  async function standOn(image: string): Promise<Environment> {
    const { host: _host, ...rest } = HOST_ENVIRONMENT;
    const on = { ...rest, image };
    return { ...on, ground: await engine.resolve(on, { progress: () => undefined }) };
  }

  /** The keeper's is good, and what sandboxes get after it is not. */
  async function openWithInit(content: Buffer, options: Partial<DockerEngineOptions> = {}): Promise<void> {
    const path = join(folder.path, 'init');
    await writeFile(path, content, { mode: 0o755 });
    let asked = 0;
    await open({ initPath: () => (asked++ === 0 ? initPath : path), ...options });
  }

  /** How many containers of a sandbox were begun since. */
  async function begun(sandboxId: string, since: number): Promise<number> {
    const events = (await daemon.api.getEvents({
      since,
      until: Math.ceil(Date.now() / 1000),
      filters: {
        type: ['container'],
        event: ['create'],
        label: [`codeset.sandbox=${sandboxId}`, `codeset.owner=${ownerOf(folder.path)}`],
      },
    })) as Readable;
    return (await text(events)).split('\n').filter((line) => line !== '').length;
  }

  async function text(stream: Readable): Promise<string> {
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(piece as Buffer);
    return Buffer.concat(pieces).toString();
  }

  test(
    'a runtime that does not execute it: commands are execs of Docker’s, which is told, and remembered for the image',
    async () => {
      await open({ runtime: 'noexec' });
      expect(engine.capabilities().link).toBe('attach');
      const since = Math.floor(Date.now() / 1000);
      await engine.create(sandboxSpec('a', { environment }));
      expect(await sh(engine, 'a', 'id -u; pwd; exit 3')).toMatchObject({
        code: 3,
        stdout: '1000\n/workspace\n',
      });
      expect(told.filter((message) => message.startsWith('Init can not run'))).toHaveLength(1);
      const given = engine.capabilities('a');
      expect(given.link).toBe('exec');
      expect(given.warnings.join(' ')).toContain('docker exec');
      await engine.create(sandboxSpec('b', { environment }));
      expect((await sh(engine, 'b', 'echo b')).stdout).toBe('b\n');
      expect([await begun('a', since), await begun('b', since)]).toEqual([2, 1]);
      // What is done by init's programs alone says so, and leaves nothing.
      for (const purpose of ['side', 'verification'] as const) {
        const refused = await failure(engine.create(sandboxSpec('c', { environment, purpose })));
        expect(refused).toMatchObject({ reason: 'ENGINE_UNSUPPORTED' });
        expect(refused.message).toContain("init can't run");
      }
      expect((await engine.list()).map(({ sandboxId }) => sandboxId).sort()).toEqual(['a', 'b']);
      await engine.close();
      await open({ runtime: 'noexec' });
      expect((await sh(engine, 'a', 'echo again')).stdout).toBe('again\n');
      expect(engine.capabilities('a').link).toBe('exec');
    },
    SLOW_MS,
  );

  test(
    'an init for another machine is no reason to refuse a sandbox',
    async () => {
      const foreign = await readFile(initPath);
      foreign.writeUInt16LE(ANOTHER_MACHINE, MACHINE_AT);
      await openWithInit(foreign);
      await engine.create(sandboxSpec('a', { environment }));
      expect(engine.capabilities('a').link).toBe('exec');
      expect((await sh(engine, 'a', 'echo runs')).stdout).toBe('runs\n');
    },
    SLOW_MS,
  );

  test(
    'an init that ends at once is tried a second time, and no third',
    async () => {
      await openWithInit(Buffer.from('#!/bin/false\n'));
      const since = Math.floor(Date.now() / 1000);
      await engine.create(sandboxSpec('a', { environment }));
      expect((await sh(engine, 'a', 'echo runs')).stdout).toBe('runs\n');
      await engine.create(sandboxSpec('b', { environment }));
      expect([await begun('a', since), await begun('b', since)]).toEqual([3, 1]);
    },
    SLOW_MS,
  );

  test(
    'who asked for one way gets no other',
    async () => {
      await openWithInit(Buffer.from('#!/bin/false\n'), { link: 'attach' });
      expect(await failure(engine.create(sandboxSpec('a', { environment })))).toMatchObject({
        reason: 'ENGINE_FAILED',
      });
      expect(await engine.list()).toEqual([]);
      expect(told).toEqual([]);
    },
    SLOW_MS,
  );

  test(
    'an image in which a shell can’t run either is refused',
    async () => {
      await open({ runtime: 'noexec' });
      const repo = `bare-${ownerOf(folder.path)}`;
      const tar = await layerTar({ tool: { text: 'x', mode: 0o755 } });
      const answer = await daemon.api.importImage(Readable.from([tar]), { repo, tag: '1' });
      for await (const event of daemonEvents(answer as unknown as Readable))
        expect(event.error).toBeUndefined();
      const bare = await standOn(`${repo}:1`);
      const refused = await failure(engine.create(sandboxSpec('a', { environment: bare })));
      expect(refused.reason).toBe('ENGINE_UNSUPPORTED');
      expect(refused.message).toContain('nor /bin/sh');
      expect(await engine.list()).toEqual([]);
      await daemon.api.getImage(`${repo}:1`).remove({ force: true });
    },
    SLOW_MS,
  );
});
