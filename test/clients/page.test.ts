import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { PAGE, blocksOf, excerptOf } from './page.js';

const ROOT = resolve(import.meta.dirname, '../..');
const FENCES: Readonly<Record<string, string>> = { go: 'go', java: 'java', rs: 'rust', cpp: 'cpp' };

const fenceOf = (source: string): string | undefined => FENCES[source.split('.').at(-1) ?? ''];

test('docs/clients.md shows the programs as they are (CODESET_TEST_WRITE_DOCS=1 writes them)', () => {
  let text = readFileSync(PAGE, 'utf8');
  const shown = blocksOf(text).filter(({ where }) => fenceOf(where) !== undefined);
  for (const { where, what, marker, code } of shown) {
    const fence = `\n\`\`\`${fenceOf(where) ?? ''}\n`;
    const excerpt = `${fence}${excerptOf(where, what)}\`\`\`\n`;
    const before = code === undefined ? '' : `${fence}${code}\`\`\`\n`;
    text = text.replace(`${marker}\n${before}`, () => `${marker}\n${excerpt}`);
  }
  if (process.env['CODESET_TEST_WRITE_DOCS'] === '1') writeFileSync(PAGE, text);
  expect(readFileSync(PAGE, 'utf8')).toBe(text);
});

test("each of its shell blocks is run by a program's tests, or says why not", () => {
  const text = readFileSync(PAGE, 'utf8');
  const above = [...text.matchAll(/^(.*)\n\n```sh\n/gm)].map(([, line = '']) => line);
  expect(above.length).toBeGreaterThan(8);
  const unmarked = above.filter(
    (line) => !/^<!-- (?:clients\/\w+: (?:build|run)|not run by a test: .{10,}) -->$/.test(line),
  );
  expect(unmarked).toEqual([]);
});

test('what a program has marked for the page is on it', () => {
  const marked = readdirSync(join(ROOT, 'clients'), { recursive: true, encoding: 'utf8' })
    .map((path) => join('clients', path))
    .filter((path) => fenceOf(path) !== undefined)
    .flatMap((path) =>
      [...readFileSync(join(ROOT, path), 'utf8').matchAll(/^\s*\/\/ docs:(?!end$)(\S+)$/gm)].map(
        ([, what]) => `${path}: ${what}`,
      ),
    );
  const shown = blocksOf(readFileSync(PAGE, 'utf8')).map(({ where, what }) => `${where}: ${what}`);
  expect(marked.filter((one) => !shown.includes(one))).toEqual([]);
  expect(marked.length).toBeGreaterThan(20);
});
