import type { KeptAudit } from './kept-audit.js';
import {
  standingOn,
  type Environment,
  type Ground,
  type NetworkMode,
  type Resources,
} from './environment.js';
import type { Feedback } from './feedback.js';
import type { Disagreement, Validation } from './validation.js';

export type SampleState = 'PREPARING' | 'READY' | 'ERROR';

/** What an agent may see of the repository's history. */
export type HistoryPolicy = 'past' | 'squashed';

export type VerificationScope = 'PATCH' | 'WORKSPACE' | 'FILESYSTEM';
export type Grading = 'EXIT_CODE' | 'ALL_LISTED' | 'SWE_BENCH' | 'REWARD_FILE';
/** How the reports of a verification script are written: JUnit XML, TAP 12 to 14, `go test -json`. */
export type ReportFormat = 'junit' | 'tap' | 'go-json';

/** Where reports are looked for unless the sample says so: globs within the report folder. */
export const DEFAULT_REPORT_PATHS: Readonly<Record<ReportFormat, readonly string[]>> = Object.freeze({
  junit: ['**/*.xml'],
  tap: ['**/*.tap'],
  'go-json': ['**/*.json', '**/*.jsonl'],
});

/** In the report folder, where the script of a sample with REWARD_FILE writes what it gives. */
export const REWARD_FILES: readonly string[] = Object.freeze(['reward.json', 'reward.txt']);

/** How a sample is judged: sample.yaml's `verification`. The lists are hidden from runners and agents. */
export interface VerificationSpec {
  /** argv; a first element without a leading slash is taken from the hidden folder's parent: `verification/run`. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
  readonly scope: VerificationScope;
  readonly grading: Grading;
  readonly network: NetworkMode;
  /** Globs within the report folder. */
  readonly report: { readonly format: ReportFormat; readonly paths: readonly string[] } | undefined;
  /** Globs, relative to the workspace, of what an agent may have planted and the runner would pick up. */
  readonly remove: readonly string[];
  readonly failToPass: readonly string[];
  readonly passToPass: readonly string[];
  /** Tests that fail before and after, known failures; SWE_BENCH does not count them. */
  readonly failToFail: readonly string[];
  /** Workspace paths put back from the sample before the run; a trailing slash means a folder. */
  readonly protectedPaths: readonly string[];
  /** Globs of what agents are meant to change though test runners pick it up: none of it is put back. */
  readonly keep: readonly string[];
  readonly canary: CanarySpec | undefined;
  /** What runners and agents are shown of verifications at most. */
  readonly feedback: Feedback;
  /** How many a session may have; 0: any number. */
  readonly maxVerifications: number;
}

/** A test that has to fail, in a file of its own; `{{nonce}}` in its texts stands for what each run makes up. */
export interface CanarySpec {
  /** In the workspace. */
  readonly path: string;
  readonly content: string;
  /** Names of which each has to be reported failed; empty: one at least whose name has the nonce. */
  readonly tests: readonly string[];
}

/** The manifest of one sample version, with every default filled in. */
export interface SampleManifest {
  readonly sampleId: string;
  readonly sourceId: string;
  readonly dataset: string;
  readonly description: string;
  readonly language: string;
  readonly tags: readonly string[];
  readonly environment: Environment;
  readonly history: HistoryPolicy;
  readonly resources: Resources;
  readonly verification: VerificationSpec;
  /** Set when the codebase is a repository rather than the folder `codebase/`. */
  readonly codebase: { readonly git: string; readonly commit: string } | undefined;
}

/** One registered version. Immutable but for its state. */
export interface SampleVersion {
  readonly sampleId: string;
  /** 1, 2, 3 … */
  readonly version: number;
  readonly manifest: SampleManifest;
  /** The task description for the agent, Markdown. */
  readonly task: string;
  readonly state: SampleState;
  /** Why state is ERROR, with the end of the failed command's log. */
  readonly error: string;
  /** SHA-256 (hex) of the uploaded content, so that the same content registered twice is one version. */
  readonly digest: string;
  /** Blob of the uploaded tar (sample folder), for DownloadSample and hidden files. */
  readonly archiveBlob: string;
  /** Blob of the git bundle, when the codebase came as a repository. */
  readonly repositoryBlob: string | undefined;
  /** The commit that the codebase is at, in the codebase's own repository. */
  readonly baseCommit: string;
  /** Whether a solution.patch or apply script is there; its content stays hidden. */
  readonly hasSolution: boolean;
  readonly layers: SampleLayers;
  /** What its environment came down to when it was registered; undefined until known. */
  readonly ground: Ground | undefined;
  readonly createTime: Date;
  /** What the last validation found; undefined when there was none. */
  readonly validation: Validation | undefined;
  /** What the last audit found that says something of all of it; undefined when there was none. */
  readonly audit: KeptAudit | undefined;
  /** The latest two verifications of one subject that disagreed. */
  readonly disagreement: Disagreement | undefined;
}

/** The environment of a version, on the ground that it came down to. */
export function environmentOf({ manifest, ground }: SampleVersion): Environment {
  return ground === undefined ? manifest.environment : standingOn(manifest.environment, ground);
}

/** Layers that sandboxes of a sample are made from; filled in while it is prepared. */
export interface SampleLayers {
  /** Root layers in order, lowest first: set-up, prepare. */
  readonly root: readonly string[];
  /** Workspace layers, lowest first: codebase, prepare. */
  readonly workspace: readonly string[];
  /** Our own bare repository of the baseline tree: what differences are taken from. */
  readonly baseline: string | undefined;
  /** The hidden verification folder. */
  readonly hidden: string | undefined;
}

export interface Dataset {
  readonly name: string;
  readonly sampleCount: number;
}

/** Progress of preparing a version or creating a session. */
export interface StageEvent {
  readonly time: Date;
  readonly stage: 'QUEUED' | 'IMAGE' | 'CODEBASE' | 'SETUP' | 'PREPARE' | 'SANDBOX' | 'DONE';
  /** A line of a command's output, or a sentence of ours. */
  readonly message: string;
  /** Bytes done so far, where the stage counts them. */
  readonly bytes?: number;
  /** Bytes in all, as far as is known. */
  readonly totalBytes?: number;
}

/** @param bytes of how many have come, where the stage counts them */
export type TellStage = (
  stage: StageEvent['stage'],
  message: string,
  bytes?: { readonly done: number; readonly total: number },
) => void;

/** A stage event's count. */
export function countOf(
  bytes: { readonly done: number; readonly total: number } | undefined,
): Pick<StageEvent, 'bytes' | 'totalBytes'> {
  return bytes === undefined ? {} : { bytes: bytes.done, totalBytes: bytes.total };
}
