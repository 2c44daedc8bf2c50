import { describe, expect, test } from 'vitest';
import { outcomeOf, keptOf } from '../../../src/core/audit-outcome.js';
import type { AttemptOutcome, AuditAttempt } from '../../../src/core/audit-attempt.js';
import type { AuditFinding } from '../../../src/core/audit.js';
import { changedPaths } from '../../../src/core/cheat-target.js';

const attempt = (cheat: string, outcome: AttemptOutcome): AuditAttempt => ({
  cheat,
  family: 'git',
  title: 'does something',
  way: 1,
  outcome,
  judged: undefined,
  message: '',
  closedBy: 'Close it.',
});
const LEAK: AuditFinding = {
  kind: 'SOLUTION',
  hint: false,
  area: 'WORKSPACE',
  path: '/workspace/a',
  source: 'a',
  pieces: 3,
  excerpt: 'x',
  closedBy: 'Close it.',
};

function audited(
  attempts: readonly AuditAttempt[],
  { findings = [], unfit }: { findings?: readonly AuditFinding[]; unfit?: string } = {},
) {
  const endTime = new Date(0);
  return outcomeOf({ pieces: 1, places: 1, findings, unsearched: [], tried: { attempts, unfit }, endTime });
}

describe('what an audit says', () => {
  test('is FOOLED before LEAKS before INCONCLUSIVE before CLEAN', () => {
    const held = attempt('a', 'HELD');
    const untried = attempt('b', 'UNTRIED');
    expect(audited([held, attempt('c', 'SKIPPED')]).verdict).toBe('CLEAN');
    expect(audited([held, untried]).verdict).toBe('INCONCLUSIVE');
    expect(audited([], { unfit: 'Not fit.' }).verdict).toBe('INCONCLUSIVE');
    expect(audited([held, untried], { findings: [LEAK] }).verdict).toBe('LEAKS');
    expect(audited([held, attempt('c', 'THROUGH')], { findings: [LEAK] }).verdict).toBe('FOOLED');
  });

  test('tells attempts by what is worst, and keeps the ids of what got through once', () => {
    const attempts = [
      attempt('a', 'SKIPPED'),
      attempt('b', 'HELD'),
      attempt('c', 'THROUGH'),
      attempt('c', 'THROUGH'),
    ];
    const audit = audited(attempts);
    expect(audit.attempts.map(({ outcome }) => outcome)).toEqual(['THROUGH', 'THROUGH', 'HELD', 'SKIPPED']);
    expect(audit.summary).toMatch(/Of 3 cheats that were tried 2 got through\.$/);
    expect(keptOf(audit)).toMatchObject({ through: ['c'], counts: { held: 1, through: 2, skipped: 1 } });
  });
});

test('the files that a patch changes are those with a new side', () => {
  const patch = `diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,2 +1,3 @@
 one
-two
+++ b/not-a-file
+three
diff --git a/gone.py b/gone.py
--- a/gone.py
+++ /dev/null
@@ -1 +0,0 @@
-x
--- /dev/null
+++ b/new/file.py	2020-01-01
@@ -0,0 +1 @@
+x
`;
  expect(changedPaths(patch)).toEqual(['a.py', 'new/file.py']);
});
