import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Connection } from '../../src/client/connection.js';
import { startDocker } from './docker.js';
import { ended } from './processes.js';
import type { Run } from './run.js';

/** The service of this benchmark, alone in its folders, with a client like anybody's. */
export interface Service {
  readonly client: Connection;
  readonly pid: number;
  readonly address: string;
  /** The admin's, for clients in other processes. */
  readonly apiKey: string;
  /** The image that its sessions stand on; undefined for the host's programs. */
  readonly image: string | undefined;
  /** A folder for the benchmark's own files. */
  readonly scratch: string;
}

/** Starts the service; the run ends it, closes its sessions and removes its folders. */
export async function startService(run: Run): Promise<Service> {
  const { engine, link } = run.target;
  const docker = engine === 'docker' ? await startDocker(run) : undefined;
  if (engine === 'docker' && docker === undefined)
    throw new Error('there is no Docker to measure; see above');
  const scratch = await mkdtemp(join(tmpdir(), 'codeset-bench-'));
  run.defer(() => rm(scratch, { recursive: true, force: true, maxRetries: 5 }));
  // The run folder's mount points must be in reach of the ids that sandboxes are mapped to.
  await chmod(scratch, 0o711);
  const script = fileURLToPath(new URL('service-process.js', import.meta.url));
  const args = [script, join(scratch, 'data'), join(scratch, 'run'), engine];
  if (docker !== undefined) args.push(docker.host, link);
  // The channel ends with this process, however it ends, and the service with it.
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  run.defer(() => {
    if (child.connected) child.disconnect();
    return ended(child);
  });
  if (child.stdout === null) throw new Error('the service has no stdout');
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, 'line'), once(child, 'exit')]);
  if (typeof first[0] !== 'string') throw new Error('the service did not start; see above');
  const ready = JSON.parse(first[0]) as { address: string; key: string };
  const apiKey = (await readFile(ready.key, 'utf8')).trim();
  const client = new Connection({ address: ready.address, apiKey });
  run.defer(() => client.close());
  run.defer(() => client.sessions.closeSessions({ all: true }));
  return { client, pid: child.pid ?? 0, address: ready.address, apiKey, scratch, image: docker?.image };
}
