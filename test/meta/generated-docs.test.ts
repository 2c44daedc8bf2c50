import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { expect, test } from 'vitest';
import { apiReference } from './api-reference.js';
import { errorsPage } from './errors-page.js';

const root = join(import.meta.dirname, '..', '..');

/** A page of docs/, and what it has to be; CODESET_TEST_WRITE_DOCS=1 writes it. */
async function pageAndWhatIsMade(name: string, made: string): Promise<readonly [string, string]> {
  const page = join(root, 'docs', name);
  const expected = await format(made, { parser: 'markdown', printWidth: 110 });
  if (process.env['CODESET_TEST_WRITE_DOCS'] === '1') writeFileSync(page, expected);
  return [readFileSync(page, 'utf8'), expected];
}

test('docs/api.md is what the comments of proto/ say', async () => {
  const text = apiReference(readFileSync(join(root, 'gen/codeset.binpb')));
  const [page, expected] = await pageAndWhatIsMade('api.md', text);
  expect(page).toBe(expected);
  const links = [...text.matchAll(/\]\(#([\w-]+)\)/g)].map(([, anchor]) => anchor ?? '');
  const titles = new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
  expect(links.length).toBeGreaterThan(100);
  expect(links.filter((anchor) => !titles.has(anchor))).toEqual([]);
});

test('every call, message, field and value of the contract is explained', () => {
  const text = apiReference(readFileSync(join(root, 'gen/codeset.binpb')));
  const bare = [...text.matchAll(/^- (`\w+`) \(.*\): *(?:_One of `\w+`\._)?$/gm)].map(([, name]) => name);
  expect(bare).toEqual([]);
  const calls = [...text.matchAll(/^### (\w+\.\w+)\n\n.* → .*\n\n(.*)/gm)].filter(([, , said = '']) =>
    /^(#|$)/.test(said),
  );
  expect(calls.map(([, name]) => name)).toEqual([]);
});

test('docs/errors.md tells every reason of the contract', async () => {
  const reasons = readFileSync(join(root, 'proto/codeset/v1/error_reason.proto'), 'utf8');
  const [page, expected] = await pageAndWhatIsMade('errors.md', errorsPage(reasons));
  expect(page).toBe(expected);
});
