import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../../src/engines/local/remove-folder.js';
import { initBinary } from '../../src/init-binary.js';

/** A folder that is removed with all it holds when its owner is done: `await using folder = await tempFolder()`. */
export interface TempFolder extends AsyncDisposable {
  readonly path: string;
}

export async function tempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), 'codeset-test-'));
  return {
    path,
    [Symbol.asyncDispose]: () => removeFolder(path, initBinary),
  };
}
