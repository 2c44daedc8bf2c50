import { join } from 'node:path';
import SqliteConnection from 'better-sqlite3';
import { expect, test } from 'vitest';
import { freshStorage } from './storage-fixture.js';

// What the repositories ask, in short: each must find its rows by an index and read them in its order.
test.each([
  ['select * from sessions order by create_time desc, session_id desc limit 3'],
  ["select * from sessions where state = 'READY' order by create_time desc, session_id desc limit 3"],
  ["select * from sessions where sample_id = 'a' order by create_time desc, session_id desc limit 3"],
  ["select * from sessions where request_id = 'a'"],
  ["select * from sessions where request_id >= 'a/' and request_id < 'a0' order by request_id"],
  ["select * from sessions where snapshot_id = 'a' order by create_time desc, session_id desc limit 3"],
  ["select * from snapshots where snapshot_id = 'a'"],
  ["select * from snapshots where request_id = 'a'"],
  ['select * from snapshots where transient = 0 order by create_time desc, snapshot_id desc limit 3'],
  ["select * from snapshots where session_id = 'a' order by create_time desc, snapshot_id desc limit 3"],
  ["select * from snapshots where sample_id = 'a' order by create_time desc, snapshot_id desc limit 3"],
  ["select * from snapshot_labels where name = 'a' and value = 'b'"],
  ["select * from session_labels where name = 'a' and value = 'b'"],
  ["select * from execs where session_id = 'a' order by create_time, exec_id"],
  ['select * from verifications order by create_time desc, verification_id desc limit 3'],
  ["select * from verifications where state = 'READY' order by create_time desc, verification_id desc"],
  ["select * from verifications where sample_id = 'a' order by create_time desc, verification_id desc"],
  ["select * from verifications where subject_ref = 'a' order by create_time desc, verification_id desc"],
  ["select * from verifications where session_id = 'a' order by create_time desc, verification_id desc"],
  ["select count(*) from verifications where session_id = 'a' and state != 'CANCELLED'"],
  ["select * from verifications where request_id = 'a'"],
  ["select * from verifications where subject_digest = 'a' and sample_id = 'a' and sample_version = 1"],
  [
    "select * from verifications where end_time <= 1 and state not in ('RUNNING') order by end_time, verification_id limit 3",
  ],
  [
    'select * from verifications where end_time is not null and log_blob is not null order by end_time, verification_id',
  ],
  [
    "select * from verifications where end_time is not null and kept_kind = 'patch' order by end_time, verification_id",
  ],
  ["select * from verifications where log_blob = 'a'"],
  ["select * from verifications where kept_kind = 'patch' and kept_ref = 'a'"],
  ["select kept_ref, coalesce(patch_bytes, 0) from verifications where kept_kind = 'patch'"],
  ['select log_blob, log_bytes - log_cut_bytes from verifications where log_blob is not null'],
  ["select total from removed_verifications where session_id = 'a'"],
  ["select * from sample_versions where archive_blob = 'a'"],
  ["select * from sample_versions where repository_blob = 'a'"],
  ["select * from sample_versions where dataset = 'a' order by sample_id limit 3"],
  ["select * from sample_versions where language = 'a' order by sample_id limit 3"],
  ["select * from sample_versions where state = 'PREPARING'"],
  ["select * from sample_tags where tag = 'a'"],
  ["select * from api_keys where secret_hash = 'a'"],
  ["select * from api_keys where session_id = 'a'"],
])('an index serves: %s', async (query) => {
  await using open = await freshStorage();
  const raw = new SqliteConnection(join(open.dataDir, 'codeset.db'), { readonly: true });
  const plan = raw.prepare<[], { detail: string }>(`explain query plan ${query}`).all();
  raw.close();
  for (const { detail } of plan) expect(detail).toMatch(/USING (COVERING )?INDEX/);
});
