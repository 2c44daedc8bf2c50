import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readObjects } from '../../../src/core/git-objects.js';
import { leakFindings, type Sighting } from '../../../src/core/leak-findings.js';
import { leakPieces, type Piece } from '../../../src/core/leak-pieces.js';
import { PieceSearch } from '../../../src/core/piece-search.js';

const LINES = [
  'const folded = lines.map(foldAtOctets);',
  'return folded.join(CARRIAGE_RETURN + LINE_FEED);',
  'throw new RangeError("widths below four");',
  'export const WIDTH_OF_A_LINE = 75;',
];

const texts = (pieces: readonly Piece[]): string[] =>
  pieces.map(({ kind, text, sources }) => `${kind} ${sources.join('+')} ${text.toString()}`);

describe('pieces', () => {
  test('of a patch are the lines that it adds, those that say something', () => {
    const patch = `diff --git a/x.ts b/x.ts
--- a/x.ts
+++ b/x.ts
@@ -1,2 +1,5 @@
 const unchanged = 'is no piece of it';
-const removed = 'is no piece of it';
+import { fold } from './fold.js';
+  }
+  ${LINES[0]}
+++ counted.upwards.by.one.each.time
diff --git a/y.ts b/y.ts
--- a/y.ts
+++ b/y.ts
@@ -0,0 +1 @@
+${LINES[0]}
`;
    const pieces = leakPieces({ solution: Buffer.from(patch), files: [], failToPass: [] });
    expect(texts(pieces)).toEqual([
      `SOLUTION x.ts+y.ts ${LINES[0]}`,
      'SOLUTION x.ts ++ counted.upwards.by.one.each.time',
    ]);
  });

  test('of hidden files are lines, strings and numbers; of test names their last word', () => {
    const content = `#!/usr/bin/env node
import test from 'node:test';
expect(total).toBe(-1234567.5);
run('Straße der Pariser Kommune', "\${joined} to one", 'tests/fold/wide.js', 1000000000);
`;
    const pieces = leakPieces({
      solution: undefined,
      files: [
        { path: 'a.test.js', content: Buffer.from(content) },
        { path: 'image.png', content: Buffer.from([0x89, 0, 0xff, 0xfe]) },
      ],
      failToPass: [
        'tests/test_fold.py::Wide::test_of_octets[1-2]',
        'pkg.FoldTest#folds',
        'folds > the widest line',
      ],
    });
    const [, line] = content.split('\n').filter((text) => /^expect|^run/.test(text));
    expect(texts(pieces)).toEqual([
      'HIDDEN_FILE verification/a.test.js expect(total).toBe(-1234567.5);',
      `HIDDEN_FILE verification/a.test.js ${line?.slice(0, 64)}`,
      'EXPECTED_VALUE verification/a.test.js Straße der Pariser Kommune',
      'EXPECTED_VALUE verification/a.test.js -1234567.5',
      'TEST_NAME fail_to_pass test_of_octets',
      'TEST_NAME fail_to_pass the widest line',
    ]);
  });
});

describe('the search', () => {
  test('finds what is there however its bytes are cut, and nothing else', () => {
    const pieces = Array.from({ length: 500 }, (_, index) =>
      Buffer.from(`${index} ${randomBytes(4 + (index % 40)).toString('base64')}`),
    );
    const held = [0, 7, 123, 499];
    const noise = (): Buffer => randomBytes(3000);
    const text = Buffer.concat(held.flatMap((index) => [noise(), pieces[index] ?? noise()]));
    for (const step of [1, 2, 13, 1000, text.length]) {
      const place = new PieceSearch(pieces).place();
      for (let at = 0; at < text.length; at += step) place.feed(text.subarray(at, at + step));
      expect(
        [...place.found].sort((a, b) => a - b),
        `in parts of ${step}`,
      ).toEqual(held);
    }
    const none = new PieceSearch([]).place();
    none.feed(text);
    expect(none.found.size).toBe(0);
  });

  test('reads git’s objects however their bytes are cut', () => {
    const text = Buffer.from(
      `${'a'.repeat(40)} blob 5\nab\ncd\n${'b'.repeat(40)} missing\n${'c'.repeat(40)} tree 0\n\n`,
    );
    for (const step of [1, 3, text.length]) {
      const told: string[] = [];
      const read = readObjects((type, id) => {
        const at = told.push(`${type} ${id.slice(0, 2)} `) - 1;
        return (part) => void (told[at] += Buffer.from(part).toString());
      });
      for (let at = 0; at < text.length; at += step) read(text.subarray(at, at + step));
      expect(told).toEqual(['blob aa ab\ncd', 'tree cc ']);
    }
  });
});

describe('findings', () => {
  const pieces: readonly Piece[] = [
    ...LINES.map((line) => ({ kind: 'SOLUTION' as const, text: Buffer.from(line), sources: ['x.ts'] })),
    { kind: 'TEST_NAME', text: Buffer.from('folds_wide_octets'), sources: ['fail_to_pass'] },
  ];
  const at = (found: readonly number[], change: Partial<Sighting> = {}): Sighting => ({
    area: 'WORKSPACE',
    path: '/workspace/a',
    found: new Set(found),
    ...change,
  });
  const brief = (sightings: readonly Sighting[]): string[] =>
    leakFindings(pieces, sightings).map(
      ({ kind, hint, pieces: count }) => `${kind}${hint ? '?' : ''} ${count}`,
    );

  test('many pieces are a leak, one of many is a hint, and a name is never more', () => {
    expect(brief([at([0, 1, 2, 4])])).toEqual(['SOLUTION 3', 'TEST_NAME? 1']);
    expect(brief([at([0])])).toEqual(['SOLUTION? 1']);
    // Half of all that one file has.
    expect(brief([at([0, 1])])).toEqual(['SOLUTION 2']);
    expect(brief([at([4], { area: 'TASK' })])).toEqual([]);
  });

  test('what the base commit has is found nowhere else, and in its own file only as a whole', () => {
    const blob = (...found: readonly number[]): Sighting =>
      at(found, { area: 'GIT', git: 'base', path: 'blob 1' });
    expect(brief([blob(0), at([0], { git: 'base' }), at([0], { area: 'OUTSIDE' })])).toEqual([]);
    expect(brief([blob(0, 1, 2), at([0, 1, 2], { git: 'base' })])).toEqual(['SOLUTION 3']);
    // Prepare wrote more into it.
    expect(brief([blob(0), at([0, 1, 2], { git: 'base' })])).toEqual(['SOLUTION 2']);
    expect(brief([blob(0), at([1, 2], { area: 'GIT', git: 'past' })])).toEqual(['SOLUTION 2']);
  });

  test('what many files of packages have is everybody’s', () => {
    const outside = (count: number): Sighting[] =>
      Array.from({ length: count }, (_, index) => at([0], { area: 'OUTSIDE', path: `/opt/${index}` }));
    expect(brief(outside(7)).length).toBe(7);
    expect(brief([...outside(8), at([0])])).toEqual([]);
    expect(brief([...outside(8), at([0, 1, 2])])).toEqual(['SOLUTION 2']);
  });
});
