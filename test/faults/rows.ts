import { existsSync } from 'node:fs';
import { join } from 'node:path';
import SqliteConnection from 'better-sqlite3';

const ENDED = `('CLOSED', 'EXPIRED')`;

/** What must have no row once every session is closed, and every snapshot and other sample removed. */
const WRONG: Readonly<Record<string, string>> = {
  'a session is open': `SELECT session_id, state FROM sessions WHERE state NOT IN ${ENDED}`,
  'a session ended at no time': `SELECT session_id FROM sessions WHERE state IN ${ENDED} AND end_time IS NULL`,
  'a token of a session that ended is good': `SELECT session_id FROM api_keys
    WHERE role = 'AGENT' AND revoke_time IS NULL
    AND session_id NOT IN (SELECT session_id FROM sessions WHERE state NOT IN ${ENDED})`,
  'a command runs in a session that ended': `SELECT execs.session_id, exec_id, execs.state
    FROM execs JOIN sessions USING (session_id)
    WHERE execs.state NOT IN ('EXITED', 'LOST') AND sessions.state IN ${ENDED}`,
  'a command ended at no time': `SELECT session_id, exec_id, state FROM execs
    WHERE state IN ('EXITED', 'LOST') AND (end_time IS NULL OR exit_status IS NULL)`,
  'a snapshot is there': `SELECT snapshot_id, transient FROM snapshots`,
  'a verification has no verdict': `SELECT verification_id, state, message FROM verifications
    WHERE state NOT IN ('FAILED', 'CANCELLED') OR end_time IS NULL`,
  'a verification keeps its layer': `SELECT verification_id FROM verifications WHERE kept_kind = 'layer'`,
  'a sample is not READY': `SELECT sample_id, version, state, error FROM sample_versions WHERE state <> 'READY'`,
};

const BLOBS = [
  'SELECT archive_blob AS blob FROM sample_versions',
  'SELECT repository_blob AS blob FROM sample_versions',
  'SELECT log_blob AS blob FROM verifications',
  `SELECT kept_ref AS blob FROM verifications WHERE kept_kind = 'patch'`,
];

/** What is wrong in the database of a service that lives and has nothing to do; [] for nothing. */
export function wrongRows(dataDir: string): readonly string[] {
  const database = new SqliteConnection(join(dataDir, 'codeset.db'), { readonly: true });
  try {
    const wrong: string[] = [];
    for (const check of ['integrity_check', 'foreign_key_check'])
      for (const row of database.pragma(check) as unknown[])
        if (JSON.stringify(row) !== '{"integrity_check":"ok"}')
          wrong.push(`${check}: ${JSON.stringify(row)}`);
    for (const [what, query] of Object.entries(WRONG))
      for (const row of database.prepare(query).all()) wrong.push(`${what}: ${JSON.stringify(row)}`);
    const blobs = database.prepare(BLOBS.join(' UNION ')).all() as { blob: string | null }[];
    for (const { blob } of blobs)
      if (blob !== null && !existsSync(join(dataDir, 'blobs', 'sha256', blob.slice(0, 2), blob)))
        wrong.push(`a blob is missing: ${blob}`);
    return wrong;
  } finally {
    database.close();
  }
}
