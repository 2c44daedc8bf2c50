import { execFile, spawn } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { TEST_IMAGE, sharedDocker } from './docker.js';

/** What a stand-in can have of this machine's own, beside what the test image has. */
export type Toolchain = 'node' | 'go';

const LOCAL = '/usr/local';

/**
 * Lets a sample that names an image of a registry be prepared where none is reached: on a Docker of the tests' own the
 * reference is given to the test image, with the toolchains of this machine that it lacks; elsewhere the image is pulled.
 * @throws Error where this machine lacks the toolchain
 */
export async function standInFor(reference: string, toolchains: readonly Toolchain[] = []): Promise<void> {
  const { api, own } = await sharedDocker();
  if (!own) return;
  const at = reference.lastIndexOf(':');
  const tagged = at > reference.lastIndexOf('/');
  const repo = tagged ? reference.slice(0, at) : reference;
  const tag = tagged ? reference.slice(at + 1) : 'latest';
  if (toolchains.length === 0) await api.getImage(TEST_IMAGE).tag({ repo, tag });
  else await withToolchains(api, toolchains, { repo, tag });
}

async function withToolchains(
  api: Docker,
  toolchains: readonly Toolchain[],
  name: { readonly repo: string; readonly tag: string },
): Promise<void> {
  const container = await api.createContainer({ Image: TEST_IMAGE });
  try {
    for (const toolchain of toolchains) {
      const archive = spawn('tar', await archiveOf(toolchain), { stdio: ['ignore', 'pipe', 'inherit'] });
      await container.putArchive(archive.stdout, { path: LOCAL });
    }
    const path = ['go/bin', 'bin', 'sbin'].map((folder) => `${LOCAL}/${folder}`).join(':');
    await container.commit({ ...name, changes: `ENV PATH=${path}:/usr/sbin:/usr/bin:/sbin:/bin` });
  } finally {
    await container.remove({ force: true });
  }
}

/** Arguments of tar for what comes to lie in /usr/local. */
async function archiveOf(toolchain: Toolchain): Promise<readonly string[]> {
  const write = ['--create', '--dereference', '--owner=0', '--group=0'];
  if (toolchain === 'node') {
    const { execPath } = process;
    return [...write, '--transform', 's,^,bin/,', '--directory', dirname(execPath), basename(execPath)];
  }
  const { stdout } = await promisify(execFile)('go', ['env', 'GOROOT']);
  const root = stdout.trim();
  // Go's own tests are a half of it.
  const without = ['testdata', '*_test.go', `${basename(root)}/test`, `${basename(root)}/src/cmd`];
  return [
    ...write,
    ...without.map((pattern) => `--exclude=${pattern}`),
    ...['--transform', 's,^[^/]*,go,', '--directory', dirname(root), basename(root)],
  ];
}
