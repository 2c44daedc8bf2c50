import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

/** Prints where pytest, what it imports and their metadata lie; some are there only for an old Python. */
const PLACES = `import importlib, importlib.metadata
for name in "pytest _pytest py pluggy iniconfig packaging pygments exceptiongroup tomli typing_extensions".split():
    try:
        print(importlib.import_module(name).__file__)
        print(importlib.metadata.distribution(name)._path)
    except ImportError:
        pass
`;

/**
 * Copies this machine's pytest to where sandboxes on the host toolchain may see it: it often lies in a home folder.
 * @returns the folder, for PYTHONPATH.
 */
export async function copyPytest(scratch: string): Promise<string> {
  const folder = join(scratch, 'pytest');
  await mkdir(folder);
  await chmod(scratch, 0o711);
  const { stdout } = await promisify(execFile)('python3', ['-c', PLACES]);
  for (const file of stdout.trim().split('\n')) {
    // A package is a folder with an __init__.py, what is not is a file of its own.
    const place = file.replace(/\/__init__\.py$/, '');
    const options = { recursive: (await stat(place)).isDirectory(), preserveTimestamps: true };
    await cp(place, join(folder, basename(place)), options);
  }
  return folder;
}
