import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const NEWEST = 14;

/**
 * A Python 3 of at least this minor version that can make virtual environments: the usual one if that will do, else
 * one beside it, on PATH or of pyenv. Undefined: there is none.
 */
export function pythonHere(minor: number): string | undefined {
  const check = `import ensurepip, sys, venv; sys.exit(sys.version_info < (3, ${minor}))`;
  return candidates().find((python) => spawnSync(python, ['-c', check], { stdio: 'ignore' }).status === 0);
}

function candidates(): readonly string[] {
  const beside = Array.from({ length: NEWEST - 8 }, (_unused, i) => `python3.${NEWEST - i}`);
  return ['python3', ...beside, ...ofPyenv()];
}

function ofPyenv(): readonly string[] {
  const versions = join(process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv'), 'versions');
  try {
    return readdirSync(versions)
      .filter((name) => /^3\.\d+\.\d+$/.test(name))
      .sort((a, b) => Number(b.split('.')[1]) - Number(a.split('.')[1]))
      .map((name) => join(versions, name, 'bin', 'python'));
  } catch {
    return [];
  }
}
