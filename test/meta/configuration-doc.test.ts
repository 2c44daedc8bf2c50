import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  CLIENT_SETTINGS,
  SERVER_SETTINGS,
  fileKey,
  flagName,
  variableName,
  type Setting,
} from '../../src/config-settings.js';

const root = join(import.meta.dirname, '..', '..');
const page = join(root, 'docs', 'configuration.md');

function block(setting: Setting, inFile: boolean): string {
  const names = [
    `\`${`${flagName(setting.name)} ${setting.placeholder}`.trim()}\``,
    `\`${variableName(setting.name)}\``,
    ...(inFile ? [`\`${fileKey(setting.name)}\``] : []),
  ];
  const fallback = /[` ]/.test(setting.fallback) ? setting.fallback : `\`${setting.fallback}\``;
  return `### ${fileKey(setting.name)}\n\n${names.join(' · ')}\n\n${setting.doc}\n\nDefault: ${fallback.replaceAll(',', ', ')}\n`;
}

function fill(text: string, title: string, blocks: readonly string[]): string {
  const begin = `<!-- ${title} -->\n`;
  const start = text.indexOf(begin) + begin.length;
  const end = text.indexOf('<!-- end -->', start);
  return `${text.slice(0, start)}\n${blocks.join('\n')}\n${text.slice(end)}`;
}

test('docs/configuration.md lists exactly the settings of the code (CODESET_TEST_WRITE_DOCS=1 writes them)', () => {
  const text = readFileSync(page, 'utf8');
  const server = SERVER_SETTINGS.map((setting) => block(setting, true));
  const client = CLIENT_SETTINGS.map((setting) => block(setting, false));
  const expected = fill(fill(text, 'server settings', server), 'client settings', client);
  if (process.env['CODESET_TEST_WRITE_DOCS'] === '1') writeFileSync(page, expected);
  expect(readFileSync(page, 'utf8')).toBe(expected);
});

test('every setting of the server is used somewhere outside its definition', () => {
  const used = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('config'))
    .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
    .filter((text) => text.includes('/config.js') || text.includes('/config-settings.js'))
    .join('\n');
  const unused = SERVER_SETTINGS.map((setting) => setting.name).filter(
    (name) => !new RegExp(`\\bconfig\\.${name}\\b`).test(used),
  );
  expect(unused).toEqual([]);
});
