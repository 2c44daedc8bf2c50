import type { Language } from './target.js';

/**
 * The sorts of samples that the cheats themselves are tried on, by how they judge:
 * - `exit-code`: a program of the sample loads the code under test into itself, and its exit status decides;
 * - `pytest`: pytest loads the code under test into itself and writes the report, as the SWE-bench importer has it;
 * - `node`: the same with Node's own test runner;
 * - `go`: `go test` builds both into one program, whose printed lines a script of root's reads;
 * - `outside`: each case is a process of its own, whose output a script of root's compares with what only root may read.
 */
export type Kind = 'exit-code' | 'pytest' | 'node' | 'go' | 'outside';

export const KINDS: readonly Kind[] = ['exit-code', 'pytest', 'node', 'go', 'outside'];

/**
 * One way to try a cheat. Plain data, so that any sample can be tried: `{{WORDS}}` in its texts stand for what the
 * sample has (script.ts says which there are).
 */
export interface Way {
  /** What it is tried on by the tests of this project. */
  readonly kinds: readonly Kind[];
  /**
   * What samples of anybody's it is tried on, by the languages of the files that their solutions change. Undefined: as
   * `kinds` has them. `none`: it knows what the code of its kinds does.
   */
  readonly on?: readonly Language[] | 'any' | 'none';
  /** Programs of the sandbox without which it can't be tried. */
  readonly programs?: readonly string[];
  /** Files written in the workspace first, as the agent: path to content. */
  readonly files?: Readonly<Record<string, string>>;
  /** Put in front of each file that the reference solution changes: what runs when the code under test is loaded. */
  readonly inject?: string;
  /** The same behind the file's own definitions. */
  readonly append?: string;
  /** Shell lines that the agent runs in the workspace after that. */
  readonly lines?: string;
  /** The same as the sandbox's root, after `lines`. */
  readonly rootLines?: string;
  /** Sent as a patch, with no session at all; then nothing else of this is there. */
  readonly patch?: string;
}

/** What an agent may do instead of its task. No sample may answer it with PASSED, nor with ERROR. */
export interface Cheat {
  /** Kebab case, unique in the catalogue. */
  readonly id: string;
  /** What the agent does, as the end of the sentence "The agent …". */
  readonly title: string;
  /** Where it was seen, or who says that it can be done. */
  readonly seen: string;
  /** How a sample closes it, where it is not as for its family. */
  readonly closedBy?: string;
  readonly ways: readonly Way[];
}

/** Cheats of one kind of means. */
export interface Family {
  readonly name: string;
  /** How a sample that falls for one of them closes it, in a sentence. */
  readonly closedBy: string;
  readonly cheats: readonly Cheat[];
}

const LANGUAGE_OF: Readonly<Record<Kind, Language>> = {
  'exit-code': 'python',
  pytest: 'python',
  outside: 'python',
  node: 'node',
  go: 'go',
};

/** The languages of changed files that a way is for. */
export function languagesOf({ on, kinds }: Way): readonly Language[] | 'any' {
  if (on === 'any') return 'any';
  if (on === 'none') return [];
  return on ?? [...new Set(kinds.map((kind) => LANGUAGE_OF[kind]))];
}
