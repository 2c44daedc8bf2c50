import { expect, test } from 'vitest';
import {
  CommandError,
  sentenceOf,
  statusOf,
  statusOfCommand,
  statusOfVerification,
  UsageError,
} from '../../src/cli/exit-status.js';
import { execErrorStatus } from '../../src/cli/run-exec.js';
import { CodesetClientError } from '../../src/client/errors.js';
import { ConfigError } from '../../src/config.js';
import { failedPrecondition, invalidFields } from '../../src/core/errors.js';

test.each([
  [{ reason: 'EXITED', exitCode: 0 }, 0],
  [{ reason: 'EXITED', exitCode: 42 }, 42],
  [{ reason: 'SIGNALLED', signal: 'SIGKILL' }, 137],
  [{ reason: 'SIGNALLED', signal: 'SIGTERM' }, 143],
  [{ reason: 'SIGNALLED', signal: 'SIG34' }, 162],
  [{ reason: 'OUT_OF_MEMORY', signal: 'SIGKILL' }, 137],
  [{ reason: 'TIMEOUT', signal: 'SIGTERM' }, 124],
  [{ reason: 'TIMEOUT', exitCode: 0 }, 124],
  [{ reason: 'START_FAILED', exitCode: 127 }, 127],
  [{ reason: 'START_FAILED', exitCode: 126 }, 126],
  [{ reason: 'START_FAILED', exitCode: 125 }, 125],
  [{ reason: 'LOST' }, 125],
  [{ reason: 'SIGNALLED', signal: 'nonsense' }, 125],
])('a command that ended as %j gives %i', (end, status) => {
  expect(statusOfCommand(end)).toBe(status);
});

test.each([
  ['PASSED', 0],
  ['FAILED', 1],
  ['TIMED_OUT', 1],
  ['ERROR', 3],
  ['CANCELLED', 3],
  ['UNRECOGNIZED', 3],
  ['ENDED', 4],
])('a verification that is %s gives %i', (state, status) => {
  expect(statusOfVerification(state)).toBe(status);
});

test.each([
  ['wrong usage', new UsageError('x'), 2],
  ['a wrong setting', new ConfigError('x'), 2],
  ['a wrong field', new CodesetClientError('INVALID_ARGUMENT', 'INVALID_FIELD', 'x'), 2],
  ['a wrong manifest', new CodesetClientError('INVALID_ARGUMENT', 'INVALID_MANIFEST', 'x'), 1],
  ['a wrong manifest found here', invalidFields([{ field: 'a', description: 'b' }], 'INVALID_MANIFEST'), 1],
  ['what is not there', new CodesetClientError('NOT_FOUND', 'SESSION_NOT_FOUND', 'x'), 1],
  ['no server', new CodesetClientError('UNAVAILABLE', '', 'x'), 3],
  ['a server that stops', new CodesetClientError('UNAVAILABLE', 'SHUTTING_DOWN', 'x'), 3],
  ['no key', new CodesetClientError('UNAUTHENTICATED', 'KEY_MISSING', 'x'), 3],
  ['a full disk', new CodesetClientError('RESOURCE_EXHAUSTED', 'DISK_FULL', 'x'), 3],
  ['a defect', new CodesetClientError('INTERNAL', 'INTERNAL', 'x'), 3],
  ['a machine that can not', failedPrecondition('ENGINE_UNSUPPORTED', 'x'), 3],
  ['a command of ours', new CommandError('x'), 3],
  ['anything else', new Error('x'), 3],
])('%s gives its status', (_, error, status) => {
  expect(statusOf(error)).toBe(status);
});

test('exec never gives a status of the service that a command uses for itself', () => {
  expect(execErrorStatus(new CodesetClientError('NOT_FOUND', 'SESSION_NOT_FOUND', 'x'))).toBe(125);
  expect(execErrorStatus(new CodesetClientError('UNAVAILABLE', '', 'x'))).toBe(125);
  expect(execErrorStatus(new UsageError('x'))).toBe(2);
});

test('several wrong fields are told one a line', () => {
  const violations = [
    { field: 'ttl', description: 'too long' },
    { field: 'labels', description: 'too many' },
  ];
  const error = new CodesetClientError('INVALID_ARGUMENT', 'INVALID_FIELD', 'ttl: too long (and 1 more)', {
    violations,
  });
  expect(sentenceOf(error, '').split('\n')).toEqual([
    'ttl: too long (and 1 more)',
    '  ttl: too long',
    '  labels: too many',
  ]);
});
