import { describe, expect, it } from 'vitest';
import { decodePageToken, encodePageToken } from '../../../src/transport/page-token.js';

const invalid = expect.objectContaining({ kind: 'invalid-argument', reason: 'INVALID_PAGE_TOKEN' });

describe('a page token', () => {
  it('leads back to its place, whatever the order of the filter', () => {
    const token = encodePageToken('samples', { dataset: 'a', tags: ['x'] }, 'sample-7');
    expect(decodePageToken('samples', { tags: ['x'], dataset: 'a' }, token)).toBe('sample-7');
  });

  it('is empty on the last page, and nothing means the first', () => {
    expect(encodePageToken('samples', {}, undefined)).toBe('');
    expect(decodePageToken('samples', {}, '')).toBeUndefined();
  });

  it.each([
    ['another filter', 'samples', { dataset: 'b' }],
    ['another list', 'sessions', { dataset: 'a' }],
  ])('is refused with %s', (_what, list, filter) => {
    const token = encodePageToken('samples', { dataset: 'a' }, 'x');
    expect(() => decodePageToken(list, filter, token)).toThrow(invalid);
  });

  it.each(['x', '!!!!', 'AAAAAAAAAAAAAAAAAAAA', 'ä'])('is refused when it is %s', (token) => {
    expect(() => decodePageToken('samples', {}, token)).toThrow(invalid);
  });
});
