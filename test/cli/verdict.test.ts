import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { TestList, TestStatus, Verification, VerificationState } from '../../gen/codeset/v1/verification.js';
import { Output } from '../../src/cli/output.js';
import { gist, showVerdict } from '../../src/cli/verdict.js';

test.each([
  ['assert 1 == 2\nwhere 1 = f()', 'assert 1 == 2'],
  ['\n  exit status 3\n', 'exit status 3'],
  ['Traceback (most recent call last):\n  File "t.py", line 3\n    f()\nKeyError: 4\n', 'KeyError: 4'],
  [
    "Traceback (most recent call last):\n  File \"t.py\", line 3\n    f()\nAssertionError: 'a: 1' != 'a: 2'\n- a: 1\n?    ^\n+ a: 2\n?    ^\n\n",
    "AssertionError: 'a: 1' != 'a: 2'",
  ],
  [
    'Traceback (most recent call last):\n  x\nKeyError\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  y\npkg.errors.Late: no\n',
    'pkg.errors.Late: no',
  ],
  ['', ''],
])('of %j the line %j says most', (message, line) => {
  expect(gist(message)).toBe(line);
});

test('a verdict shows each list that has tests, known failures as they should be, and rewards', async () => {
  const stdout = new PassThrough();
  const colour = { stdout: true, stderr: false };
  showVerdict(
    new Output({ stdout, stderr: new PassThrough(), json: false, colour }),
    Verification.fromPartial({
      verificationId: 'ver_1',
      state: VerificationState.PASSED,
      result: {
        tests: [
          { name: 'a', status: TestStatus.PASSED, list: TestList.FAIL_TO_PASS },
          { name: 'known', status: TestStatus.FAILED, list: TestList.FAIL_TO_FAIL, message: 'no' },
          { name: 'mended', status: TestStatus.PASSED, list: TestList.FAIL_TO_FAIL },
        ],
        failToPass: { passed: 1, total: 1 },
        failToFail: { passed: 1, total: 2 },
        scores: { reward: 0.5 },
      },
    }),
  );
  stdout.end();
  expect((await text(stdout)).replaceAll('\u001b', '')).toBe(
    [
      '  [32mPASSED [0m  a[2m  (fail_to_pass)[0m',
      '  [32mFAILED [0m  known[2m  (fail_to_fail)[0m',
      '  [31mPASSED [0m  mended[2m  (fail_to_fail)[0m',
      '[32mPASSED[0m  ver_1  fail_to_pass 1/1  fail_to_fail 1/2  reward 0.5',
      '',
    ].join('\n'),
  );
});
