import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { git, gitLine } from '../../src/samples/git.js';
import { bundleRepository, type MemoryFile } from '../../src/samples/pack.js';
import type { TestClient } from '../rpc/client.js';
import type { Ground } from './grounds/ground.js';

const AUTHOR = ['-c', 'user.name=maintainer', '-c', 'user.email=maintainer@example.com'];

/**
 * Uploads a repository in which a ground's codebase is followed by its solution, on a branch and with a tag.
 * @param files the sample's; those below `codebase/` are committed.
 */
export async function withFuture(
  admin: TestClient,
  ground: Ground,
  files: readonly MemoryFile[],
  scratch: string,
): Promise<{ sha256: string; commit: string }> {
  const cwd = join(scratch, 'repository');
  await mkdir(cwd);
  await git(['init', '--quiet', '.'], { cwd });
  const commit = async (message: string): Promise<string> => {
    await git(['add', '--all', '--force', '.'], { cwd });
    await git([...AUTHOR, 'commit', '--quiet', '--message', message], { cwd });
    return gitLine(['rev-parse', 'HEAD'], { cwd });
  };
  for (const { path, content } of files.filter((file) => file.path.startsWith('codebase/'))) {
    const file = join(cwd, path.slice('codebase/'.length));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  const base = await commit('What is there');
  for (const path of ground.touched) {
    const codebase = files.find((file) => file.path === `codebase/${path}`)?.content.toString() ?? '';
    await writeFile(join(cwd, path), codebase.replace('a - b', 'a + b'));
  }
  const fixed = await commit('Mend the sum');
  await git(['tag', 'v2'], { cwd });
  await using bundle = await bundleRepository(cwd, [base, fixed], scratch);
  const { sha256, bytes } = bundle;
  await admin.samples.uploadRepository(
    (async function* () {
      yield { part: { $case: 'header' as const, value: { sha256, sizeBytes: BigInt(bytes) } } };
      for await (const data of bundle.content() as AsyncIterable<Buffer>)
        yield { part: { $case: 'data' as const, value: data } };
    })(),
  );
  return { sha256, commit: base };
}
