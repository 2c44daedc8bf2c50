import { packFiles } from '../../src/samples/pack.js';
import { TEST_IMAGE } from './test-image.js';

/**
 * A sample that judges by the exit status of the tests in the workspace, which load the code under test.
 * @param run another line for its script
 */
export function fooledSample(
  sampleId: string,
  run = 'as-subject python3 -m unittest tests/test_m.py || exit 1',
): AsyncIterable<Buffer> {
  const manifest = `sample_id: ${sampleId}
dataset: fooled
language: python
environment: {host: {requires: [python3]}, image: ${TEST_IMAGE}}
resources: {memory: 256MiB, processes: 64, disk: 64MiB}
verification: {timeout: 20s, grading: exit_code}
`;
  const tests = `import unittest
import m


class Adds(unittest.TestCase):
    def test_adds(self):
        self.assertEqual(m.add(1, 2), 3)
`;
  const patch = `--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a - b\n+    return a + b\n`;
  return packFiles([
    { path: 'sample.yaml', content: manifest },
    { path: 'task.md', content: 'Mend the sum.\n' },
    { path: 'codebase/m.py', content: 'def add(a, b):\n    return a - b\n' },
    { path: 'codebase/tests/test_m.py', content: tests },
    {
      path: 'verification/run',
      content: `#!/bin/sh\n${run}\n`,
      executable: true,
    },
    { path: 'solution/solution.patch', content: patch },
  ]) as AsyncIterable<Buffer>;
}
