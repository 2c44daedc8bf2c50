import { expect, test } from 'vitest';
import { narrowest, NO_RULES, rulesOf, type VerifyingRules } from '../../../src/core/feedback.js';

const rules = (change: Partial<VerifyingRules>): VerifyingRules => ({ ...NO_RULES, ...change });
const SAMPLE = { feedback: 'FULL', maxVerifications: 0 } as const;

test('of several feedbacks the narrowest holds, and who says nothing narrows nothing', () => {
  expect(narrowest('FULL', 'VERDICT', undefined)).toBe('VERDICT');
  expect(narrowest('VERDICT', 'NONE')).toBe('NONE');
  expect(narrowest(undefined)).toBe('FULL');
});

test('a session that nothing is said of has no limits, and its agent may not verify', () => {
  expect(rulesOf({}, SAMPLE)).toEqual(NO_RULES);
  expect(rulesOf({}, undefined)).toEqual(NO_RULES);
});

test('a sample and a creation narrow each other, in both directions', () => {
  const strict = { feedback: 'VERDICT', maxVerifications: 3 } as const;
  expect(rulesOf({ feedback: 'FULL', maxVerifications: 10 }, strict)).toEqual(rules(strict));
  expect(rulesOf({ feedback: 'NONE', maxVerifications: 2 }, strict)).toEqual(
    rules({ feedback: 'NONE', maxVerifications: 2 }),
  );
});

test('an agent is shown no more than runners are', () => {
  const { agentFeedback } = rulesOf({ agent: { feedback: 'FULL' }, feedback: 'VERDICT' }, SAMPLE);
  expect(agentFeedback).toBe('VERDICT');
});

test('a fork is held to what its source is held to, with what that had used', () => {
  const source = rules({ feedback: 'VERDICT', agentFeedback: 'NONE', maxVerifications: 3, before: 2 });
  expect(rulesOf({ agent: 'inherit' }, SAMPLE, source)).toEqual(source);
});

test('a session made from a snapshot can ask for less than that, and for no more', () => {
  const source = rules({ feedback: 'VERDICT', agentFeedback: 'NONE', maxVerifications: 3, before: 2 });
  expect(
    rulesOf({ agent: { feedback: 'FULL' }, feedback: 'FULL', maxVerifications: 9 }, SAMPLE, source),
  ).toEqual(source);
  expect(rulesOf({}, SAMPLE, source).agentFeedback).toBeUndefined();
});
