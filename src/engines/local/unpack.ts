import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { CommandResult } from './command.js';
import { type Ids, runInside } from './ids.js';
import type { Paths } from './paths.js';
import type { ProcessGroups } from './process-groups.js';
import type { BareRoot, Runtime } from './runtime.js';
import { removeSandbox } from './sandbox-remover.js';

const MEMORY_BYTES = 512 * 1024 ** 2;

/**
 * Runs tar in a container where `target` is all that can be written: a user namespace (so that owners come out
 * mapped), no network, the sandboxes' own filter on system calls (no devices, no whiteouts), four capabilities.
 * Unpacking in our own process would need every name checked by hand, and one forgotten check is the host's root.
 */
export async function unpackInside(
  target: string,
  tar: Readable,
  parts: {
    readonly paths: Paths;
    readonly groups: ProcessGroups;
    readonly ids: Ids;
    readonly bare: BareRoot;
    readonly runtime: Runtime;
  },
): Promise<CommandResult> {
  const { bare, groups, ids, paths, runtime } = parts;
  const id = `unpack-${randomBytes(6).toString('hex')}`;
  const bundle = await bare.bundle(
    {
      id,
      args: [
        '/usr/bin/tar',
        '-x',
        '-f',
        '-',
        '-C',
        '/layer',
        '--numeric-owner',
        '--same-owner',
        '--same-permissions',
      ],
      binds: [{ source: target, destination: '/layer', writable: true }],
      capabilities: ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID'],
      memoryBytes: MEMORY_BYTES,
    },
    groups.cgroupsPath(id),
    groups.countsSwap,
  );
  try {
    return await runInside(
      ids,
      [runtime.program, '--root', paths.state, 'run', '--no-new-keyring', '--bundle', bundle, id],
      { stdin: tar, timeoutMs: 0 },
    );
  } finally {
    await removeSandbox(id, { paths, groups, ids });
    await rm(bundle, { recursive: true, force: true });
  }
}
