import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '../..');

/** A script as JavaScript that plain Node can run: for children that a test kills or limits. */
export interface CompiledScript extends AsyncDisposable {
  readonly path: string;
}

/** Compiles one TypeScript file of the tests and all that it imports. @param source relative to the project. */
export async function compiledScript(source: string): Promise<CompiledScript> {
  // Within the project, so that packages are found; out of the way of what the build makes.
  await mkdir(join(ROOT, 'dist'), { recursive: true });
  const outDir = await mkdtemp(join(ROOT, 'dist', 'test-script-'));
  const config = join(outDir, 'tsconfig.json');
  const options = { outDir, rootDir: ROOT, incremental: false, declaration: false, noEmitOnError: false };
  await writeFile(
    config,
    JSON.stringify({
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: { ...options, tsBuildInfoFile: null },
      include: [],
      files: [join(ROOT, source)],
    }),
  );
  await promisify(execFile)(process.execPath, [
    join(ROOT, 'node_modules/typescript/bin/tsc'),
    '-p',
    config,
  ]).catch((error: unknown) => {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    throw new Error(`${relative(ROOT, source)} does not compile:\n${output}`, { cause: error });
  });
  return {
    path: join(outDir, source.replace(/\.ts$/, '.js')),
    [Symbol.asyncDispose]: () => rm(outDir, { recursive: true, force: true }),
  };
}
