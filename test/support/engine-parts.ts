import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { extract } from 'tar-stream';
import { ownerOf, removeBelongings, sharedDocker } from './docker.js';
import { engineHere } from './engine-here.js';

// What a test sees of the run's engine behind the service's back.

/** Ids of the layers that a service keeps. */
export async function keptLayers(dataDir: string): Promise<readonly string[]> {
  if (engineHere() === 'local') return readdir(join(dataDir, 'layers'));
  const { api } = await sharedDocker();
  // The one that never runs: Docker would mount all of the keeper's once more, and of its link's folder nothing is left.
  const carrier = api.getContainer(`codeset-${ownerOf(dataDir)}-carrier`);
  const entries = (await carrier.getArchive({ path: '/store/l' })).pipe(extract());
  const found: string[] = [];
  for await (const entry of entries) {
    const parts: Buffer[] = [];
    for await (const part of entry as AsyncIterable<Buffer>) parts.push(part);
    if (!/^l\/[^./][^/]*\/layer\.json$/.test(entry.header.name)) continue;
    found.push((JSON.parse(Buffer.concat(parts).toString()) as { layerId: string }).layerId);
  }
  return found;
}

/** Names of the sandboxes that a service has, in any state. */
export async function keptSandboxes(dataDir: string): Promise<readonly string[]> {
  if (engineHere() === 'local') return readdir(join(dataDir, 'sandboxes'));
  const { api } = await sharedDocker();
  const filters = { label: [`codeset.owner=${ownerOf(dataDir)}`, 'codeset.sandbox'] };
  const found = await api.listContainers({ all: true, filters });
  return found.map(({ Names, Id }) => Names[0] ?? Id).sort();
}

/** Ends the first process of a session's sandbox, which is the end of the sandbox. */
export async function killSandbox(dataDir: string, runDir: string, sessionId: string): Promise<void> {
  const box = sessionId.replace(/^ses_/, 'box_');
  if (engineHere() === 'local') {
    const [owner = ''] = await readdir(runDir);
    const file = join(runDir, owner, 'boxes', box, 'process');
    process.kill(Number((await readFile(file, 'utf8')).split(' ')[0]), 'SIGKILL');
    return;
  }
  const { api } = await sharedDocker();
  const filters = { label: [`codeset.owner=${ownerOf(dataDir)}`, 'codeset.sandbox'] };
  const found = (await api.listContainers({ filters })).find(({ Labels }) =>
    Labels['codeset.sandbox']?.endsWith(box),
  );
  if (found === undefined) throw new Error(`There is no container of ${sessionId}.`);
  await api.getContainer(found.Id).kill();
}

/** Takes from the run's engine what a service keeps there between its lives; its data folder has to be there still. */
export async function forget(dataDir: string): Promise<void> {
  if (engineHere() === 'local') return;
  await removeBelongings((await sharedDocker()).api, ownerOf(dataDir));
}
