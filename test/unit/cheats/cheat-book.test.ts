import { describe, expect, test } from 'vitest';
import { Catalogue } from '../../../src/cheats/cheat-book.js';
import { forgedReport } from '../../../src/cheats/forged-report.js';
import { Aim, languageOf } from '../../../src/cheats/target.js';
import type { CheatTarget } from '../../../src/core/ports/cheats.js';
import { CaseIndex } from '../../../src/grading/names.js';
import { parseGoJson } from '../../../src/grading/go-json.js';
import { parseJunit } from '../../../src/grading/junit.js';
import { parseTap } from '../../../src/grading/tap.js';

const TARGET: CheatTarget = {
  language: 'python',
  solved: ['src/a.py', 'src/b c.py', "it's.py"],
  tests: ['tests/test_a.py::Adds::test_one[1-2]', 'tests/test_a.py::test_two', 'says "so" & more'],
  hidden: ['run', 'files/tests/test_a.py', 'expected.txt'],
  report: { format: 'junit', paths: ['**/TEST-*.xml'] },
  protectedPaths: ['tests/', 'check.py'],
  resources: { cpus: 1, memoryBytes: 1000, processes: 10, diskBytes: 2000 },
};

describe('words of a sample', () => {
  test('stand for what it has, and for nothing that a shell would take amiss', () => {
    const aim = new Aim(TARGET);
    expect(aim.solved).toEqual(['src/a.py']);
    expect(aim.words(aim.solved)).toMatchObject({
      SOLVED: 'src/a.py',
      GO_FOLDER: 'src',
      TESTS: 'tests/* check.py',
      TEST_FOLDER: 'tests',
      HIDDEN: 'run files/tests/test_a.py expected.txt',
      GUESSED: 'tests/test_a.py test_a.py src/test_a.py expected.txt tests/expected.txt src/expected.txt',
      NAMES: '"test_one[1-2]", "test_two", "says \\"so\\" & more"',
      REPORT: 'TEST-report.xml',
      PLENTY: '2500',
      PROCESSES: '60',
    });
  });

  test('a file is of a language by its name, scripts without an extension by the sample’s', () => {
    expect(['a.py', 'b.mjs', 'c.tsx', 'd.go', 'e.sh', 'f.c'].map((path) => languageOf(path, ''))).toEqual([
      'python',
      'node',
      'node',
      'go',
      'shell',
      'c',
    ]);
    expect([
      languageOf('bin/sort', 'shell'),
      languageOf('bin/sort', 'c'),
      languageOf('a.rs', 'rust'),
    ]).toEqual(['shell', undefined, undefined]);
  });
});

describe('a forged report', () => {
  const parse = { junit: parseJunit, tap: parseTap, 'go-json': parseGoJson };
  for (const format of ['junit', 'tap', 'go-json'] as const)
    test(`of ${format} has each listed test passed`, () => {
      const names = format === 'junit' ? TARGET.tests : ['TestA', 'TestB/with_case'];
      const index = new CaseIndex(parse[format](Buffer.from(forgedReport(format, names))));
      for (const name of names)
        expect(
          index.find(name).map(({ status }) => status),
          name,
        ).toEqual(['passed']);
    });
});

describe('cheats on a sample', () => {
  const aimed = new Catalogue().aim(TARGET);
  const of = (id: string) => aimed.find(({ cheat }) => cheat.id === id);

  test('are those for the languages of the files that its solution changes', () => {
    expect(of('conftest')?.ways).toHaveLength(1);
    expect(of('go-test-main')).toMatchObject({ ways: [], why: expect.stringContaining('(go)') as unknown });
    expect(of('patch-out-of-the-tree')?.ways).toMatchObject([{ kind: 'patch' }]);
    // Those that know what the code of our own grounds does are for no other sample.
    expect(of('special-cases')).toBeUndefined();
    expect(of('fork-bomb')).toBeUndefined();
  });

  test('without a solution are those that change no file of it', () => {
    const without = new Catalogue().aim({ ...TARGET, solved: [] });
    const ways = new Map(without.map(({ cheat, ways: all }) => [cheat.id, all.length]));
    expect(ways.get('exit-at-import')).toBe(0);
    expect(ways.get('deep-tree')).toBe(1);
    expect(without.find(({ cheat }) => cheat.id === 'exit-at-import')?.why).toMatch(/No reference solution/);
  });

  test('say how they are closed', () => {
    for (const { cheat } of aimed) expect(cheat.closedBy, cheat.id).toMatch(/^[A-Z].{30,}\.$/s);
  });
});
