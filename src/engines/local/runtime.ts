import { mkdir, rm, symlink, writeFile, lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition } from '../../core/errors.js';
import { type Bind, ociConfig } from './bundle.js';
import { run } from './command.js';
import { type Ids, runInside } from './ids.js';
import type { ProcessGroups } from './process-groups.js';

export interface Runtime {
  readonly program: 'crun' | 'runc' | (string & {});
  /** `runc 1.1.5`. */
  readonly version: string;
}

export interface RuntimeAttempt {
  readonly program: string;
  readonly version: string | undefined;
  /** Why it is not used; undefined when it works. */
  readonly refusal: string | undefined;
}

export interface BareContainer {
  readonly id: string;
  readonly args: readonly string[];
  readonly binds: readonly Bind[];
  readonly capabilities: readonly string[];
  readonly memoryBytes: number;
}

/** A root with nothing but the host's /usr, for single tools of ours that handle other people's bytes. */
export class BareRoot {
  readonly folder: string;
  readonly #ids: Ids;

  constructor(folder: string, ids: Ids) {
    this.folder = folder;
    this.#ids = ids;
  }

  async build(): Promise<void> {
    const rootfs = join(this.folder, 'rootfs');
    for (const name of ['dev', 'proc', 'usr', 'layer']) await mkdir(join(rootfs, name), { recursive: true });
    for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
      const found = await lstat(`/${name}`).catch(() => undefined);
      if (found === undefined) continue;
      if (found.isSymbolicLink())
        await symlink(await readlink(`/${name}`), join(rootfs, name)).catch(() => undefined);
      else await mkdir(join(rootfs, name), { recursive: true });
    }
  }

  /** @returns the bundle's folder, the caller's to remove */
  async bundle(container: BareContainer, cgroupsPath: string | undefined, swap: boolean): Promise<string> {
    const bundle = join(this.folder, container.id);
    await mkdir(bundle, { recursive: true });
    const binds: Bind[] = [{ source: '/usr', destination: '/usr' }];
    for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
      if ((await lstat(`/${name}`).catch(() => undefined))?.isDirectory() === true)
        binds.push({ source: `/${name}`, destination: `/${name}` });
    }
    const config = ociConfig({
      rootfs: join(this.folder, 'rootfs'),
      args: container.args,
      hostname: 'codeset',
      binds: [...binds, ...container.binds],
      capabilities: container.capabilities,
      ids: this.#ids,
      cgroupsPath,
      limits: { memoryBytes: container.memoryBytes, processes: 64, cpus: 1, swap },
      bare: true,
    });
    await writeFile(join(bundle, 'config.json'), JSON.stringify(config));
    return bundle;
  }
}

/** Tries each runtime with everything that sandboxes need; the first that really runs is taken. */
export async function probeRuntimes(
  programs: readonly string[],
  bare: BareRoot,
  state: string,
  { groups, ids }: { readonly groups: ProcessGroups; readonly ids: Ids },
): Promise<{ runtime: Runtime; attempts: readonly RuntimeAttempt[] }> {
  const attempts: RuntimeAttempt[] = [];
  for (const program of programs) {
    const told = await run(program, ['--version'], { timeoutMs: 10_000 });
    if (told.code !== 0) {
      attempts.push({ program, version: undefined, refusal: 'not installed' });
      continue;
    }
    const version = `${program} ${/\d+(\.\d+)+/.exec(told.stdout)?.[0] ?? '(unknown version)'}`;
    const id = `probe-${program.replaceAll('/', '-')}-${process.pid}`;
    const bundle = await bare.bundle(
      { id, args: ['/usr/bin/true'], binds: [], capabilities: [], memoryBytes: 64 * 1024 ** 2 },
      groups.cgroupsPath(id),
      groups.countsSwap,
    );
    try {
      const result = await runInside(
        ids,
        [program, '--root', state, 'run', '--no-new-keyring', '--bundle', bundle, id],
        { timeoutMs: 20_000 },
      );
      if (result.code === 0) {
        attempts.push({ program, version, refusal: undefined });
        return { runtime: { program, version }, attempts };
      }
      attempts.push({ program, version, refusal: firstSentence(result.stderr) });
    } finally {
      await runInside(ids, [program, '--root', state, 'delete', '--force', id], { timeoutMs: 20_000 });
      await rm(bundle, { recursive: true, force: true });
    }
  }
  const tried = attempts
    .map((attempt) => `${attempt.version ?? attempt.program}: ${attempt.refusal}`)
    .join('; ');
  throw failedPrecondition(
    'ENGINE_UNSUPPORTED',
    `No OCI runtime works here (${tried}); install runc (Debian, Ubuntu: apt-get install runc).`,
  );
}

function firstSentence(stderr: string): string {
  const lines = stderr
    .trim()
    .split('\n')
    .filter((line) => line !== '');
  const line =
    lines.find((candidate) => /error|not supported|fail/i.test(candidate)) ??
    lines[0] ??
    'it ended without a word';
  return (/msg="(.*)"/.exec(line)?.[1] ?? line).slice(0, 300);
}
