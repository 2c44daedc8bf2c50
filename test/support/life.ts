import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type TestClient } from '../rpc/client.js';
import { startChild, type Child } from './child.js';
import type { CompiledScript } from './compiled-script.js';
import { engineFlags } from './engine-here.js';
import type { TempFolder } from './temp-folder.js';

export interface Life extends AsyncDisposable {
  readonly child: Child;
  readonly client: TestClient;
}

/** A life that is not waited for. @param flags as for `live` */
export async function begin(
  script: CompiledScript,
  folder: TempFolder,
  flags?: Readonly<Record<string, string>>,
): Promise<Child> {
  await chmod(folder.path, 0o711);
  const all = flags ?? (await engineFlags());
  return startChild(script.path, [join(folder.path, 'data'), join(folder.path, 'run'), JSON.stringify(all)]);
}

/**
 * One life of the service (`test/e2e/children/serve.ts`, compiled), ended by SIGKILL.
 * @param flags settings; by default the engine of this run
 */
export async function live(
  script: CompiledScript,
  folder: TempFolder,
  flags?: Readonly<Record<string, string>>,
): Promise<Life> {
  return connected(await begin(script, folder, flags), folder);
}

/** One that was begun, once it serves. */
export async function connected(child: Child, folder: TempFolder): Promise<Life> {
  const first = await child.lines.next();
  if (first.done === true) throw new Error('The service did not start.');
  const address = first.value;
  const key = (await readFile(join(folder.path, 'data', 'admin.key'), 'utf8')).trim();
  const client = connect(address, key);
  return {
    child,
    client,
    [Symbol.asyncDispose]: async () => {
      client[Symbol.dispose]();
      await child.kill();
    },
  };
}
