import { CodesetError } from './errors.js';

/** @throws REQUEST_ID_REUSED unless the request that it was used for was the same. */
export function checkSameRequest(
  known: { readonly requestDigest: string },
  requestDigest: string,
  requestId: string,
  what: string,
): void {
  if (known.requestDigest === requestDigest) return;
  throw new CodesetError(
    'already-exists',
    'REQUEST_ID_REUSED',
    `The request id "${requestId}" was used for another ${what}; choose a new one.`,
    { metadata: { request_id: requestId } },
  );
}
