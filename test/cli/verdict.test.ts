import { expect, test } from 'vitest';
import { gist } from '../../src/cli/verdict.js';

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
