import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { extract, type Header } from 'tar-stream';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Environment, Ground, GroundImage } from '../../src/core/environment.js';
import type { ResolveOptions } from '../../src/core/ports/engine.js';
import { DockerClient } from '../../src/engines/docker/docker-client.js';
import { DockerImages, type DockerImagesOptions } from '../../src/engines/docker/images/docker-images.js';
import { DOCKER_START_MS, sharedDocker, type SharedDocker, TEST_IMAGE } from '../support/docker.js';
import { anEnvironment } from '../support/entities.js';
import { layerTar, TestRegistry, type ImageFile } from '../support/registry.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';

const log = { debug() {}, info() {}, warn() {}, error() {} };
/** A root with something in it that is no program. */
const ROOT: Readonly<Record<string, ImageFile>> = {
  etc: { type: 'directory' },
  'etc/passwd': {
    text: 'root:x:0:0:root:/root:/bin/sh\nwww:x:33:33::/:/bin/sh\n',
    mode: 0o640,
    uid: 7,
    gid: 8,
  },
  'etc/group': 'root:x:0:\n',
};

let docker: SharedDocker;
let api: Docker;
let client: DockerClient;
let registry: TestRegistry;
let folder: TempFolder;
/** Part of the names of everything that a test makes. */
let owner: string;
let waits: number[];
let told: string[];
const options: ResolveOptions = { progress: (message) => void told.push(message) };

beforeAll(async () => {
  docker = await sharedDocker();
  api = docker.api;
  client = await DockerClient.open(docker.host);
}, DOCKER_START_MS);

beforeEach(async () => {
  owner = `t${randomUUID().slice(0, 8)}`;
  waits = [];
  told = [];
  registry = await TestRegistry.start();
  folder = await tempFolder();
});

afterEach(async () => {
  const mine = (await api.listImages({ all: true })).filter(
    ({ Labels, RepoTags, RepoDigests }) =>
      Labels?.['codeset.owner'] === owner ||
      [...(RepoTags ?? []), ...(RepoDigests ?? [])].some(
        (name) => name.startsWith(registry.host) || name.includes(owner),
      ),
  );
  // Those that stand on others first, which may be gone with them.
  for (let left = mine.length; left > 0; left--)
    for (const { Id } of mine)
      await api
        .getImage(Id)
        .remove({ force: true })
        .catch(() => undefined);
  await registry[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function images(changes: Partial<DockerImagesOptions> = {}): DockerImages {
  return new DockerImages({
    client,
    owner,
    log,
    dockerConfigDir: folder.path,
    pause: async (ms) => void waits.push(ms),
    ...changes,
  });
}

function environment(image: string, changes: Partial<Environment> = {}): Environment {
  const { host: _host, ...rest } = anEnvironment();
  return { ...rest, image, ...changes };
}

function imageOf(ground: Ground): GroundImage {
  if (ground.image === undefined) throw new Error('the ground has no image');
  return ground.image;
}

async function importRoot(
  files: Readonly<Record<string, ImageFile>>,
  name: string,
  changes: readonly string[] = [],
): Promise<void> {
  const [repo = '', tag = ''] = name.split(':');
  const answer = (await api.importImage(Readable.from([await layerTar(files)]), {
    repo,
    tag,
    changes,
  })) as unknown as Readable;
  await buffer(answer);
}

/** All names that a daemon has for images, of which some are ours. */
async function namesOf(part: string): Promise<readonly string[]> {
  return (await api.listImages())
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter((name) => name.includes(part))
    .sort();
}

async function fileIn(image: string, path: string): Promise<{ header: Header; text: string } | undefined> {
  const container = await api.createContainer({
    Image: image,
    Cmd: ['/x'],
    Labels: { 'codeset.owner': owner },
  });
  try {
    const archive = extract();
    const answer = (await container.getArchive({ path })) as Readable;
    answer.pipe(archive);
    for await (const entry of archive) {
      const { header } = entry;
      const text = (await buffer(entry)).toString('utf8');
      // Docker puts the type's bits there, too.
      return { header: { ...header, mode: (header.mode ?? 0) & 0o7777 }, text };
    }
    return undefined;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  } finally {
    await container.remove({ v: true });
  }
}

async function containersOfMine(): Promise<number> {
  return (await api.listContainers({ all: true, filters: { label: [`codeset.owner=${owner}`] } })).length;
}

async function danglingOfMine(): Promise<number> {
  const filters = { label: [`codeset.owner=${owner}`], dangling: ['true'] };
  return (await api.listImages({ filters })).length;
}

function unmet(...parts: string[]): unknown {
  return expect.objectContaining({
    kind: 'failed-precondition',
    reason: 'ENVIRONMENT_UNMET',
    message: expect.stringMatching(new RegExp(parts.join('[\\s\\S]*'))),
  });
}

describe('a pull', () => {
  test('brings an image, tells how far it is, and pins it by its digest', async () => {
    const digest = await registry.put('app', '1', { layers: [ROOT], config: { Env: ['A=1', 'B=x=y'] } });
    const bytes: { done: number; total: number }[] = [];
    const name = `${registry.host}/app:1`;
    const { image } = await images().resolve(environment(name), {
      progress: (message, counted) => {
        told.push(message);
        if (counted !== undefined) bytes.push(counted);
      },
    });
    const { Id, Architecture } = await api.getImage(name).inspect();
    expect(image).toEqual({
      id: Id,
      name: `${name}@${digest}`,
      env: { A: '1', B: 'x=y' },
      architecture: Architecture,
    });
    expect(told[0]).toBe(`Pulling the image ${name}.`);
    expect(told).toContain(`Pulled the image ${name}.`);
    const last = bytes.at(-1);
    expect(last?.done).toBe(last?.total);
  });

  test('is done once for however many ask, and not at all for what is there', async () => {
    await registry.put('app', '1', { layers: [ROOT] });
    const all = images();
    const name = `${registry.host}/app:1`;
    const grounds = await Promise.all(
      Array.from({ length: 5 }, () => all.resolve(environment(name), options)),
    );
    expect(new Set(grounds.map((ground) => imageOf(ground).id)).size).toBe(1);
    const asked = registry.asked.length;
    await all.resolve(environment(name), options);
    expect(registry.asked.length).toBe(asked);
    expect(registry.blobsAsked).toBe(2);
  });

  test('goes on for who still waits, and ends when nobody does', async () => {
    await registry.put('app', '1', { layers: [ROOT] });
    registry.hold();
    const all = images();
    const name = `${registry.host}/app:1`;
    const first = new AbortController();
    const second = new AbortController();
    const leaving = all.resolve(environment(name), options, first.signal);
    const staying = all.resolve(environment(name), options, second.signal);
    await expect.poll(() => registry.blobsAsked).toBeGreaterThan(0);
    first.abort(new Error('enough'));
    await expect(leaving).rejects.toThrow('enough');
    registry.release();
    expect(imageOf(await staying).name).toContain(name);

    await registry.put('other', '1', { layers: [{ ...ROOT, other: 'file' }] });
    registry.hold();
    const alone = new AbortController();
    const before = registry.blobsAsked;
    const left = all.resolve(environment(`${registry.host}/other:1`), options, alone.signal);
    await expect.poll(() => registry.blobsAsked).toBeGreaterThan(before);
    alone.abort(new Error('enough'));
    await expect(left).rejects.toThrow('enough');
    registry.release();
    await expect(api.getImage(`${registry.host}/other:1`).inspect()).rejects.toMatchObject({
      statusCode: 404,
    });
  });

  test('that came to its end in a life that was killed before it could say whose, is the service’s', async () => {
    await registry.put('app', '1', { layers: [ROOT] });
    registry.hold();
    const pullsFolder = join(folder.path, 'pulls');
    const name = `${registry.host}/app:1`;
    const killed = images({ pullsFolder });
    const resolved = killed.resolve(environment(name), options);
    await expect.poll(() => registry.blobsAsked).toBeGreaterThan(0);
    const [file = ''] = await readdir(pullsFolder);
    const record = await readFile(join(pullsFolder, file));
    // While it goes on it is nobody's to sweep.
    await killed.sweep();
    expect(await readdir(pullsFolder)).toEqual([file]);
    registry.release();
    await resolved;
    expect(await readdir(pullsFolder)).toEqual([]);

    // As it would be, had the service been killed at that moment.
    const tags = await namesOf(`codeset/${owner}:pull-`);
    expect(tags.length).toBe(1);
    for (const tag of tags) await api.getImage(tag).remove();
    await writeFile(join(pullsFolder, file), record);
    await writeFile(join(pullsFolder, 'half'), record.subarray(0, 20));
    await images({ pullsFolder }).sweep();
    expect(await namesOf(`codeset/${owner}:pull-`)).toEqual(tags);
    expect(await readdir(pullsFolder)).toEqual([]);
  });

  test('that a killed life only began makes nothing the service’s', async () => {
    await registry.put('app', '1', { layers: [ROOT] });
    const pullsFolder = join(folder.path, 'pulls');
    const name = `${registry.host}/app:1`;
    const before = (await api.listImages({ all: true })).map(({ Id }) => Id);
    await mkdir(pullsFolder);
    await writeFile(join(pullsFolder, 'one'), JSON.stringify({ image: name, before }));
    await images({ pullsFolder }).sweep();
    expect(await readdir(pullsFolder)).toEqual([]);
    expect(await namesOf(`codeset/${owner}:`)).toEqual([]);
  });

  test('of what is not there says so, and is not tried again', async () => {
    const name = `${registry.host}/app:missing`;
    await expect(images().resolve(environment(name), options)).rejects.toEqual(
      unmet('There is no image', name),
    );
    expect(waits).toEqual([]);
  });

  test('of a private image says how to log in, and takes what docker login left', async () => {
    registry.login = 'me:secret';
    await registry.put('app', '1', { layers: [ROOT] });
    const name = `${registry.host}/app:1`;
    const all = images();
    await expect(all.resolve(environment(name), options)).rejects.toEqual(
      unmet('may not be pulled', `docker login ${registry.host}`),
    );
    expect(waits).toEqual([]);
    const auth = Buffer.from('me:secret').toString('base64');
    const config = JSON.stringify({ auths: { [registry.host]: { auth } } });
    await writeFile(join(folder.path, 'config.json'), config);
    expect(imageOf(await all.resolve(environment(name), options)).name).toContain(name);
  });

  test('that fails for a while is tried again after growing waits', async () => {
    await registry.put('app', '1', { layers: [ROOT] });
    registry.refuse({ status: 503, code: 'UNAVAILABLE', message: 'not now', times: 2 });
    const all = images();
    await all.resolve(environment(`${registry.host}/app:1`), options);
    // How many requests Docker itself makes of one pull is its own affair.
    expect(waits.length).toBeGreaterThan(0);
    expect(told.some((message) => message.includes('trying again'))).toBe(true);
  });

  test('too many says so in the end, and when to come again', async () => {
    registry.refuse({ status: 429, code: 'TOOMANYREQUESTS', message: 'slow down', times: 1000 });
    await expect(images().resolve(environment(`${registry.host}/app:1`), options)).rejects.toMatchObject({
      kind: 'unavailable',
      reason: 'ENGINE_FAILED',
      retryAfterMs: 600_000,
      message: expect.stringMatching(/too many requests[\s\S]*docker login/),
    });
    expect(waits).toHaveLength(4);
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(1000 * 2 ** index);
      expect(wait).toBeLessThanOrEqual(3000 * 2 ** index);
    }
  });

  test('from a registry that does not answer says so', async () => {
    const gone = await TestRegistry.start();
    await gone[Symbol.asyncDispose]();
    await expect(images().resolve(environment(`${gone.host}/app:1`), options)).rejects.toMatchObject({
      kind: 'unavailable',
      reason: 'ENGINE_FAILED',
      retryAfterMs: 60_000,
      message: expect.stringContaining(`Docker does not reach ${gone.host}`),
    });
    expect(waits).toHaveLength(4);
  });

  test('brings again what was removed, by its digest, though the tag moved on', async () => {
    await registry.put('app', '1', { layers: [ROOT] });
    const name = `${registry.host}/app:1`;
    const first = images();
    const ground = await first.resolve(environment(name), options);
    await registry.put('app', '1', { layers: [{ ...ROOT, newer: 'file' }] });
    await first.collect(new Set());
    await images({ policy: { graceMs: 0 } }).collect(new Set());
    await expect(api.getImage(imageOf(ground).id).inspect()).rejects.toMatchObject({ statusCode: 404 });
    const again = await images().resolve({ ...environment(name), ground }, options);
    expect(again).toEqual(ground);
    expect((await api.getImage(imageOf(ground).id).inspect()).Id).toBe(imageOf(ground).id);
  });
});

describe('an image that is only local', () => {
  test('is taken as it is', async () => {
    const name = `${owner}/local:1`;
    await importRoot(ROOT, name);
    const { Id } = await api.getImage(name).inspect();
    const ground = await images().resolve(environment(name), options);
    expect(imageOf(ground)).toMatchObject({ id: Id, name });
    expect(registry.asked).toEqual([]);
    const byId = await images().resolve(environment(Id), options);
    expect(imageOf(byId).id).toBe(Id);
  });

  test('is missed with a sentence once it is gone', async () => {
    const name = `${owner}/local:1`;
    await importRoot(ROOT, name);
    const all = images({ policy: { graceMs: 0 } });
    const ground = imageOf(await all.resolve(environment(name), options));
    await all.collect(new Set());
    await api.getImage(name).remove();
    await expect(all.groundImage(ground)).rejects.toEqual(unmet("is gone from Docker and can't be pulled"));
    await expect(all.resolve(environment(ground.id), options)).rejects.toEqual(unmet('has no image'));
  });
});

describe('the image that sandboxes stand on', () => {
  test('has the user agent and a home, and files keep owners and modes', async () => {
    const name = `${owner}/local:1`;
    await importRoot(ROOT, name, [
      'ENTRYPOINT ["/entry"]',
      'CMD ["/cmd"]',
      'USER 33',
      'HEALTHCHECK CMD /x',
      'ENV A=1',
      'WORKDIR /srv',
      'ONBUILD RUN x',
    ]);
    const all = images();
    const ground = imageOf(await all.resolve(environment(name), options));
    const id = await all.groundImage(ground);
    expect(await all.groundImage(ground)).toBe(id);
    const passwd = await fileIn(id, '/etc/passwd');
    expect(passwd?.text).toContain('www:x:33:33::/:/bin/sh\nagent:x:1000:1000:agent:/home/agent:/bin/sh\n');
    expect(passwd?.header).toMatchObject({ mode: 0o640, uid: 7, gid: 8 });
    expect((await fileIn(id, '/etc/group'))?.text).toBe('root:x:0:\nagent:x:1000:\n');
    expect((await fileIn(id, '/home/agent'))?.header).toMatchObject({
      type: 'directory',
      mode: 0o755,
      uid: 1000,
      gid: 1000,
    });
    const { Config } = await api.getImage(id).inspect();
    expect(Config.Entrypoint ?? []).toEqual([]);
    expect(Config.Cmd).toEqual(['/nothing']);
    expect(Config.User).toBe('0:0');
    expect(Config.Healthcheck?.Test).toEqual(['NONE']);
    expect(Config.OnBuild ?? []).toEqual([]);
    expect(Config.Env).toContain('A=1');
    expect(Config.Labels).toMatchObject({ 'codeset.owner': owner });
    expect(await containersOfMine()).toBe(0);
  });

  test('of an image with nothing at all has what it needs', async () => {
    const name = `${owner}/scratch:1`;
    await importRoot({ 'program.txt': 'x' }, name);
    const all = images();
    const id = await all.groundImage(imageOf(await all.resolve(environment(name), options)));
    const passwd = await fileIn(id, '/etc/passwd');
    expect(passwd?.text).toMatch(/^root:x:0:0:.*\nagent:x:1000:/);
    expect(passwd?.header).toMatchObject({ mode: 0o644, uid: 0, gid: 0 });
    expect((await fileIn(id, '/etc'))?.header).toMatchObject({ mode: 0o755, uid: 0 });
    expect((await fileIn(id, '/program.txt'))?.text).toBe('x');
  });

  test('has no volumes, and what lies at their places is part of it', async () => {
    const name = `${owner}/volumes:1`;
    const files = { ...ROOT, home: { type: 'directory' as const }, 'srv/data.txt': 'kept' };
    await importRoot(files, name, ['VOLUME /home /srv', 'ENV A=1']);
    const all = images();
    const id = await all.groundImage(imageOf(await all.resolve(environment(name), options)));
    const { Config } = await api.getImage(id).inspect();
    expect(Object.keys(Config.Volumes ?? {})).toEqual([]);
    expect(Config.Env).toContain('A=1');
    expect((await fileIn(id, '/home/agent'))?.header.uid).toBe(1000);
    expect((await fileIn(id, '/srv/data.txt'))?.text).toBe('kept');
  });

  test('has its users where links lead, and keeps the links', async () => {
    const name = `${owner}/links:1`;
    await importRoot(
      {
        'etc/passwd': { type: 'symlink', linkname: '../usr/users' },
        'usr/users': 'root:x:0:0:::\n',
        home: { type: 'symlink', linkname: 'var/homes' },
        'var/homes': { type: 'directory' },
      },
      name,
    );
    const all = images();
    const id = await all.groundImage(imageOf(await all.resolve(environment(name), options)));
    expect((await fileIn(id, '/usr/users'))?.text).toContain('agent:x:1000');
    expect((await fileIn(id, '/etc/passwd'))?.header.type).toBe('symlink');
    expect((await fileIn(id, '/home'))?.header.type).toBe('symlink');
    expect((await fileIn(id, '/var/homes/agent'))?.header.uid).toBe(1000);
  });

  test('starts commands as agent and as whoever else has that id', async () => {
    const all = images();
    const id = await all.groundImage(imageOf(await all.resolve(environment(TEST_IMAGE), options)));
    const container = await api.createContainer({
      Image: id,
      Cmd: ['/bin/sh', '-c', 'id -un; cd; pwd; touch ok && echo written'],
      User: 'agent',
      Labels: { 'codeset.owner': owner },
      HostConfig: { NetworkMode: 'none' },
    });
    try {
      await container.start();
      await container.wait();
      const output = String(await container.logs({ stdout: true, stderr: true }));
      expect(output).toMatch(/agent[\s\S]*\/home\/agent[\s\S]*written/);
    } finally {
      await container.remove({ force: true, v: true });
    }
  });

  test('must have the user that a sample names', async () => {
    const name = `${owner}/local:1`;
    await importRoot(ROOT, name);
    const all = images();
    const ground = await all.resolve(environment(name, { user: 'www' }), options);
    expect(ground.image?.user).toEqual({ uid: 33, gid: 33 });
    expect((await all.resolve(environment(name), options)).image?.user).toBeUndefined();
    // What was resolved before ids were told stays as it was.
    const { user: _, ...earlier } = ground.image ?? expect.fail('no image');
    const old = { ...environment(name, { user: 'www' }), ground: { engine: 'docker', image: earlier } };
    expect((await all.resolve(old, options)).image?.user).toBeUndefined();
    await expect(all.resolve(environment(name, { user: 'nobody' }), options)).rejects.toEqual(
      unmet('has no user "nobody"', 'root, www'),
    );
    expect(await containersOfMine()).toBe(0);
  });
});

describe('a Dockerfile', () => {
  const files = (entries: Readonly<Record<string, ImageFile>>) => async (): Promise<Readable> =>
    Readable.from([await layerTar(entries)]);
  const built = (changes: Partial<Environment> = {}): Environment => {
    const { image: _image, ...rest } = environment('');
    return { ...rest, dockerfile: 'docker/Dockerfile', ...changes };
  };

  test('is built of the files that agents may see, with its output as it comes, and once', async () => {
    const entries = {
      'docker/Dockerfile': `FROM ${TEST_IMAGE}\nCOPY . /context/\nRUN echo it runs && id -u > /by\nENV B=2\n`,
      'data.txt': 'data',
      'verification/run': 'hidden',
      'solution/solution.patch': 'hidden',
    };
    const all = images();
    const order = { ...options, files: files(entries) };
    const [ground, same] = await Promise.all([all.resolve(built(), order), all.resolve(built(), order)]);
    expect(same).toEqual(ground);
    const { env, id, name } = imageOf(ground);
    expect(name).toMatch(/^Dockerfile docker\/Dockerfile \(sha256:[0-9a-f]{64}\)$/);
    expect(env['B']).toBe('2');
    expect(told).toContain('it runs');
    expect((await fileIn(id, '/context/data.txt'))?.text).toBe('data');
    expect(await fileIn(id, '/context/verification')).toBeUndefined();
    expect(await fileIn(id, '/context/solution')).toBeUndefined();
    told.length = 0;
    expect(await images().resolve(built(), order)).toEqual(ground);
    expect(told).not.toContain('it runs');
    expect(await containersOfMine()).toBe(0);
    expect(await danglingOfMine()).toBe(0);
  });

  test('follows no link out of its context', async () => {
    const link = (linkname: string): ImageFile => ({ type: 'symlink', linkname });
    const tree = {
      'data.txt': 'data',
      out: link('/etc'),
      up: link('../../../../etc'),
      hidden: link('solution/x'),
    };
    const resolve = (line: string): Promise<Ground> =>
      images().resolve(built(), {
        ...options,
        files: files({
          ...tree,
          'solution/x': 'hidden',
          'docker/Dockerfile': `FROM ${TEST_IMAGE}\n${line}\n`,
        }),
      });
    for (const source of ['out/passwd', 'up/passwd', 'hidden', '../data.txt/../../etc/passwd']) {
      await expect(resolve(`COPY ${source} /stolen`)).rejects.toEqual(unmet('could not be built'));
    }
    // As links they come along, and lead where they do in the image.
    const { id } = imageOf(await resolve('COPY . /context/'));
    expect((await fileIn(id, '/context/out'))?.header).toMatchObject({ type: 'symlink', linkname: '/etc' });
    expect(await fileIn(id, '/context/solution')).toBeUndefined();
  });

  test('that fails shows the end of its log, and nothing of it stays', async () => {
    const entries = {
      'docker/Dockerfile': `FROM ${TEST_IMAGE}\nRUN echo first > /first\nRUN echo so far so good; exit 3\n`,
    };
    await expect(images().resolve(built(), { ...options, files: files(entries) })).rejects.toEqual(
      unmet('docker/Dockerfile could not be built', 'non-zero code: 3', 'so far so good'),
    );
    expect(await containersOfMine()).toBe(0);
    expect(await danglingOfMine()).toBe(0);
  });

  test('that is written for BuildKit fails with what to do', async () => {
    const entries = {
      'docker/Dockerfile': `FROM ${TEST_IMAGE}\nRUN --mount=type=cache,target=/x echo never\n`,
    };
    await expect(images().resolve(built(), { ...options, files: files(entries) })).rejects.toEqual(
      unmet('docker/Dockerfile could not be built', 'It has RUN --mount, for BuildKit', 'write it without'),
    );
    expect(told).not.toContain('never');
  });

  test('that is cancelled leaves nothing', async () => {
    const entries = {
      'docker/Dockerfile': `FROM ${TEST_IMAGE}\nRUN echo first > /first\nRUN echo begun; exec sleep 1000\n`,
    };
    const stop = new AbortController();
    const all = images();
    const building = all.resolve(built(), { ...options, files: files(entries) }, stop.signal);
    await expect.poll(() => told).toContain('begun');
    stop.abort(new Error('enough'));
    await expect(building).rejects.toThrow('enough');
    await expect
      .poll(async () => {
        await all.close();
        return [await containersOfMine(), await danglingOfMine()];
      })
      .toEqual([0, 0]);
  });

  test('stands on images that are pulled as others are', async () => {
    await registry.put('base', '1', { layers: [ROOT] });
    const text = `FROM ${registry.host}/base:1\nCOPY data.txt /\n`;
    const order = { ...options, files: files({ 'docker/Dockerfile': text, 'data.txt': 'data' }) };
    const ground = await images().resolve(built(), order);
    expect(told).toContain(`Pulled the image ${registry.host}/base:1.`);
    expect((await fileIn(imageOf(ground).id, '/data.txt'))?.text).toBe('data');
    const missing = `FROM ${registry.host}/missing:1\n`;
    await expect(
      images().resolve(built(), { ...options, files: files({ 'docker/Dockerfile': missing }) }),
    ).rejects.toEqual(unmet('There is no image', 'missing:1'));
  });

  test('has nothing fetched by the daemon itself, whatever the network of its steps', async () => {
    const base = `${owner}/fetching:1`;
    await importRoot(ROOT, base, ['ONBUILD ADD http://127.0.0.1:9/x /x']);
    const resolve = (text: string): Promise<Ground> =>
      images().resolve(built(), { ...options, files: files({ 'docker/Dockerfile': text }) });
    const said = 'setup_network: public';
    await expect(resolve(`FROM ${base}\n`)).rejects.toEqual(unmet(`by ONBUILD of ${base}`, said));
    const direct = `FROM ${TEST_IMAGE}\nADD http://127.0.0.1:9/x /x\n`;
    await expect(resolve(direct)).rejects.toEqual(unmet('ADD http://127.0.0.1:9/x', said));
    await expect(resolve('ARG BASE\nFROM $BASE\n')).rejects.toEqual(unmet('known only at the build'));
  });

  test('that is not there, is no Dockerfile, or comes with too much is refused', async () => {
    const resolve = (entries: Readonly<Record<string, ImageFile>>, changes = {}): Promise<Ground> =>
      images(changes).resolve(built(), { ...options, files: files(entries) });
    await expect(resolve({ 'a.txt': 'x' })).rejects.toEqual(unmet('there is no such file'));
    await expect(resolve({ 'docker/Dockerfile': 'NONSENSE\n' })).rejects.toEqual(unmet('could not be built'));
    await expect(
      resolve({ 'docker/Dockerfile': 'FROM x', 'a.txt': 'x'.repeat(5000) }, { maxContextBytes: 4096 }),
    ).rejects.toMatchObject({ reason: 'TOO_LARGE' });
    await expect(images().resolve(built(), options)).rejects.toEqual(unmet('There are no files'));
  });

  test('gets no network unless there is one that ends at what is not the world', async () => {
    const entries = { 'docker/Dockerfile': `FROM ${TEST_IMAGE}\nRUN ip -o link | wc -l > /links\n` };
    const order = { ...options, files: files(entries) };
    const ground = await images().resolve(built(), order);
    expect((await fileIn(imageOf(ground).id, '/links'))?.text.trim()).toBe('1');
    const open = built({ setupNetwork: 'public' });
    await expect(images().resolve(open, order)).rejects.toMatchObject({ reason: 'ENGINE_UNSUPPORTED' });
    let closed = 0;
    const openBuildNetwork = async (): Promise<{ mode: string } & AsyncDisposable> => ({
      mode: 'none',
      [Symbol.asyncDispose]: async () => void closed++,
    });
    const asked = await images({ openBuildNetwork }).resolve(open, order);
    expect(imageOf(asked).id).not.toBe('');
    expect(closed).toBe(1);
  });
});

test('the toolbox has what our own work on files takes, and is made once', async () => {
  const all = images();
  const [id, same] = await Promise.all([all.toolbox(), all.toolbox()]);
  expect(same).toBe(id);
  expect(await images().toolbox()).toBe(id);
  const { Size } = await api.getImage(id).inspect();
  expect(Size).toBeLessThan(40e6);
  const script = [
    'set -e; cd /tmp; mkdir a; cd a; export HOME=/tmp',
    'git init -q .; echo one > file; git add -A; git -c user.name=a -c user.email=b commit -qm first',
    'git init -q --bare ../b; cd ../b; git fetch -q file:///tmp/a HEAD; git cat-file -p FETCH_HEAD:file',
    "find /tmp/a -name file -printf '%P\\n' | LC_ALL=C sort | sed -z 's|^|./|' | xargs -0 echo",
    'tar -cf - -C /tmp/a file | tar -tf -; cp -a /tmp/a /tmp/c; id -un',
  ].join('\n');
  const container = await api.createContainer({
    Image: id,
    Cmd: ['/bin/sh', '-c', script],
    User: 'agent',
    Labels: { 'codeset.owner': owner },
    HostConfig: { NetworkMode: 'none', CapDrop: ['ALL'] },
  });
  try {
    await container.start();
    const { StatusCode } = (await container.wait()) as { StatusCode: number };
    const output = String(await container.logs({ stdout: true, stderr: true }));
    expect(output).toMatch(/one[\s\S]*\.\/file[\s\S]*file[\s\S]*agent/);
    expect(StatusCode, output).toBe(0);
  } finally {
    await container.remove({ force: true, v: true });
  }
});

test('an image that a setting names stands in for the toolbox', async () => {
  const all = images({ toolboxImage: TEST_IMAGE });
  const id = await all.toolbox();
  const { Config } = await api.getImage(id).inspect();
  expect(Config.Labels['codeset.ground']).toBe((await api.getImage(TEST_IMAGE).inspect()).Id);
});

describe('the collection', () => {
  test('removes what came because of us and nothing refers to, and no image of anybody else', async () => {
    const mine = `${owner}/local:1`;
    await importRoot(ROOT, mine);
    await registry.put('used', '1', { layers: [{ ...ROOT, used: 'x' }] });
    await registry.put('unused', '1', { layers: [{ ...ROOT, unused: 'x' }] });
    const all = images({ policy: { graceMs: 0 } });
    await all.resolve(environment(mine), options);
    const used = imageOf(await all.resolve(environment(`${registry.host}/used:1`), options));
    const unused = imageOf(await all.resolve(environment(`${registry.host}/unused:1`), options));
    const toolbox = await all.toolbox();
    const { removed } = await all.removeUnused(new Set([used.id]));
    expect(removed).toHaveLength(3);
    await expect(api.getImage(unused.id).inspect()).rejects.toMatchObject({ statusCode: 404 });
    expect(await namesOf(registry.host)).toEqual([`${registry.host}/used:1`]);
    expect(await namesOf(mine)).toEqual([mine]);
    expect((await api.getImage(toolbox).inspect()).Id).toBe(toolbox);
    expect(await all.groundImage(used)).toMatch(/^sha256:/);
    expect((await all.removeUnused(new Set([used.id]))).removed).toEqual([]);
  });

  test('waits for its grace while there is room', async () => {
    await registry.put('app', '1', { layers: [ROOT] });
    const name = `${registry.host}/app:1`;
    const patient = images();
    await patient.resolve(environment(name), options);
    expect((await patient.removeUnused(new Set())).removed).toEqual([]);
    // Not even above the ceiling goes what was asked for a moment ago.
    const full = images({ policy: { maxBytes: 0 } });
    await full.resolve(environment(name), options);
    expect((await full.removeUnused(new Set())).removed).toEqual([]);
    expect(await namesOf(registry.host)).toEqual([name]);
  });

  test('leaves an image that somebody else named, too', async () => {
    await registry.put('app', '1', { layers: [ROOT] });
    const name = `${registry.host}/app:1`;
    const all = images({ policy: { graceMs: 0 } });
    const { id } = imageOf(await all.resolve(environment(name), options));
    await api.getImage(id).tag({ repo: `${owner}/theirs`, tag: '1' });
    await all.collect(new Set());
    expect((await api.getImage(id).inspect()).RepoTags?.sort()).toEqual([name, `${owner}/theirs:1`].sort());
  });

  test('leaves an image that was there before we pulled its name', async () => {
    await registry.put('app', '1', { layers: [ROOT] });
    const name = `${registry.host}/app:1`;
    const answer = (await api.pull(name)) as Readable;
    await buffer(answer);
    const all = images({ policy: { graceMs: 0 } });
    await all.resolve(environment(name), options);
    await all.collect(new Set());
    expect(await namesOf(registry.host)).toEqual([name]);
    expect(await namesOf(`codeset/${owner}`)).toEqual([]);
  });

  test('counts what images take without what they share', async () => {
    const text = 'x'.repeat(1_000_000);
    await registry.put('app', '1', { layers: [{ ...ROOT, text }] });
    const all = images();
    await all.resolve(environment(`${registry.host}/app:1`), options);
    const { bytes, maxBytes } = await all.usage();
    expect(maxBytes).toBe(50 * 1024 ** 3);
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(bytes).toBeLessThan(1_100_000);
  });
});
