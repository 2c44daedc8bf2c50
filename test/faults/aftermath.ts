import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { expect } from 'vitest';
import { SessionState } from '../../gen/codeset/v1/session.js';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import type { TestClient } from '../rpc/client.js';
import { belongings, mountsBelow, ownerOf, processesNaming } from '../support/docker.js';
import { sh } from '../support/service.js';
import type { TempFolder } from '../support/temp-folder.js';

const SETTLE = { timeout: 120_000, interval: 250 };

/** What a service has anywhere, but for its database. */
export type Traces = Readonly<Record<string, readonly string[]>>;

/** @param api its Docker, where it has one */
export async function traces(folder: TempFolder, api?: Docker): Promise<Traces> {
  const data = join(folder.path, 'data');
  const list = async (path: string): Promise<readonly string[]> => {
    const names: string[] = await readdir(path).catch(() => []);
    return names.sort();
  };
  const run = join(folder.path, 'run');
  // As the local engine has it.
  const owner = createHash('sha256').update(realpathSync(data)).digest('hex').slice(0, 12);
  return {
    layers: await list(join(data, 'layers')),
    sandboxes: await list(join(data, 'sandboxes')),
    execs: await list(join(data, 'execs')),
    reading: await list(join(data, 'run/samples')),
    mounts: await mountsBelow(run),
    // The service itself names them too.
    processes: (await processesNaming(`${run}/${owner}`)).map((line) => line.replace(/^\d+ /, '')),
    cgroups: await cgroupsOf(owner),
    ...(api === undefined ? {} : await onDocker(api, ownerOf(data))),
  };
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
  return { containers, volumes, networks, images, stored: stored.sort() };
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
 * After a fault: nothing stays half-made. Sessions are READY and answer, or say why not; verifications end; and once
 * all sessions are closed there is what there was before any.
 * @param before the traces with no session
 */
export async function expectWhole(
  client: TestClient,
  before: Traces,
  now: () => Promise<Traces>,
  seed: string,
): Promise<void> {
  const half = [SessionState.CREATING];
  await expect
    .poll(async () => (await client.sessions.listSessions({ states: half })).sessions, SETTLE)
    .toEqual([]);
  const { sessions } = await client.sessions.listSessions({ states: [SessionState.READY] });
  for (const { sessionId } of sessions) {
    expect(await sh(client, sessionId, 'echo alive'), seed).toMatchObject({ code: 0, stdout: 'alive\n' });
  }
  const open = [VerificationState.PENDING, VerificationState.RUNNING];
  await expect
    .poll(async () => {
      const { verifications } = await client.verifications.listVerifications({ pageSize: 1000 });
      return verifications.filter(({ state }) => open.includes(state));
    }, SETTLE)
    .toEqual([]);
  await client.sessions.closeSessions({ all: true });
  const live = [SessionState.CREATING, SessionState.READY, SessionState.ERROR];
  expect((await client.sessions.listSessions({ states: live })).sessions, seed).toEqual([]);
  await expect.poll(now, { ...SETTLE, message: seed }).toEqual(before);
}
