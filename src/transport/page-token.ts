import { createHash } from 'node:crypto';
import { invalidFields } from '../core/errors.js';

const BINDING_BYTES = 9;

// A token is the place to go on from, behind a digest of the list and filter that it belongs to: a token of
// another list or filter is told apart from a good one. It hides nothing and grants nothing.
function binding(list: string, filter: unknown): Buffer {
  const text = JSON.stringify([list, filter], (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(text).digest().subarray(0, BINDING_BYTES);
}

/** @param next where the next page begins; undefined on the last, whose token is empty. */
export function encodePageToken(list: string, filter: unknown, next: string | undefined): string {
  if (next === undefined) return '';
  return Buffer.concat([binding(list, filter), Buffer.from(next)]).toString('base64url');
}

/** @throws INVALID_PAGE_TOKEN unless `encodePageToken` made it for the same list and filter. */
export function decodePageToken(list: string, filter: unknown, token: string): string | undefined {
  if (token === '') return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const good =
    bytes.toString('base64url') === token &&
    bytes.length > BINDING_BYTES &&
    bytes.subarray(0, BINDING_BYTES).equals(binding(list, filter));
  if (!good) {
    throw invalidFields(
      [
        {
          field: 'page_token',
          description: 'is not a token of this list with this filter; begin without one',
        },
      ],
      'INVALID_PAGE_TOKEN',
    );
  }
  return bytes.subarray(BINDING_BYTES).toString();
}
