/**
 * The sorts of samples that cheats are tried on, by how they judge:
 * - `exit-code`: a program of the sample loads the code under test into itself, and its exit status decides;
 * - `pytest`: pytest loads the code under test into itself and writes the report, as the SWE-bench importer has it;
 * - `node`: the same with Node's own test runner;
 * - `go`: `go test` builds both into one program, whose printed lines a script of root's reads;
 * - `outside`: each case is a process of its own, whose output a script of root's compares with what only root may read.
 */
export type Kind = 'exit-code' | 'pytest' | 'node' | 'go' | 'outside';

export const KINDS: readonly Kind[] = ['exit-code', 'pytest', 'node', 'go', 'outside'];

/** One way to try a cheat, for the kinds of samples that it is made for. Plain data, so that any sample can be tried. */
export interface Way {
  readonly kinds: readonly Kind[];
  /** Files written in the workspace first, as the agent: path to content. */
  readonly files?: Readonly<Record<string, string>>;
  /** Put in front of each file that the reference solution changes: what runs when the code under test is loaded. */
  readonly inject?: string;
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
  readonly ways: readonly Way[];
}

/** Cheats of one kind of means. */
export interface Family {
  readonly name: string;
  readonly cheats: readonly Cheat[];
}

/** A cheat that a kind of sample falls for today. */
export interface Open {
  readonly cheat: string;
  readonly kind: Kind;
  /** Why it passes, and what would close it. */
  readonly why: string;
}

/** The files that a way's injection goes into, and the whole way as one line for a shell. */
export function scriptOf(way: Way, touched: readonly string[]): string {
  const parts = ['set -e'];
  for (const [path, content] of Object.entries(way.files ?? {})) parts.push(writing(path, content));
  if (way.inject !== undefined) {
    parts.push(writing('.injected', way.inject));
    for (const path of touched) {
      // In place, so that the file keeps its mode.
      parts.push(`cat .injected '${path}' > .joined && cat .joined > '${path}'`);
    }
    parts.push('rm -f .injected .joined');
  }
  parts.push('set +e', way.lines ?? '', 'true');
  return parts.join('\n');
}

/** A shell's words for a file of text. */
function writing(path: string, content: string): string {
  const folder = path.includes('/') ? `mkdir -p '${path.replace(/\/[^/]*$/, '')}'\n` : '';
  const whole = content.endsWith('\n') ? content : `${content}\n`;
  return `${folder}cat > '${path}' <<'END_OF_FILE'\n${whole}END_OF_FILE`;
}
