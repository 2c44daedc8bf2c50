import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type Docker from 'dockerode';
import { expect } from 'vitest';
import { SampleState } from '../../gen/codeset/v1/sample.js';
import { SessionState } from '../../gen/codeset/v1/session.js';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import type { TestClient } from '../rpc/client.js';
import { belongings, mountsBelow, ownerOf, processesNaming } from '../support/docker.js';
import { session, sh } from '../support/service.js';
import type { TempFolder } from '../support/temp-folder.js';
import { busyRun, REGISTERED } from './busy-run.js';
import { wrongRows } from './rows.js';

const SETTLE = { timeout: 120_000, interval: 250 };

/** What a service has anywhere, but for its database. */
export type Traces = Readonly<Record<string, readonly string[]>>;

/** @param api its Docker, where it has one */
export async function traces(folder: TempFolder, api?: Docker): Promise<Traces> {
  const data = join(folder.path, 'data');
  const run = join(folder.path, 'run');
  const owner = localOwner(data);
  return {
    ...(await inData(data)),
    run: await below(run),
    mounts: await mountsBelow(folder.path),
    // The service itself names them too.
    processes: (await processesNaming(folder.path)).map((line) => line.replace(/^\d+ /, '')).sort(),
    cgroups: await cgroupsOf(owner),
    ...(api === undefined ? {} : await onDocker(api, ownerOf(data))),
  };
}

/** As the local engine has it. */
function localOwner(data: string): string {
  return createHash('sha256').update(realpathSync(data)).digest('hex').slice(0, 12);
}

/** Traces of a service without what tells it from another, for a comparison of both. */
export async function anonymous(folder: TempFolder, api?: Docker): Promise<Traces> {
  const data = join(folder.path, 'data');
  const names = [folder.path, localOwner(data), ...(api === undefined ? [] : [ownerOf(data)])];
  const plain = (text: string): string => names.reduce((left, name) => left.replaceAll(name, 'NAME'), text);
  const found = Object.entries(await traces(folder, api));
  return Object.fromEntries(found.map(([what, list]) => [what, list.map(plain).sort()]));
}

/** Folders whose content is told by name; of the others each entry. */
async function inData(data: string): Promise<Traces> {
  const found: Record<string, readonly string[]> = {};
  // What is in the database's folder of WAL files comes and goes; blobs are the rows' to tell.
  found['data'] = (await list(data)).filter((name) => !name.startsWith('codeset.db'));
  for (const name of [
    'layers',
    'sandboxes',
    'execs',
    'secrets',
    'run',
    'run/samples',
    'docker',
    'docker/ended',
  ])
    found[name] = await list(join(data, name));
  found['blobs'] = [...(await list(join(data, 'blobs'))), ...(await list(join(data, 'blobs/tmp')))];
  return found;
}

async function list(path: string): Promise<readonly string[]> {
  const names: string[] = await readdir(path).catch(() => []);
  return names.sort();
}

/** All that is in a folder, but what is mounted there. */
async function below(path: string): Promise<readonly string[]> {
  const mounts = await mountsBelow(path);
  const found: string[] = [];
  const look = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const at = join(folder, entry.name);
      found.push(at);
      if (entry.isDirectory() && !mounts.includes(at)) await look(at);
    }
  };
  await look(path);
  return found.sort();
}

async function onDocker(api: Docker, owner: string): Promise<Traces> {
  const { containers, volumes, networks, images } = await belongings(api, owner);
  const store = volumes.find((name) => name.endsWith('-store'));
  const point = store === undefined ? undefined : (await api.getVolume(store).inspect()).Mountpoint;
  const stored: string[] = [];
  for (const name of point === undefined ? [] : await readdir(point).catch(() => [])) {
    for (const entry of await readdir(join(point ?? '', name)).catch(() => []))
      stored.push(`${name}/${entry}`);
  }
  // Also what carries no label of ours, only a name.
  const tagged = (await api.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []);
  return {
    containers,
    volumes,
    networks,
    images,
    named: tagged.filter((tag) => tag.startsWith(`codeset/${owner}:`)).sort(),
    stored: stored.sort(),
    volumeMounts:
      point === undefined
        ? []
        : (await mountsBelow(dirname(dirname(point)))).filter((at) => at.includes(`codeset-${owner}-`)),
  };
}

async function cgroupsOf(owner: string): Promise<readonly string[]> {
  const found = [];
  for (const entry of await readdir('/sys/fs/cgroup', { recursive: true, withFileTypes: true }).catch(
    () => [],
  )) {
    if (entry.isDirectory() && entry.parentPath.includes(owner))
      found.push(join(entry.parentPath, entry.name));
  }
  return found.sort();
}

/**
 * After a fault: nothing stays half-made. Sessions are READY and answer, or say why not; verifications end with the
 * verdict that they would have had; what is made anew works; and once all that the run made is put away there is what
 * there was before any.
 * @param before the traces with no session
 * @param kept see `expectKept`; not given where sandboxes end with the fault
 */
export async function expectWhole(
  client: TestClient,
  folder: TempFolder,
  before: Traces,
  now: () => Promise<Traces>,
  seed: string,
  kept?: ReadonlySet<string>,
): Promise<void> {
  const { samples, sessions, verifications } = client;
  const settled = { ...SETTLE, message: seed };
  const half = [SessionState.CREATING];
  await expect
    .poll(async () => (await sessions.listSessions({ states: half })).sessions, settled)
    .toEqual([]);
  if (kept !== undefined) await expectKept(client, kept, seed);
  const ready = await sessions.listSessions({ states: [SessionState.READY], pageSize: 1000 });
  for (const { sessionId } of ready.sessions) {
    expect(await sh(client, sessionId, 'echo alive'), seed).toMatchObject({ code: 0, stdout: 'alive\n' });
  }
  const { sessions: broken } = await sessions.listSessions({ states: [SessionState.ERROR], pageSize: 1000 });
  for (const { error } of broken) expect(error, seed).not.toBe('');
  const { id } = await session(client);
  expect(await sh(client, id, 'cat m.py'), seed).toMatchObject({ code: 0 });
  await verifications.startVerification({ subject: { $case: 'sessionId', value: id } });
  await expect
    .poll(async () => {
      const all = (await samples.listSamples({ pageSize: 1000 })).samples;
      return all.filter(({ state }) => state === SampleState.PREPARING);
    }, settled)
    .toEqual([]);
  for (const { sampleId, state, error } of (await samples.listSamples({ pageSize: 1000 })).samples)
    expect({ sampleId, state, error }, seed).toEqual({ sampleId, state: SampleState.READY, error: '' });
  await putAway(client);
  await expect.poll(now, settled).toEqual(before);
  // Transient snapshots go a moment after the last session that began as one.
  await expect.poll(() => wrongRows(join(folder.path, 'data')), settled).toEqual([]);
}

/**
 * After a fault that takes no sandbox, as a kill of the service: whoever was READY is so still and answers, and only
 * what was being made has failed.
 * @param kept whom the service had said to be READY, and nobody had asked it to close
 */
export async function expectKept(client: TestClient, kept: ReadonlySet<string>, seed: string): Promise<void> {
  for (const sessionId of kept) {
    const { session: found } = await client.sessions.getSession({ sessionId });
    expect({ sessionId, state: found?.state, error: found?.error }, seed).toEqual({
      sessionId,
      state: SessionState.READY,
      error: '',
    });
    expect(await sh(client, sessionId, 'echo alive'), seed).toMatchObject({ code: 0, stdout: 'alive\n' });
  }
  const states = [SessionState.ERROR];
  const { sessions: broken } = await client.sessions.listSessions({ states, pageSize: 1000 });
  expect(
    broken.filter(({ readyTime }) => readyTime !== undefined),
    seed,
  ).toEqual([]);
}

/** A run that nothing disturbs, and that leaves nothing that anybody asked for. */
export async function runOnce(client: TestClient): Promise<void> {
  const over = new AbortController();
  const busy = busyRun(client, over.signal);
  over.abort();
  expect(await busy).toEqual([]);
  await putAway(client);
}

/** Removes what a busy run made and left, of a service that has nothing more to do. */
async function putAway({ samples, sessions, verifications }: TestClient): Promise<void> {
  const open = [VerificationState.PENDING, VerificationState.RUNNING];
  await expect
    .poll(async () => {
      const all = await verifications.listVerifications({ pageSize: 1000 });
      return all.verifications.filter(({ state }) => open.includes(state));
    }, SETTLE)
    .toEqual([]);
  await sessions.closeSessions({ all: true });
  for (const { snapshotId } of (await sessions.listSnapshots({ pageSize: 1000 })).snapshots)
    await sessions.deleteSnapshot({ snapshotId });
  for (const { sampleId } of (await samples.listSamples({ pageSize: 1000 })).samples)
    if (sampleId.startsWith(REGISTERED)) await samples.deleteSample({ sample: { sampleId } });
}
