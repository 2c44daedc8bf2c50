import { describe, expect, test } from 'vitest';
import type { VerificationSpec } from '../../../src/core/sample.js';
import { ReportGrader } from '../../../src/grading/verdict.js';

const SPEC: VerificationSpec = {
  command: ['verification/run'],
  timeoutMs: 60_000,
  scope: 'WORKSPACE',
  grading: 'REWARD_FILE',
  network: 'none',
  report: undefined,
  remove: [],
  failToPass: [],
  passToPass: [],
  failToFail: [],
  protectedPaths: [],
  keep: [],
  canary: undefined,
  feedback: 'FULL',
  maxVerifications: 0,
};

/** @param files path in the report folder → content. */
function grade(files: Readonly<Record<string, string | Uint8Array>>, exitCode = 0, spec = SPEC) {
  const reports = Object.entries(files).map(([path, content]) => ({
    path,
    bySubject: path.startsWith('subject-'),
    content: typeof content === 'string' ? Buffer.from(content) : content,
  }));
  return new ReportGrader().grade({ spec, grading: 'REWARD_FILE', exitCode, reports });
}

describe('a reward file', () => {
  test.each<[string, string, number]>([
    ['reward.txt', '1\n', 1],
    ['reward.txt', ' 0.5 ', 0.5],
    ['reward.txt', '1e-05', 0.00001],
    ['reward.txt', '-0', 0],
    ['reward.json', '0.25', 0.25],
    ['reward.json', '1.0\n', 1],
  ])('%s with %j is the score, whatever the exit status', (file, content, score) => {
    for (const exitCode of [0, 1]) {
      const verdict = grade({ [file]: content }, exitCode);
      expect(verdict).toMatchObject({ passed: score === 1, score, grading: 'REWARD_FILE' });
      expect(verdict.scores).toEqual({ reward: score });
      expect(verdict.rule).toBe(
        `REWARD_FILE: ${file} says ${score}, and only 1 passes; the exit status does not count.`,
      );
    }
  });

  test('with a map has every number, and as score its reward or the mean', () => {
    const named = grade({ 'reward.json': '{"reward": 1, "seconds": 12.5, "constructor": 0}' });
    expect(named).toMatchObject({ passed: true, score: 1 });
    expect(named.scores).toEqual({ reward: 1, seconds: 12.5, constructor: 0 });
    expect(grade({ 'reward.json': '{"tests": 1, "style": 0.5}' })).toMatchObject({
      passed: false,
      score: 0.75,
    });
    expect(grade({ 'reward.json': '{"tests": 1, "style": 1}' })).toMatchObject({ passed: true, score: 1 });
  });

  test.each<[Readonly<Record<string, string | Uint8Array>>, RegExp]>([
    [{}, /the script wrote neither reward\.json nor reward\.txt\.$/],
    [{ 'reward.txt': '' }, /reward\.txt holds nothing; expected a number from 0 to 1/],
    [{ 'reward.txt': 'nan' }, /reward\.txt holds "nan"/],
    [{ 'reward.txt': 'Infinity' }, /reward\.txt holds "Infinity"/],
    [{ 'reward.txt': '0x1' }, /reward\.txt holds "0x1"/],
    [{ 'reward.txt': '1 0' }, /reward\.txt holds "1 0"/],
    [{ 'reward.txt': '1.5' }, /reward\.txt is 1\.5; expected a number from 0 to 1/],
    [{ 'reward.txt': '1e999' }, /reward\.txt is Infinity/],
    [{ 'reward.txt': '-0.1' }, /reward\.txt is -0\.1/],
    [{ 'reward.txt': Uint8Array.of(0x31, 0xff) }, /reward\.txt is not UTF-8/],
    [{ 'reward.txt': '0'.repeat(70_000) }, /70000 bytes, more than the 65536 allowed/],
    [{ 'reward.json': 'NaN' }, /reward\.json is not JSON: "NaN"/],
    [{ 'reward.json': 'true' }, /reward\.json holds "true"; expected a number or a map of numbers/],
    [{ 'reward.json': '[1]' }, /expected a number or a map of numbers/],
    [{ 'reward.json': 'null' }, /expected a number or a map of numbers/],
    [{ 'reward.json': '"1"' }, /expected a number or a map of numbers/],
    [{ 'reward.json': '2' }, /reward\.json is 2/],
    [{ 'reward.json': '{}' }, /has 0 entries; expected 1 to 256/],
    [{ 'reward.json': '{"reward": true}' }, /holds "true" as reward; expected a number/],
    [{ 'reward.json': '{"reward": 1e999}' }, /as reward; expected a number/],
    [{ 'reward.json': '{"reward": -1}' }, /reward in reward\.json is -1/],
    [{ 'reward.json': '{"a": 1, "b": 7}' }, /b in reward\.json is 7/],
    [{ 'reward.json': '{"__proto__": 1}' }, /names a reward "__proto__"/],
    [{ 'reward.json': '1', 'reward.txt': '0' }, /reward\.json says 1, but reward\.txt says 0/],
    [{ 'reward.json': '1', 'reward.txt': 'no' }, /reward\.txt holds "no"/],
    [{ 'more/reward.json': '1' }, /wrote neither/],
  ])('that is missing or no reward has failed: %j', (files, why) => {
    const verdict = grade(files);
    expect(verdict).toMatchObject({ passed: false, score: 0, scores: {} });
    expect(verdict.rule).toMatch(/^REWARD_FILE: /);
    expect(verdict.rule).toMatch(why);
  });

  test('in both forms that agree is one', () => {
    expect(grade({ 'reward.json': '{"reward": 1, "n": 3}', 'reward.txt': '1.0' })).toMatchObject({
      passed: true,
      scores: { reward: 1, n: 3 },
    });
  });

  test("by the code under test does not count, alone or beside the script's own", () => {
    const alone = grade({ 'subject-1/reward.json': '1' });
    expect(alone).toMatchObject({ passed: false, score: 0 });
    expect(alone.rule).toMatch(/what the code under test wrote does not count/);
    expect(grade({ 'reward.txt': '0', 'subject-1/reward.txt': '1' })).toMatchObject({
      passed: false,
      score: 0,
    });
    expect(grade({ 'reward.txt': '1', 'subject-1/reward.txt': '0' })).toMatchObject({
      passed: true,
      score: 1,
    });
  });

  test('stands beside reports that name tests, and decides alone', () => {
    const spec = {
      ...SPEC,
      failToPass: ['TestA'],
      report: { format: 'go-json' as const, paths: ['**/*.json'] },
    };
    const event = (action: string, test?: string) =>
      `${JSON.stringify({ Action: action, Package: 'p', Test: test })}\n`;
    const go = event('fail', 'TestA') + event('fail');
    const verdict = grade({ 'reward.json': '1', 'subject-1/reward.json': '{', 'go.json': go }, 0, spec);
    expect(verdict).toMatchObject({
      passed: true,
      tests: [{ name: 'TestA', status: 'FAILED' }],
      failToPass: { passed: 0, total: 1 },
    });
  });
});
