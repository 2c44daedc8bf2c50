import type { Kysely } from 'kysely';
import type { Key, Role } from '../core/key.js';
import type { KeyRepository } from '../core/ports/storage.js';
import {
  encodeRow,
  optionalIn,
  optionalOut,
  optionalTimeIn,
  optionalTimeOut,
  timeIn,
  timeOut,
} from './columns.js';
import type { Encoders } from './columns.js';
import type { KeyRow, Schema } from './schema.js';

export class SqlKeyRepository implements KeyRepository {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async insert(key: Key): Promise<void> {
    await this.#db.insertInto('api_keys').values(encodeRow(ENCODERS, key)).execute();
  }

  async findByHash(secretHash: string): Promise<Key | undefined> {
    const row = await this.#db
      .selectFrom('api_keys')
      .selectAll()
      .where('secret_hash', '=', secretHash)
      .executeTakeFirst();
    return row && keyIn(row);
  }

  async list(): Promise<readonly Key[]> {
    const rows = await this.#db
      .selectFrom('api_keys')
      .selectAll()
      .where('role', 'in', ['ADMIN', 'RUNNER'])
      .orderBy('create_time')
      .orderBy('key_id')
      .execute();
    return rows.map(keyIn);
  }

  async revoke(keyId: string, time: Date): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('api_keys')
      .set((eb) => ({ revoke_time: eb.fn.coalesce('revoke_time', eb.val(timeOut(time))) }))
      .where('key_id', '=', keyId)
      .executeTakeFirstOrThrow();
    return numUpdatedRows > 0n;
  }

  async revokeForSession(sessionId: string, time: Date): Promise<void> {
    await this.#db
      .updateTable('api_keys')
      .set({ revoke_time: timeOut(time) })
      .where('session_id', '=', sessionId)
      .where('revoke_time', 'is', null)
      .execute();
  }

  async revokeOfEnded(time: Date): Promise<void> {
    const ended = this.#db
      .selectFrom('sessions')
      .select('session_id')
      .where('state', 'in', ['CLOSED', 'EXPIRED']);
    await this.#db
      .updateTable('api_keys')
      .set({ revoke_time: timeOut(time) })
      .where('revoke_time', 'is', null)
      .where('session_id', 'in', ended)
      .execute();
  }
}

const ENCODERS: Encoders<Key, KeyRow> = {
  keyId: (key_id) => ({ key_id }),
  role: (role) => ({ role }),
  name: (name) => ({ name }),
  secretHash: (secret_hash) => ({ secret_hash }),
  sessionId: (id) => ({ session_id: optionalOut(id) }),
  createTime: (time) => ({ create_time: timeOut(time) }),
  revokeTime: (time) => ({ revoke_time: optionalTimeOut(time) }),
};

function keyIn(row: KeyRow): Key {
  return {
    keyId: row.key_id,
    role: row.role as Role,
    name: row.name,
    secretHash: row.secret_hash,
    sessionId: optionalIn(row.session_id),
    createTime: timeIn(row.create_time),
    revokeTime: optionalTimeIn(row.revoke_time),
  };
}
