import type { Readable } from 'node:stream';

export interface BlobInfo {
  /** SHA-256 of the content, hex. */
  readonly digest: string;
  readonly bytes: number;
}

/** Content-addressed files: written under a temporary name, fsynced, renamed. */
export interface BlobStore {
  /** @throws TOO_LARGE beyond `maxBytes`, INVALID_FIELD when `expectedDigest` differs, DISK_FULL. Nothing stays then. */
  put(content: Readable, options: { maxBytes: number; expectedDigest?: string }): Promise<BlobInfo>;
  get(digest: string): Promise<Readable>;
  has(digest: string): Promise<BlobInfo | undefined>;
  delete(digest: string): Promise<void>;
  list(): AsyncIterable<BlobInfo & { readonly createTime: Date }>;
}
