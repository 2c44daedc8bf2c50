import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importsOf, layerBreaches } from './layers.js';

const root = join(import.meta.dirname, '..', '..');

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ path: `src/${name}`, text: readFileSync(join(root, 'src', name), 'utf8') }));

test('the code keeps its layers', () => {
  expect(sources.length).toBeGreaterThan(20);
  expect(layerBreaches(sources)).toEqual([]);
});

test('the check sees the imports of the code', () => {
  expect(sources.flatMap(importsOf).length).toBeGreaterThan(sources.length);
});

describe('a breach is found:', () => {
  test.each([
    ['src/core/a.ts', "import { x } from '../../gen/a.js';", 'core must not import gen'],
    [
      'src/core/a.ts',
      "import type {\n  X,\n  Y,\n} from '../transport/b.js';",
      'core must not import transport',
    ],
    ['src/core/a.ts', "export * from '../storage/b.js';", 'core must not import storage'],
    ['src/core/a.ts', "const x = await import('../engines/local/b.js');", 'core must not import engines'],
    ['src/core/a.ts', "import '../cli/b.js';", 'core must not import cli'],
    ['src/core/a.ts', "import { Kysely } from 'kysely';", 'only src/storage/ may import kysely'],
    ['src/core/a.ts', "import { z } from 'zod';", 'core must not import zod'],
    ['src/samples/a.ts', "import D from 'better-sqlite3';", 'only src/storage/ may import better-sqlite3'],
    ['src/engines/local/a.ts', "import D from 'dockerode';", 'only src/engines/docker/ may import dockerode'],
    [
      'src/cli/a.ts',
      "import { x } from 'nice-grpc';",
      'only src/transport/ and src/client/ may import nice-grpc',
    ],
    ['src/core/a.ts', "import { status } from '@grpc/grpc-js';", 'may import @grpc/grpc-js'],
    ['src/cli/a.ts', "import { x } from '../../gen/a.js';", 'cli must not import gen'],
    ['src/engines/local/a.ts', "import { x } from '../../exec/b.js';", 'engines must not import exec'],
    ['src/transport/a.ts', "import { x } from '../storage/b.js';", 'transport must not import storage'],
    ['src/client/a.ts', "import { x } from '../core/b.js';", 'client must not import core'],
    ['src/app.ts', 'const home = process.env.HOME;', 'only src/config.ts reads process.env'],
    ['src/exec/a.ts', "const home = process.env['HOME'];", 'only src/config.ts reads process.env'],
    ['src/exec/a.ts', 'const { env } = process;', 'only src/config.ts reads process.env'],
    ['src/exec/a.ts', "import { env } from 'node:process';", 'only src/config.ts imports process'],
    ['src/helpers/a.ts', '', 'has no place in the layers'],
  ])('%s with %j', (path, text, breach) => {
    expect(layerBreaches([{ path, text }])).toEqual([expect.stringContaining(breach)].concat(extra(text)));
  });

  // A package that belongs to a folder breaks two rules at once in core.
  function extra(text: string): string[] {
    return /kysely|grpc-js/.test(text) ? [expect.stringContaining('core must not import')] : [];
  }

  test('folders in a circle', () => {
    const files = [
      { path: 'src/engines/local/a.ts', text: "import { b } from '../docker/b.js';" },
      { path: 'src/engines/docker/b.ts', text: 'export const b = 1;' },
      { path: 'src/engines/docker/c.ts', text: "import { d } from '../local/d.js';" },
    ];
    expect(layerBreaches(files)).toEqual([
      'a circle of imports: src/engines/local → src/engines/docker → src/engines/local',
    ]);
  });

  test('files in a circle', () => {
    const files = [
      { path: 'src/core/a.ts', text: "import { b } from './b.js';" },
      { path: 'src/core/b.ts', text: "import type { a } from './a.js';" },
    ];
    expect(layerBreaches(files)).toEqual([
      'a circle of imports: src/core/a.ts → src/core/b.ts → src/core/a.ts',
    ]);
  });
});

test('what only looks like a breach is none', () => {
  const text =
    "// import { x } from '../../gen/a.js';\n/* process.env */\nimport { y } from './b.js';\nimport 'node:fs';\n";
  expect(layerBreaches([{ path: 'src/core/a.ts', text }])).toEqual([]);
});
