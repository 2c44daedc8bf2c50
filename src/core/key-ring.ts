import { createHash, randomBytes } from 'node:crypto';
import { CodesetError, invalidFields } from './errors.js';
import { newId } from './ids.js';
import type { Key, Principal, Role } from './key.js';
import type { KeyRepository } from './ports/storage.js';

/** `csk_`, the role, and 256 random bits in base64url. */
const SECRET = /^csk_(?:admin|runner|agent)_[A-Za-z0-9_-]{43}$/;
/** A key is looked up again after this, so that what another process revoked ends within it. */
const FRESH_MS = 1000;
const CACHED_KEYS = 4096;
const MAX_NAME = 128;
/** Name of keys that live in the data folder's `admin.key`; nobody else's key may have it. */
export const ADMIN_KEY_NAME = 'admin.key';

export function newSecret(role: Role): string {
  return `csk_${role.toLowerCase()}_${randomBytes(32).toString('base64url')}`;
}

/** What is stored of a secret. It has 256 random bits, so a plain hash can't be searched backwards. */
export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Makes, checks and revokes credentials. */
export class KeyRing {
  readonly #keys: KeyRepository;
  readonly #clock: () => number;
  /** By hash, the least recently stored first. */
  readonly #cache = new Map<string, { readonly principal: Principal; readonly until: number }>();
  /** Raised by every revocation, so that a look-up that was under way meanwhile is not trusted. */
  #epoch = 0;

  constructor(keys: KeyRepository, clock: () => number) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /** The secret is shown this once. @throws INVALID_FIELD for a name of no or more than 128 characters. */
  async createKey(role: 'ADMIN' | 'RUNNER', name: string): Promise<{ key: Key; secret: string }> {
    if (name.trim() === '' || name.length > MAX_NAME || /\p{Cc}/u.test(name)) {
      throw invalidFields([
        { field: 'name', description: `1 to ${MAX_NAME} characters, none of them a control character.` },
      ]);
    }
    if (name === ADMIN_KEY_NAME) {
      throw invalidFields([{ field: 'name', description: `"${name}" is kept for the service's own key.` }]);
    }
    return this.#create(role, name, undefined);
  }

  /** A token that is good for this one session until `revokeSession`. */
  async createAgentToken(sessionId: string): Promise<string> {
    return (await this.#create('AGENT', sessionId, sessionId)).secret;
  }

  /**
   * Who holds this secret. @param bearer the secret, with or without `Bearer ` before it.
   * @throws KEY_MISSING for none, KEY_INVALID for one that is unknown or revoked: the caller learns not which.
   */
  async authenticate(bearer: string | undefined): Promise<Principal> {
    const secret = bearer?.replace(/^bearer\s+/i, '').trim() ?? '';
    if (secret === '') {
      throw new CodesetError(
        'unauthenticated',
        'KEY_MISSING',
        'Send a key as the metadata "authorization: Bearer KEY"; "codeset key create" makes one.',
      );
    }
    const principal = SECRET.test(secret) ? await this.#look(hashOfSecret(secret)) : undefined;
    if (principal === undefined) {
      throw new CodesetError(
        'unauthenticated',
        'KEY_INVALID',
        'The key is unknown or revoked, or its session has ended. Ask for another.',
      );
    }
    return principal;
  }

  /** Admins' and runners' keys, oldest first. */
  list(): Promise<readonly Key[]> {
    return this.#keys.list();
  }

  /** Honoured by this process once this resolves, by others within a second. @throws KEY_NOT_FOUND. */
  async revoke(keyId: string): Promise<void> {
    const known = await this.#revoking(() => this.#keys.revoke(keyId, new Date(this.#clock())));
    if (!known) {
      throw new CodesetError('not-found', 'KEY_NOT_FOUND', `There is no key "${keyId}".`, {
        metadata: { key_id: keyId },
      });
    }
  }

  /** Ends the tokens of a session. Idempotent. */
  async revokeSession(sessionId: string): Promise<void> {
    await this.#revoking(() => this.#keys.revokeForSession(sessionId, new Date(this.#clock())));
  }

  /** Ends the tokens of sessions that a life which was killed had just ended. */
  async revokeOfEnded(): Promise<void> {
    await this.#revoking(() => this.#keys.revokeOfEnded(new Date(this.#clock())));
  }

  async #create(
    role: Role,
    name: string,
    sessionId: string | undefined,
  ): Promise<{ key: Key; secret: string }> {
    const now = this.#clock();
    const secret = newSecret(role);
    const key: Key = {
      keyId: newId('key', now),
      role,
      name,
      secretHash: hashOfSecret(secret),
      sessionId,
      createTime: new Date(now),
      revokeTime: undefined,
    };
    await this.#keys.insert(key);
    return { key, secret };
  }

  async #look(hash: string): Promise<Principal | undefined> {
    const now = this.#clock();
    const cached = this.#cache.get(hash);
    // A clock that was set back must not make an entry live longer.
    if (cached !== undefined && now < cached.until && cached.until - now <= FRESH_MS) return cached.principal;
    this.#cache.delete(hash);
    for (;;) {
      const epoch = this.#epoch;
      const key = await this.#keys.findByHash(hash);
      if (epoch !== this.#epoch) continue;
      if (key === undefined || key.revokeTime !== undefined) return undefined;
      const principal: Principal = { role: key.role, keyId: key.keyId, sessionId: key.sessionId };
      this.#remember(hash, principal, now + FRESH_MS);
      return principal;
    }
  }

  #remember(hash: string, principal: Principal, until: number): void {
    if (this.#cache.size >= CACHED_KEYS) {
      const oldest = this.#cache.keys().next();
      if (!oldest.done) this.#cache.delete(oldest.value);
    }
    this.#cache.set(hash, { principal, until });
  }

  async #revoking<T>(revoke: () => Promise<T>): Promise<T> {
    try {
      return await revoke();
    } finally {
      // After the write: whoever looked before it looks again, and finds it.
      this.#epoch++;
      this.#cache.clear();
    }
  }
}
