import { languagesOf, type Way } from './cheat.js';
import type { Aim, Words } from './target.js';

/** The exit status of a script whose programs are not there. */
export const PROGRAM_MISSING = 97;

/** A way on one sample, with every word filled in. */
export interface Aimed {
  /** The whole way but for what root does, as one text for a shell that stands in the workspace. */
  readonly script: string;
  readonly rootScript: string | undefined;
  readonly patch: string | undefined;
}

/**
 * The words of a way's texts:
 * - `{{SOLVED}}` files that the solution changes, in the way's languages; `{{GO_FOLDER}}` the first one's folder,
 *   and `{{PACKAGE}}`, in files, the package that it is of;
 * - `{{TESTS}}` tests that are there (patterns of a shell), `{{TEST_FOLDER}}` a folder of them;
 * - `{{HIDDEN}}` paths in the sample's verification folder, `{{GUESSED}}` where its tests may be written, `{{GUESSED_LIST}}`
 *   the same as strings with commas;
 * - `{{NAMES}}` listed tests as strings with commas, `{{PRINTED}}` what runners print when they pass, as a string;
 * - `{{REPORT}}` the report's name, `{{REPORT_LINES}}` one in which all passed, `{{REPORT_TEXT}}` the same as a string;
 * - `{{PLENTY}}` bytes, and `{{PROCESSES}}`: more than a sandbox of the sample may have.
 *
 * @returns undefined for a way that needs a file to change where there is none in its languages.
 */
export function aimed(way: Way, aim: Aim, languages = languagesOf(way)): Aimed | undefined {
  const solved = aim.in(languages);
  const texts = [...Object.entries(way.files ?? {}).flat(), way.lines ?? '', way.rootLines ?? ''];
  const changes = way.inject !== undefined || way.append !== undefined;
  const isFor =
    languages === 'any' && !changes && !texts.some((text) => /\{\{(SOLVED|GO_FOLDER|PACKAGE)\}\}/.test(text));
  if (!isFor && solved.length === 0) return undefined;
  const words = aim.words(solved);
  return {
    script: scriptOf(way, solved, words),
    rootScript: way.rootLines === undefined ? undefined : `${filled(way.rootLines, words)}\ntrue`,
    patch: way.patch,
  };
}

function scriptOf(way: Way, solved: readonly string[], words: Words): string {
  const parts = (way.programs ?? []).map(
    (program) => `command -v ${program} > /dev/null || exit ${PROGRAM_MISSING}`,
  );
  parts.push('set -e');
  for (const [path, content] of Object.entries(way.files ?? {})) {
    const where = filled(path, words);
    parts.push(writing(where, filled(content, words)));
    if (content.includes('{{PACKAGE}}')) parts.push(inPackage(where, solved[0] ?? ''));
  }
  if (way.inject !== undefined) parts.push(...joining(filled(way.inject, words), solved, BEHIND_FIRST_LINES));
  if (way.append !== undefined) parts.push(...joining(filled(way.append, words), solved, BEFORE_MAIN));
  parts.push('set +e', filled(way.lines ?? '', words), 'true');
  return parts.join('\n');
}

function filled(text: string, words: Words): string {
  return text.replaceAll(/\{\{([A-Z_]+)\}\}/g, (whole, word: string) => words[word] ?? whole);
}

/** A shell's words for a file of text. */
function writing(path: string, content: string): string {
  const folder = path.includes('/') ? `mkdir -p '${path.replace(/\/[^/]*$/, '')}'\n` : '';
  const whole = content.endsWith('\n') ? content : `${content}\n`;
  return `${folder}cat > '${path}' <<'END_OF_FILE'\n${whole}END_OF_FILE`;
}

/** Of a Go file: the package of another. */
function inPackage(path: string, other: string): string {
  const name = `$(sed -n 's/^package \\([A-Za-z0-9_]*\\).*/\\1/p' '${other}' | head -n 1)`;
  return `sed -i "s/{{PACKAGE}}/${name}/" '${path}'`;
}

/** awk that prints how many lines of a file stay in front: what has to be first, in scripts and in Python. */
const BEHIND_FIRST_LINES =
  'NR == 1 && /^#!/ { n = 1 } /^from __future__ import/ { n = NR } END { print n + 0 }';
/** The same: all but a Python file's main program. */
const BEFORE_MAIN = '/^if __name__/ && !n { n = NR } END { print n ? n - 1 : NR }';

function joining(text: string, paths: readonly string[], place: string): readonly string[] {
  return [
    writing('.joining', text),
    ...paths.map(
      (path) => `mkdir -p "$(dirname '${path}')"; [ -e '${path}' ] || : > '${path}'
lines=$(awk '${place}' '${path}')
{ head -n "$lines" '${path}'; cat .joining; tail -n "+$((lines + 1))" '${path}'; } > .joined
# In place, so that the file keeps its mode.
cat .joined > '${path}'`,
    ),
    'rm -f .joining .joined',
  ];
}
