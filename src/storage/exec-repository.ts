import type { CompiledQuery, Kysely } from 'kysely';
import { notFound } from '../core/errors.js';
import { completeSpec, type ExecExit, type ExecInfo, type ExecState } from '../core/exec.js';
import type { ExecRepository } from '../core/ports/storage.js';
import type { SessionState } from '../core/session.js';
import { encodeRow, jsonIn, optionalTimeIn, optionalTimeOut, timeIn, timeOut } from './columns.js';
import type { Encoders } from './columns.js';
import type { ExecRow, Schema } from './schema.js';
import { ForeignKeyViolation } from './violations.js';

const ENDED: readonly ExecState[] = ['EXITED', 'LOST'];
const FINAL: readonly SessionState[] = ['CLOSED', 'EXPIRED'];
const WITH_SESSION: ExecExit = {
  reason: 'SESSION_ENDED',
  code: undefined,
  signal: undefined,
  message: '',
  cpuTimeUs: 0,
  peakMemoryBytes: 0,
  shellReset: false,
};

interface Save {
  readonly exec: ExecInfo;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class SqlExecRepository implements ExecRepository {
  readonly #db: Kysely<Schema>;
  #waiting: Save[] = [];
  #upsert: Upsert | undefined;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /**
   * Saves come off the fast path and may overtake each other: one that says STARTING or RUNNING of an exec whose
   * end is stored changes nothing. Those of one turn of the event loop are written together, since most of what
   * a save costs is its transaction; each fails by itself. @throws SESSION_NOT_FOUND.
   */
  save(exec: ExecInfo): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ exec, resolve, reject });
      if (this.#waiting.length === 1) queueMicrotask(() => void this.#saveWaiting());
    });
  }

  async #saveWaiting(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    const failures = new Map<Save, unknown>();
    const saveEach = async (db: Kysely<Schema>): Promise<void> => {
      for (const save of batch) {
        await this.#saveOne(db, save.exec).catch((error: unknown) => failures.set(save, error));
      }
    };
    try {
      if (batch.length === 1) await saveEach(this.#db);
      else await this.#db.transaction().execute(saveEach);
      for (const save of batch) {
        if (failures.has(save)) save.reject(failures.get(save));
        else save.resolve();
      }
    } catch (error) {
      // Nothing was written; on a full disk the statement's error says why, the commit's does not.
      for (const save of batch) save.reject(failures.get(save) ?? error);
    }
  }

  async #saveOne(db: Kysely<Schema>, exec: ExecInfo): Promise<void> {
    const row = encodeRow<ExecInfo, ExecRow>(ENCODERS, exec);
    const upsert = (this.#upsert ??= compileUpsert(this.#db, row));
    const parameters = [...upsert.columns.map((column) => row[column]), ...upsert.rest];
    try {
      await db.executeQuery({ ...upsert.query, parameters });
    } catch (error) {
      if (error instanceof ForeignKeyViolation) {
        throw notFound('SESSION_NOT_FOUND', 'session', exec.sessionId);
      }
      throw error;
    }
  }

  /** In the order of their creation. */
  async forSession(sessionId: string): Promise<readonly ExecInfo[]> {
    const rows = await this.#db
      .selectFrom('execs')
      .selectAll()
      .where('session_id', '=', sessionId)
      .orderBy('create_time')
      .orderBy('exec_id')
      .execute();
    return rows.map(execIn);
  }

  async endLeft(time: Date, sessionId?: string): Promise<void> {
    const ended = this.#db.selectFrom('sessions').select('session_id').where('state', 'in', FINAL);
    await this.#db
      .updateTable('execs')
      .set({ state: 'EXITED', exit_status: JSON.stringify(WITH_SESSION), end_time: timeOut(time) })
      .where('state', 'not in', ENDED)
      .where('session_id', 'in', sessionId === undefined ? ended : ended.where('session_id', '=', sessionId))
      .execute();
  }

  async deleteForSession(sessionId: string): Promise<void> {
    await this.#db.deleteFrom('execs').where('session_id', '=', sessionId).execute();
  }
}

/** The statement that saves an exec, made once: making it costs more than running it, and every command runs it. */
interface Upsert {
  readonly query: CompiledQuery;
  /** Whose values its first parameters are. */
  readonly columns: readonly (keyof ExecRow)[];
  /** Its other parameters. */
  readonly rest: readonly unknown[];
}

function compileUpsert(db: Kysely<Schema>, row: ExecRow): Upsert {
  const query = db
    .insertInto('execs')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .columns(['session_id', 'exec_id'])
        .doUpdateSet(
          (eb) =>
            ({
              command: eb.ref('excluded.command'),
              spec: eb.ref('excluded.spec'),
              state: eb.ref('excluded.state'),
              exit_status: eb.ref('excluded.exit_status'),
              stdout_bytes: eb.ref('excluded.stdout_bytes'),
              stderr_bytes: eb.ref('excluded.stderr_bytes'),
              create_time: eb.ref('excluded.create_time'),
              start_time: eb.ref('excluded.start_time'),
              end_time: eb.ref('excluded.end_time'),
            }) satisfies Record<Exclude<keyof ExecRow, 'session_id' | 'exec_id'>, unknown>,
        )
        .where((eb) => eb.or([eb('execs.state', 'not in', ENDED), eb('excluded.state', 'in', ENDED)])),
    )
    .compile();
  const columns = Object.keys(row) as (keyof ExecRow)[];
  return { query, columns, rest: query.parameters.slice(columns.length) };
}

const ENCODERS: Encoders<ExecInfo, ExecRow> = {
  sessionId: (session_id) => ({ session_id }),
  execId: (exec_id) => ({ exec_id }),
  command: (command) => ({ command: JSON.stringify(command) }),
  spec: (spec) => ({ spec: JSON.stringify(spec) }),
  state: (state) => ({ state }),
  exit: (exit) => ({ exit_status: exit === undefined ? null : JSON.stringify(exit) }),
  // A size that changes while the command runs is init's to tell; what has ended shows the size it began with.
  terminal: () => ({}),
  stdoutBytes: (stdout_bytes) => ({ stdout_bytes }),
  stderrBytes: (stderr_bytes) => ({ stderr_bytes }),
  createTime: (time) => ({ create_time: timeOut(time) }),
  startTime: (time) => ({ start_time: optionalTimeOut(time) }),
  endTime: (time) => ({ end_time: optionalTimeOut(time) }),
};

function execIn(row: ExecRow): ExecInfo {
  return {
    execId: row.exec_id,
    sessionId: row.session_id,
    command: jsonIn(row.command),
    spec: completeSpec(jsonIn(row.spec)),
    state: row.state as ExecState,
    exit: row.exit_status === null ? undefined : exitIn(row.exit_status),
    terminal: undefined,
    stdoutBytes: row.stdout_bytes,
    stderrBytes: row.stderr_bytes,
    createTime: timeIn(row.create_time),
    startTime: optionalTimeIn(row.start_time),
    endTime: optionalTimeIn(row.end_time),
  };
}

function exitIn(text: string): ExecExit {
  const exit = jsonIn<ExecExit>(text);
  return { ...exit, code: exit.code, signal: exit.signal };
}
