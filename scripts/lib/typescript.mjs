// src/ and gen/ into dist/.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, capture, root } from './process.mjs';

/** Compiles what changed. @throws Failure with the compiler's words. */
export async function buildTypeScript() {
  prune('src');
  prune('gen');
  prune('bench');
  // The compiler trusts its notes; without the output they are worth nothing.
  if (!existsSync(join(root, 'dist', 'src'))) rmSync(join(root, 'dist', '.tsbuildinfo'), { force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, output } = await capture(process.execPath, [tsc, '-p', 'tsconfig.json']);
  if (status !== 0)
    throw new Failure(`${output}set-up: src/ does not compile; the compiler's words are above.`);
}

/** Removes output whose source is gone, lest an import of it go unnoticed. */
function prune(folder) {
  const output = join(root, 'dist', folder);
  if (!existsSync(output)) return;
  for (const entry of readdirSync(output, { withFileTypes: true, recursive: true })) {
    const name = /^(.*)\.(js|js\.map|d\.ts)$/.exec(entry.name)?.[1];
    if (!entry.isFile() || name === undefined) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const source = join(root, folder, path.slice(output.length + 1, path.length - entry.name.length), name);
    if (!existsSync(`${source}.ts`)) rmSync(path, { force: true });
  }
}
