import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { compiledScript, type CompiledScript } from '../support/compiled-script.js';
import { startApp, type RunningApp } from '../support/running-app.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';
import { blocksOf, scriptOf } from './pages.js';

const ROOT = resolve(import.meta.dirname, '../..');

/** Pages whose calls a test of their own runs. */
const ELSEWHERE: Readonly<Record<string, { readonly by: string; readonly languages: readonly string[] }>> = {
  'docs/clients.md': { by: 'test/clients', languages: ['go', 'java', 'rust', 'cpp'] },
  'docs/grpcurl.md': { by: 'test/rpc/grpcurl-page.test.ts', languages: [] },
};

/** `ts` is run by test/client/documents.test.ts, `js` by test/rpc, `python` by test/clients. */
const LANGUAGES = ['sh', 'ts', 'js', 'python', 'json', 'yaml', 'text', 'ini', ''];

const pages = [
  'README.md',
  ...(await readdir(join(ROOT, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
];

test.each(pages.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md'))(
  '%s is in the index',
  async (page) => {
    expect(await readFile(join(ROOT, 'docs/README.md'), 'utf8')).toContain(
      `](${page.slice('docs/'.length)})`,
    );
  },
);

let program: CompiledScript;
let app: RunningApp;
let bin: TempFolder;

beforeAll(async () => {
  program = await compiledScript('src/cli/main.ts');
  app = await startApp();
  bin = await tempFolder();
  await chmod(bin.path, 0o755);
  await writeFile(
    join(bin.path, 'codeset'),
    `#!/bin/sh\nexec '${process.execPath}' '${program.path}' "$@"\n`,
    {
      mode: 0o755,
    },
  );
}, 120_000);

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
  await program?.[Symbol.asyncDispose]();
  await bin?.[Symbol.asyncDispose]();
});

/** Where a reader stands: in the project's folder, with an agent and predictions of their own. */
async function standIn(folder: string): Promise<void> {
  for (const name of ['samples', 'clients', 'proto']) await symlink(join(ROOT, name), join(folder, name));
  await writeFile(join(folder, 'my_agent.py'), 'print("nothing to do")\n');
  const patch = 'diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n';
  const prediction = { instance_id: 'median-of-even-lists', model_name_or_path: 'm', model_patch: patch };
  await writeFile(join(folder, 'preds.jsonl'), `${JSON.stringify(prediction)}\n`);
  await mkdir(join(folder, 'runs'));
}

async function bash(script: string, folder: string): Promise<{ status: number; output: string }> {
  const child = spawn('bash', ['-c', script], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: [bin.path, process.env['PATH'] ?? ''].join(delimiter),
      HOME: folder,
      CODESET_ADDRESS: app.app.address,
      CODESET_DATA_DIR: app.dataDir,
      CODESET_RUN_DIR: join(app.dataDir, '..', 'run'),
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status: status ?? -1, output };
}

test.each(pages.filter((page) => !(page in ELSEWHERE)))(
  'what %s tells to type works, line by line',
  { timeout: 600_000 },
  async (page) => {
    const blocks = await blocksOf(ROOT, page);
    if (!blocks.some(({ language, notRun }) => language === 'sh' && notRun === undefined)) return;
    await using folder = await tempFolder();
    await standIn(folder.path);
    const { status, output } = await bash(scriptOf(blocks), folder.path);
    expect(status, output).toBe(0);
    expect(output).not.toMatch(/^codeset: .*(?:unknown|internal)/im);
  },
);

describe.each(pages)('%s', (page) => {
  test('every block is run, read, or says why not', async () => {
    const blocks = await blocksOf(ROOT, page);
    for (const { language, text, line, notRun } of blocks) {
      const where = `${page}:${line}`;
      expect([...LANGUAGES, ...(ELSEWHERE[page]?.languages ?? [])], where).toContain(language);
      if (language === 'json') expect(() => JSON.parse(text) as unknown, where).not.toThrow();
      if (language === 'yaml')
        for (const document of parseAllDocuments(text)) expect(document.errors, where).toEqual([]);
      if (notRun !== undefined) expect(notRun.length, where).toBeGreaterThan(10);
    }
  });

  test('it shows no code without a fence, which no test would run', async () => {
    const text = (await readFile(join(ROOT, page), 'utf8')).replaceAll(/^ *```[^]*?^ *```/gm, '');
    expect([...text.matchAll(/(?<=\n\n) {4}\S.*/g)].map(([line]) => line)).toEqual([]);
  });

  test('its links lead somewhere', async () => {
    const text = (await readFile(join(ROOT, page), 'utf8')).replaceAll(/^```[^]*?^```/gm, '');
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    const folder = join(ROOT, page, '..');
    for (const link of links)
      await expect(stat(join(folder, link)), `${page} links to ${link}`).resolves.toBeDefined();
  });
});
