import { CodesetError } from '../../core/errors.js';
import type { Principal } from '../../core/key.js';
import type { KeyUseCases } from '../use-cases.js';

/** Everybody, when keys are turned off. */
export const EVERYBODY: Principal = { role: 'ADMIN', keyId: 'no-auth', sessionId: undefined };

const MAX_SECRET_BYTES = 512;

/** @param header of the call's metadata. @throws KEY_MISSING, KEY_INVALID */
export async function authenticate(keys: KeyUseCases, header: string | undefined): Promise<Principal> {
  if (header === undefined || header === '') {
    throw new CodesetError(
      'unauthenticated',
      'KEY_MISSING',
      'The call has no key; send it as metadata `authorization: Bearer KEY`.',
    );
  }
  const secret = /^bearer +(\S+) *$/i.exec(header)?.[1];
  const principal =
    secret === undefined || secret.length > MAX_SECRET_BYTES ? undefined : await keys.authenticate(secret);
  if (principal === undefined) {
    throw new CodesetError(
      'unauthenticated',
      'KEY_INVALID',
      'The key is not known here, was revoked, or its session has ended.',
    );
  }
  return principal;
}
