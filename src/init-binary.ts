import { closeSync, openSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { failedPrecondition } from './core/errors.js';

/** e_machine of an ELF file, by what Docker calls the architecture. */
const MACHINES: Readonly<Record<string, number>> = { amd64: 62, arm64: 183 };
const NAMES = ['codeset-init', 'codeset-init-amd64', 'codeset-init-arm64'];
const NODE_NAMES: Readonly<Record<string, string>> = { x64: 'amd64' };

/**
 * The codeset-init for an architecture as Docker calls it (`amd64`, `arm64`), from `init/build` in the folder of the
 * project, which lies some way above this file; undefined where it was not built. The file itself says what it was
 * built for, since a package may come from a machine of another kind.
 */
export function initBinaryFor(architecture: string): string | undefined {
  const machine = MACHINES[architecture];
  if (machine === undefined) return undefined;
  for (let folder = import.meta.dirname; folder !== '/'; folder = dirname(folder)) {
    const found = NAMES.map((name) => join(folder, 'init/build', name)).find(
      (path) => machineOf(path) === machine,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** PID 1 of sandboxes on this machine. @throws ENGINE_UNSUPPORTED where it was not built */
export function initBinary(): string {
  const path = initBinaryFor(NODE_NAMES[process.arch] ?? process.arch);
  if (path !== undefined) return path;
  throw failedPrecondition(
    'ENGINE_UNSUPPORTED',
    'codeset-init is not built for this machine; run init/build.sh (npm run build does).',
  );
}

/** Undefined for what is no ELF file of 64 bits in little-endian order, or not there. */
function machineOf(path: string): number | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const header = Buffer.alloc(20);
    if (readSync(file, header) !== header.length) return undefined;
    return header.readUInt32BE(0) === 0x7f454c46 && header.readUInt16BE(4) === 0x0201
      ? header.readUInt16LE(18)
      : undefined;
  } finally {
    closeSync(file);
  }
}
