import { describe, expect, it } from 'vitest';
import { Checker, DAY, SECOND } from '../../../src/transport/checker.js';
import type { CodesetError } from '../../../src/core/errors.js';

function violations(work: (check: Checker) => void): string[] {
  const check = new Checker();
  work(check);
  try {
    check.done();
  } catch (error) {
    return (error as CodesetError).violations.map(({ field }) => field);
  }
  return [];
}

describe('a request', () => {
  it('is told everything that is wrong at once', () => {
    const found = violations((check) => {
      check.id('session_id', '');
      check.requestId('request_id', 'no spaces');
      check.env('env', { '1x': '', GOOD: 'a\0b' });
      check.labels('labels', { UPPER: 'x' });
      check.duration('ttl', { seconds: 0n, nanos: 0 }, { min: SECOND, max: DAY });
      check.pageSize(-1);
      check.offset('offset', -1n);
    });
    expect(found).toEqual([
      'session_id',
      'request_id',
      'env["1x"]',
      'env["GOOD"]',
      'labels["UPPER"]',
      'ttl',
      'page_size',
      'offset',
    ]);
  });

  it('passes when all is well', () => {
    expect(
      violations((check) => {
        check.id('session_id', 'ses_1');
        check.env('env', { PATH: '/opt:$PATH', EMPTY: '' });
        check.labels('labels', { 'team/name': 'a b' });
      }),
    ).toEqual([]);
  });

  it('measures text in bytes and not in characters', () => {
    expect(violations((check) => check.text('x', 'é'.repeat(6), { max: 11 }))).toEqual(['x']);
    expect(violations((check) => check.text('x', 'é'.repeat(6), { max: 12 }))).toEqual([]);
  });

  it('rounds a duration up, so that a nanosecond is not none', () => {
    expect(new Checker().duration('t', { seconds: 0n, nanos: 1 }, { min: 1, max: DAY })).toBe(1);
  });

  it('cuts a page size that is too large and fills in one that is missing', () => {
    expect([new Checker().pageSize(0), new Checker().pageSize(7), new Checker().pageSize(9999)]).toEqual([
      50, 7, 200,
    ]);
  });
});
