import type { Resources } from '../environment.js';
import type { VerificationSpec } from '../sample.js';

/** What an agent may know, guess or find out of a sample; more than it ought to, and nothing of the solution but where. */
export interface CheatTarget extends Pick<VerificationSpec, 'report' | 'protectedPaths'> {
  /** Of the sample; '' unknown. */
  readonly language: string;
  /** Paths in the workspace that the reference solution changes; empty when there is none. */
  readonly solved: readonly string[];
  /** Names of listed tests. */
  readonly tests: readonly string[];
  /** Paths in the sample's `verification/`. */
  readonly hidden: readonly string[];
  readonly resources: Resources;
}

/** What is told of a cheat. */
export interface CheatInfo {
  /** Kebab case. */
  readonly id: string;
  readonly family: string;
  /** What the agent does, as the end of the sentence "The agent …". */
  readonly title: string;
  /** How a sample that falls for it closes it, in a sentence. */
  readonly closedBy: string;
}

/** What an agent does for a cheat, on one sample. */
export type CheatMeans =
  | {
      readonly kind: 'session';
      /** For a shell in the workspace, as the sample's user. Ends with 0 unless it could not be done. */
      readonly script: string;
      /** The same as root, afterwards. */
      readonly rootScript: string | undefined;
      /** With this exit status of `script` the sandbox lacks one of these programs. */
      readonly lacking: { readonly status: number; readonly programs: readonly string[] };
    }
  | { readonly kind: 'patch'; readonly diff: Uint8Array };

export interface AimedCheat {
  readonly cheat: CheatInfo;
  /** Each is tried by itself; empty: it does not apply. */
  readonly ways: readonly CheatMeans[];
  /** Why there are no ways, a sentence; '' otherwise. */
  readonly why: string;
}

/** The cheats that any sample can be tried with. */
export interface CheatBook {
  readonly cheats: readonly CheatInfo[];
  /** All of them, on one sample. */
  aim(target: CheatTarget): readonly AimedCheat[];
}
