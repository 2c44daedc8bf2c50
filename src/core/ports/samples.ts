import type { Readable } from 'node:stream';
import type { Grading, SampleManifest, VerificationSpec } from '../sample.js';
import type { Verdict } from '../verification.js';

/** A tar of a sample's folder, read and found right. Its owner disposes it, which removes what was spooled. */
export interface SampleUpload extends AsyncDisposable {
  readonly manifest: SampleManifest;
  readonly task: string;
  /** SHA-256 (hex) of the canonical content: equal for equal samples, whatever the tar's times and order. */
  readonly digest: string;
  readonly hasSolution: boolean;
  /** Whether the archive brought a `codebase/` folder. */
  readonly hasCodebase: boolean;
  /** The whole sample folder again, as a canonical tar. */
  archive(): Readable;
  /** The verification folder as a tar, entries relative to it, owned by root. */
  hidden(): Readable;
  /** The solution folder as a tar, entries relative to it, owned by root; for sandboxes without a session's files. */
  solution(): Readable;
}

export interface Codebase extends AsyncDisposable {
  readonly baseCommit: string;
  /** Tar of the work tree with its `.git`, owned by `uid` inside, nothing later than the base commit in it. */
  workTree(uid: number): Readable;
}

/** Reads what clients upload. Every failure is a CodesetError with file and line where there is one. */
export interface SampleReader {
  /** INVALID_ARCHIVE, INVALID_MANIFEST, TOO_LARGE, DISK_FULL. */
  read(tar: Readable): Promise<SampleUpload>;
  /** From the stored archive, whose `codebase/` folder it is. */
  codebaseFromFolder(archive: Readable, history: 'past' | 'squashed'): Promise<Codebase>;
  /** INVALID_REPOSITORY, COMMIT_NOT_FOUND. */
  codebaseFromBundle(bundle: Readable, commit: string, history: 'past' | 'squashed'): Promise<Codebase>;
  /** A stored archive without what is hidden: the verification, the solution, and sample.yaml with its expected tests. */
  visible(archive: Readable): Readable;
  /** Throws INVALID_REPOSITORY unless it is a git bundle that git can read. */
  checkBundle(bundle: Readable): Promise<void>;
  /** The text of `solution/solution.patch` in a stored archive. */
  solutionPatch(archive: Readable): Promise<Uint8Array | undefined>;
}

/** Judges reports; pure. */
export interface Grader {
  grade(input: {
    readonly spec: VerificationSpec;
    readonly grading: Grading;
    /** Undefined after a signal. */
    readonly exitCode: number | undefined;
    readonly reports: readonly {
      readonly path: string;
      readonly bySubject: boolean;
      readonly content: Uint8Array;
    }[];
    /** What this run made up for the sample's canary; undefined for a sample without one. */
    readonly nonce?: string | undefined;
  }): Verdict;
}
