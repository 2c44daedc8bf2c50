import { describe, expect, test } from 'vitest';
import { globMatcher } from '../../../src/core/glob.js';

describe('a glob', () => {
  test.each([
    ['report.xml', 'report.xml', true],
    ['report.xml', 'a/report.xml', false],
    ['*.xml', 'report.xml', true],
    ['*.xml', 'a/report.xml', false],
    ['*.xml', '.xml', true],
    ['**/*.xml', 'report.xml', true],
    ['**/*.xml', 'a/b/report.xml', true],
    ['a/**', 'a/b/c', true],
    ['a/**/c', 'a/c', true],
    ['a/**/c', 'a/b/x/c', true],
    ['a/**/c', 'a/b/x/d', false],
    ['test-?.xml', 'test-1.xml', true],
    ['test-?.xml', 'test-.xml', false],
    ['a+(b).[xml]', 'a+(b).[xml]', true],
    ['a*b*c', 'aXbXbXc', true],
    ['a*b*c', 'aXbXbX', false],
    ['**', 'any/thing', true],
    ['./a', 'a', true],
  ])('%s on %s gives %s', (glob, path, expected) => {
    expect(globMatcher(glob)(path)).toBe(expected);
  });

  test('with many stars is still quick on a long path that almost fits', () => {
    const started = process.cpuUsage();
    expect(globMatcher('**/' + '*a'.repeat(60) + 'b')(('a'.repeat(250) + '/').repeat(15))).toBe(false);
    // Of the processor's time, whoever else uses it: backtracking would take years.
    expect(process.cpuUsage(started).user).toBeLessThan(5_000_000);
  });
});
