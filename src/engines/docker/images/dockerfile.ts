// As much of a Dockerfile as has to be understood here: which images it stands on, and where its stages begin.

export interface DockerfileBase {
  /** As it is written, variables filled in; undefined where they are not all known before the build. */
  readonly image: string | undefined;
}

export interface ReadDockerfile {
  /** Of images that stages stand on or copy from, without stages of its own and `scratch`. */
  readonly bases: readonly DockerfileBase[];
  /** What ADD takes, also behind ONBUILD, that is or may be a URL: the daemon itself would fetch it. As written. */
  readonly fetched: readonly string[];
  /** What it has that only BuildKit knows, as people write it: `RUN --mount`. */
  readonly newer: readonly string[];
  /**
   * The same file with labels behind each FROM, so that every step's image says whose it is, and at the end of each
   * stage, since the file may set them as well.
   */
  readonly labelled: (labels: Readonly<Record<string, string>>) => string;
}

interface Instruction {
  readonly word: string;
  readonly rest: string;
  /** Index of its last line. */
  readonly end: number;
  /** The file ends in the middle of it: what came behind would be part of it. */
  readonly open: boolean;
}

/** The ends of lines that go on, by the file's escape character. */
interface Continued {
  readonly backslash: RegExp;
  readonly backtick: RegExp;
}

const CONTINUED: Continued = { backslash: /\\[ \t]*$/, backtick: /`[ \t]*$/ };
const CONTINUED_UNESCAPED: Continued = { backslash: /(?<!\\)\\[ \t]*$/, backtick: /(?<!`)`[ \t]*$/ };
/** With one that JavaScript does not count and the builder does. */
const WHITESPACE = /[\s\u0085]+/;

/** Flags that the classic builder refuses. */
const NEWER_FLAGS: Readonly<Record<string, readonly string[]>> = {
  RUN: ['--mount', '--network', '--security', '--device'],
  COPY: ['--link', '--chmod', '--parents', '--exclude'],
  ADD: ['--link', '--chmod', '--checksum', '--keep-git-dir', '--exclude', '--unpack'],
};
/** Not `<<<`, which is the shell's own. */
const HERE_DOCUMENT = /(?<!<)<<-?["']?[A-Za-z_]/;

const SCHEMES = ['http://', 'https://', 'ftp://', 'git://', 'git@', 'ssh://'];

/** @param text a Dockerfile as the classic builder reads it: without here-documents */
export function readDockerfile(text: string): ReadDockerfile {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const instructions = instructionsOf(lines, CONTINUED);
  const firstFrom = instructions.findIndex(({ word }) => word === 'FROM');
  const variables = new Map<string, string>();
  for (const { word, rest } of instructions.slice(0, Math.max(0, firstFrom))) {
    const [, name = '', value = ''] = word === 'ARG' ? (/^(\w+)(?:=(.*))?$/s.exec(rest.trim()) ?? []) : [];
    if (name !== '') variables.set(name, unquoted(value));
  }
  const stages = new Set<string>();
  const bases = new Map<string | undefined, DockerfileBase>();
  let count = 0;
  for (const { word, rest } of instructions) {
    const words = rest.trim().split(/\s+/);
    if (word === 'FROM') {
      const [image = '', as = '', stage = ''] = words.filter((part) => !part.startsWith('--'));
      add(image);
      if (as.toLowerCase() === 'as' && stage !== '') stages.add(stage.toLowerCase());
      stages.add(String(count++));
    } else if (word === 'COPY') {
      const from = words.find((part) => part.startsWith('--from='));
      if (from !== undefined) add(from.slice('--from='.length));
    }
  }
  return {
    bases: [...bases.values()],
    // Daemons differ in what an escaped escape at a line's end means: nothing may hide in either reading.
    fetched: [
      ...new Set(
        [instructions, instructionsOf(lines, CONTINUED_UNESCAPED)].flatMap((read) =>
          read.flatMap(({ word, rest }) => fetchedBy(word, rest)),
        ),
      ),
    ],
    newer: [
      ...new Set([
        ...(directives(lines).has('syntax') ? ['# syntax='] : []),
        ...instructions.flatMap(({ word, rest }) => newerIn(word, rest)),
      ]),
    ],
    labelled: (labels) => {
      const line = `LABEL ${Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ')}`;
      const ends = new Set(
        instructions
          .filter(({ word, open }, i) => {
            const next = instructions[i + 1]?.word;
            return (
              word === 'FROM' || (i > firstFrom && firstFrom >= 0 && !open && (next ?? 'FROM') === 'FROM')
            );
          })
          .map(({ end }) => end),
      );
      return lines.flatMap((text_, index) => (ends.has(index) ? [text_, line] : [text_])).join('\n');
    },
  };

  function add(written: string): void {
    const image = filledIn(written, variables);
    if (image !== undefined && (image === 'scratch' || image === '' || stages.has(image.toLowerCase())))
      return;
    bases.set(image, { image });
  }
}

/**
 * @param trigger an instruction, as in an image's OnBuild
 * @returns what of it the daemon would fetch by itself, as `ReadDockerfile.fetched`
 */
export function fetchedByTrigger(trigger: string): readonly string[] {
  return instructionsOf([trigger], CONTINUED).flatMap(({ word, rest }) => fetchedBy(word, rest));
}

function newerIn(word: string, rest: string): readonly string[] {
  const known = NEWER_FLAGS[word];
  if (known === undefined) return [];
  const words = rest.trim().split(/\s+/);
  const end = words.findIndex((part) => !part.startsWith('--'));
  const flags = words.slice(0, end < 0 ? words.length : end).map((part) => part.replace(/=.*$/s, ''));
  return [
    ...flags.filter((flag) => known.includes(flag)).map((flag) => `${word} ${flag}`),
    ...(HERE_DOCUMENT.test(rest) ? [`${word} <<`] : []),
  ];
}

function fetchedBy(word: string, rest: string): readonly string[] {
  if (word === 'ONBUILD') return fetchedByTrigger(rest);
  return word === 'ADD' ? sourcesOf(rest).filter((source) => mayBeUrl(source)) : [];
}

/** Of an ADD; more than it has where it can be read in several ways. */
function sourcesOf(rest: string): readonly string[] {
  const sources = rest.split(WHITESPACE).filter((part) => part !== '' && !part.startsWith('--'));
  const list = sources.slice(0, -1);
  for (let at = rest.indexOf('['); at >= 0; at = rest.indexOf('[', at + 1)) {
    const parsed = asStrings(rest.slice(at));
    if (parsed !== undefined) list.push(...parsed.slice(0, -1));
  }
  return list;
}

function asStrings(json: string): readonly string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(json);
    if (!Array.isArray(parsed)) return undefined;
    return parsed.filter((part): part is string => typeof part === 'string');
  } catch {
    return undefined;
  }
}

/** Variables are known only at the build: what begins with one may come to be anything. */
function mayBeUrl(written: string): boolean {
  // The builder takes quotes and escapes away; a list's bracket may be in front where words were cut.
  const text = written.replaceAll(/["'`\\[]/g, '').toLowerCase();
  if (text.includes('://')) return true;
  const [known = '', ...unknown] = text.split('$');
  return SCHEMES.some(
    (scheme) => known.startsWith(scheme) || (unknown.length > 0 && scheme.startsWith(known)),
  );
}

function instructionsOf(lines: readonly string[], ends: Continued): readonly Instruction[] {
  const continued = escapeOf(lines) === '`' ? ends.backtick : ends.backslash;
  const instructions: Instruction[] = [];
  let partial = '';
  for (const [index, line] of lines.entries()) {
    const blank = /^\s*(#|$)/.test(line);
    const open = index === lines.length - 1 && (blank ? partial !== '' : continued.test(line));
    // Comments and empty lines inside of an instruction are skipped; a comment alone is none.
    if (blank) {
      if (partial === '' || index < lines.length - 1) continue;
    } else if (continued.test(line) && index < lines.length - 1) {
      partial += line.replace(continued, ' ');
      continue;
    } else partial += line;
    const [, word = '', rest = ''] = /^[\s\u0085]*([^\s\u0085]+)[\s\u0085]*([\s\S]*)$/.exec(partial) ?? [];
    if (word !== '') instructions.push({ word: word.toUpperCase(), rest, end: index, open });
    partial = '';
  }
  return instructions;
}

function escapeOf(lines: readonly string[]): string {
  return directives(lines).get('escape') ?? '\\';
}

/** `# escape=` and others count at the very top only. */
function directives(lines: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ''] = /^#\s*(\w+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (name === undefined) break;
    const known = name.toLowerCase();
    if (!found.has(known)) found.set(known, value);
  }
  return found;
}

function filledIn(written: string, variables: ReadonlyMap<string, string>): string | undefined {
  let known = true;
  const text = unquoted(written).replace(
    /\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\}|(.?))/g,
    (_whole, plain?: string, braced?: string, fallback?: string) => {
      const value = variables.get(plain ?? braced ?? '') || fallback;
      if (value === undefined || value === '') known = false;
      return value ?? '';
    },
  );
  return known ? text : undefined;
}

function unquoted(text: string): string {
  return /^"(.*)"$|^'(.*)'$/s.test(text) ? text.slice(1, -1) : text;
}
