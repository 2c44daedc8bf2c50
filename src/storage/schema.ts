// One row type per table, as kysely sees it. Texts that hold JSON say so; times are whole milliseconds since 1970;
// yes and no are 1 and 0.

export interface Schema {
  readonly sample_versions: SampleRow;
  readonly sample_tags: SampleTagRow;
  readonly sample_requests: SampleRequestRow;
  readonly sample_numbers: { readonly sample_id: string; readonly last_version: number };
  readonly sessions: SessionRow;
  readonly session_labels: SessionLabelRow;
  readonly snapshots: SnapshotRow;
  readonly snapshot_labels: SnapshotLabelRow;
  readonly execs: ExecRow;
  readonly verifications: VerificationRow;
  /** How many verifications of a session were removed of those that count against its limit. */
  readonly removed_verifications: { readonly session_id: string; readonly total: number };
  /** Digests of blobs that may be without use. */
  readonly released_blobs: { readonly blob: string };
  readonly api_keys: KeyRow;
}

export interface SampleRow {
  readonly sample_id: string;
  readonly version: number;
  readonly dataset: string;
  readonly language: string;
  /** Id, description and task in lower case. */
  readonly search_text: string;
  /** JSON */
  readonly manifest: string;
  readonly task: string;
  readonly state: string;
  readonly error: string;
  readonly digest: string;
  readonly archive_blob: string;
  readonly repository_blob: string | null;
  readonly base_commit: string;
  readonly has_solution: number;
  /** JSON */
  readonly layers: string;
  readonly create_time: number;
  /** JSON; null until known. */
  readonly ground: string | null;
  /** JSON; null when there was none. */
  readonly validation: string | null;
  /** JSON; null when there was none. */
  readonly disagreement: string | null;
  /** JSON; null when there was none. */
  readonly audit: string | null;
}

export interface SampleTagRow {
  readonly sample_id: string;
  readonly version: number;
  readonly tag: string;
}

export interface SampleRequestRow {
  readonly request_id: string;
  readonly request_digest: string;
  readonly sample_id: string;
  readonly version: number;
}

/** What a session's sandbox was made from. */
export interface SourceColumns {
  readonly source_kind: string;
  readonly sample_id: string | null;
  readonly sample_version: number | null;
  /** JSON */
  readonly environment: string | null;
}

export interface SessionRow extends SourceColumns {
  readonly session_id: string;
  readonly request_id: string | null;
  readonly request_digest: string;
  readonly snapshot_id: string | null;
  readonly state: string;
  readonly error: string;
  /** JSON; the same in session_labels, for filters. */
  readonly labels: string;
  /** JSON */
  readonly env: string;
  readonly network: string;
  /** JSON */
  readonly resources: string;
  readonly engine: string;
  /** JSON */
  readonly layers: string;
  readonly sandbox_id: string;
  readonly user_name: string;
  readonly workdir: string;
  readonly ttl_ms: number;
  readonly idle_timeout_ms: number;
  readonly create_time: number;
  readonly ready_time: number | null;
  readonly expire_time: number;
  readonly end_time: number | null;
  readonly last_active_time: number;
  /** JSON; null until known. */
  readonly ground: string | null;
  /** JSON; null where nothing is said. */
  readonly verifying: string | null;
}

export interface SessionLabelRow {
  readonly session_id: string;
  readonly name: string;
  readonly value: string;
}

export interface SnapshotRow extends SourceColumns {
  readonly snapshot_id: string;
  readonly request_id: string | null;
  readonly request_digest: string;
  readonly session_id: string;
  /** JSON; the same in snapshot_labels, for filters. */
  readonly labels: string;
  /** JSON */
  readonly env: string;
  readonly network: string;
  /** JSON */
  readonly resources: string;
  readonly engine: string;
  /** JSON */
  readonly layers: string;
  readonly size_bytes: number;
  readonly transient: number;
  readonly create_time: number;
  /** JSON; null until known. */
  readonly ground: string | null;
  /** JSON; null where nothing is said. */
  readonly verifying: string | null;
}

export interface SnapshotLabelRow {
  readonly snapshot_id: string;
  readonly name: string;
  readonly value: string;
}

export interface ExecRow {
  readonly session_id: string;
  readonly exec_id: string;
  /** JSON */
  readonly command: string;
  /** JSON */
  readonly spec: string;
  readonly state: string;
  /** JSON */
  readonly exit_status: string | null;
  readonly stdout_bytes: number;
  readonly stderr_bytes: number;
  readonly create_time: number;
  readonly start_time: number | null;
  readonly end_time: number | null;
}

export interface VerificationRow {
  readonly verification_id: string;
  readonly request_id: string | null;
  readonly request_digest: string;
  readonly sample_id: string;
  readonly sample_version: number;
  readonly subject_kind: string;
  /** A session's or snapshot's id, or a blob's digest. */
  readonly subject_ref: string;
  /** Whose it is; null for a patch. */
  readonly session_id: string | null;
  readonly feedback: string;
  /** Null: nothing is shown to the session's agent. */
  readonly agent_feedback: string | null;
  readonly scope: string;
  readonly kept_kind: string | null;
  /** A blob's digest, a layer's id, a sentence, or JSON: layers that were made for it alone. */
  readonly kept_ref: string | null;
  /** JSON: layers, or stacks of layers (`root`, `workspace`); null for those of the sample. */
  readonly kept_below: string | null;
  readonly state: string;
  readonly attempt: number;
  readonly fault: string;
  readonly retryable: number;
  readonly message: string;
  /** JSON */
  readonly verdict: string | null;
  readonly exit_code: number | null;
  readonly exit_signal: string | null;
  readonly subject_digest: string;
  readonly sample_digest: string;
  readonly environment_digest: string;
  readonly log_digest: string;
  readonly log_bytes: number;
  readonly log_blob: string | null;
  readonly log_cut_bytes: number;
  readonly log_expire_time: number | null;
  /** Null: an earlier version did not say, or it is no patch. */
  readonly patch_bytes: number | null;
  readonly subject_expire_time: number | null;
  readonly engine: string;
  readonly runtime: string;
  readonly service_version: string;
  /** Null: an earlier version did not say. */
  readonly timeout_ms: number | null;
  /** JSON */
  readonly resources: string;
  /** JSON */
  readonly pressure: string | null;
  readonly create_time: number;
  readonly start_time: number | null;
  readonly end_time: number | null;
}

export interface KeyRow {
  readonly key_id: string;
  readonly role: string;
  readonly name: string;
  readonly secret_hash: string;
  readonly session_id: string | null;
  readonly create_time: number;
  readonly revoke_time: number | null;
}
