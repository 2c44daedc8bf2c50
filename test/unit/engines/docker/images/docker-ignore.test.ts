import { describe, expect, test } from 'vitest';
import { ignoredBy } from '../../../../../src/engines/docker/images/docker-ignore.js';

describe('left out is what the last matching rule says:', () => {
  test.each([
    ['node_modules', ['node_modules', 'node_modules/a/b'], ['src/node_modules', 'node_modules2']],
    ['/build/', ['build', 'build/x'], ['a/build']],
    ['*.log', ['a.log'], ['a/b.log', 'a.logs', 'alog']],
    ['**/*.log', ['a.log', 'a/b/c.log'], ['a.txt']],
    ['a/**', ['a/b', 'a/b/c'], ['a', 'ab']],
    ['a/**/z', ['a/z', 'a/b/c/z'], ['b/a/z']],
    ['**', ['a', 'a/b'], []],
    ['?.txt', ['a.txt'], ['ab.txt', '/.txt']],
    ['[ab].txt', ['a.txt', 'b.txt'], ['c.txt']],
    ['\\*.txt', ['*.txt'], ['a.txt']],
    ['a+(b).txt', ['a+(b).txt'], ['aab.txt']],
    ['*\n!keep\nkeep/not', ['a', 'keep/not', 'keep/not/x'], ['keep', 'keep/yes']],
    ['# a comment\n\n  spaced  \r\n.', ['spaced'], ['# a comment', 'a']],
    ['[broken', [], ['[broken', 'b']],
    ['./a/../b', ['b'], ['a']],
  ])('%j', (text, left, kept) => {
    const ignored = ignoredBy(text);
    expect(left.filter((path) => !ignored(path))).toEqual([]);
    expect(kept.filter((path) => ignored(path))).toEqual([]);
  });
});
