import type { LeakKind } from './audit.js';

/** A piece of a sample's hidden parts that is worth searching for. */
export interface Piece {
  readonly kind: LeakKind;
  readonly text: Buffer;
  /** Files that it stands in: `m.py` of the solution, `verification/tests/test_m.py`; or `fail_to_pass`. */
  readonly sources: readonly string[];
}

/** The hidden parts of a sample. */
export interface HiddenParts {
  /** The reference solution; undefined when there is none. */
  readonly solution: Uint8Array | undefined;
  /** Files of the sample's `solution/`, by their path below it, where the solution is no patch. */
  readonly solutionFiles?: readonly { readonly path: string; readonly content: Uint8Array }[];
  /** Files of the sample's `verification/`, by their path below it. */
  readonly files: readonly { readonly path: string; readonly content: Uint8Array }[];
  readonly failToPass: readonly string[];
}

/** Shorter lines are anybody's. */
const MIN_LINE_BYTES = 16;
const MAX_LINE_BYTES = 256;
const MIN_WORDY = 10;
const MIN_STRING = 12;
const MIN_DIGITS = 7;
const MIN_TEST_NAME = 12;

/** What every second file of its language has. */
const COMMON =
  /^(?:#!|#\s*include\b|import\b|from\s+\S+\s+import\b|export\s+\*|(?:const|let|var)\b.*=\s*require\(|use\s|using\s|package\s|require\b|if\s+__name__\b|except\s+\w+(?:\s+as\s+\w+)?:$|@Override|unittest\.main|set -[a-z]+|(?:\W*\b)?(?:copyright|licen[sc]ed?|spdx)\b)/i;
const STRING = /"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'/g;
const NUMBER = /(?<![\w.])-?\d[\d_]*(?:\.\d+)?(?![\w.])/g;

/** The distinctive pieces of a sample's hidden parts, each once for each kind. */
export function leakPieces({
  solution,
  solutionFiles = [],
  files,
  failToPass,
}: HiddenParts): readonly Piece[] {
  const pieces = new Map<string, { kind: LeakKind; text: Buffer; sources: Set<string> }>();
  const add = (kind: LeakKind, source: string, text: string): void => {
    const key = `${kind} ${text}`;
    const piece = pieces.get(key) ?? { kind, text: Buffer.from(text), sources: new Set() };
    piece.sources.add(source);
    pieces.set(key, piece);
  };
  if (solution !== undefined)
    for (const { path, line } of addedLines(Buffer.from(solution).toString()))
      addLine(line, (text) => add('SOLUTION', path, text));
  for (const { path, content } of solutionFiles) {
    for (const line of textOf(content)?.split('\n') ?? [])
      addLine(line, (piece) => add('SOLUTION', `solution/${path}`, piece));
  }
  for (const { path, content } of files) {
    const text = textOf(content);
    if (text === undefined) continue;
    const source = `verification/${path}`;
    for (const line of text.split('\n')) addLine(line, (piece) => add('HIDDEN_FILE', source, piece));
    for (const value of literals(text)) add('EXPECTED_VALUE', source, value);
  }
  for (const name of failToPass) {
    const word = wordOfTest(name);
    if (Buffer.byteLength(word) >= MIN_TEST_NAME) add('TEST_NAME', 'fail_to_pass', word);
  }
  return [...pieces.values()].map(({ kind, text, sources }) => ({ kind, text, sources: [...sources] }));
}

/** Undefined for what is not UTF-8: it has no lines. */
function textOf(content: Uint8Array): string | undefined {
  const text = Buffer.from(content).toString();
  return text.includes('\ufffd') || text.includes('\0') ? undefined : text;
}

function addLine(line: string, add: (text: string) => void): void {
  const text = cut(line.trim());
  if (Buffer.byteLength(text) < MIN_LINE_BYTES || !isWordy(text) || COMMON.test(text)) return;
  add(text);
}

/** A line longer than a piece may be stands by its beginning. */
function cut(text: string): string {
  return text.length <= MAX_LINE_BYTES / 4 ? text : text.slice(0, MAX_LINE_BYTES / 4);
}

function isWordy(text: string): boolean {
  const words = text.match(/[\p{L}\p{N}]/gu) ?? [];
  return words.length >= MIN_WORDY && new Set(words).size >= 4;
}

/** The lines that a git patch adds, with the file that each is in. */
function* addedLines(patch: string): Iterable<{ readonly path: string; readonly line: string }> {
  let path = '';
  let added = 0;
  let others = 0;
  for (const line of patch.split('\n')) {
    if (added > 0 || others > 0) {
      if (line.startsWith('+')) {
        added--;
        yield { path, line: line.slice(1) };
      } else if (line.startsWith('-')) others--;
      else if (!line.startsWith('\\')) {
        added--;
        others--;
      }
      continue;
    }
    const hunk = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
    if (hunk !== null) [others, added] = [Number(hunk[1] ?? 1), Number(hunk[2] ?? 1)];
    else if (line.startsWith('+++ ')) path = line.slice(4).replace(/^b\//, '').replace(/\t.*$/, '');
  }
}

/** Strings and numbers that nobody would write by chance. */
function* literals(text: string): Iterable<string> {
  for (const [, double, single] of text.matchAll(STRING)) {
    const value = double ?? single ?? '';
    // What is put together, a path or an option is no value that is expected.
    if (value.length < MIN_STRING || /[\\${}%]|^[-./@]|^\w+(?:\/[\w.+-]+)+$/.test(value)) continue;
    if (isWordy(value)) yield cut(value);
  }
  for (const [number] of text.matchAll(NUMBER)) {
    const digits = number.replace(/\D/g, '').replace(/^0+|0+$/g, '');
    if (digits.length >= MIN_DIGITS && new Set(digits).size >= 4 && number.length >= MIN_DIGITS + 1)
      yield number;
  }
}

/** What a test is called in its file: `tests/test_m.py::Odd::test_of_three[1-2]` is `test_of_three`. */
function wordOfTest(name: string): string {
  const last =
    name
      .replace(/\[.*$/s, '')
      .split(/::| > |#/)
      .at(-1) ?? '';
  return /\s/.test(last) ? last.trim() : (last.split(/[./]/).at(-1) ?? '');
}
