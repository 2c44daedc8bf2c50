import type { CheatTarget } from '../core/ports/cheats.js';
import { DEFAULT_REPORT_PATHS } from '../core/sample.js';
import { forgedReport, printedPasses, shortName } from './forged-report.js';

/** What a changed file is written in, as far as cheats know languages. */
export type Language = 'python' | 'node' | 'go' | 'c' | 'shell';

const LANGUAGES: readonly (readonly [RegExp, Language])[] = [
  [/\.py$/, 'python'],
  [/\.[cm]?[jt]sx?$/, 'node'],
  [/\.go$/, 'go'],
  [/\.(c|cc|cpp|cxx)$/, 'c'],
  [/\.(sh|bash)$/, 'shell'],
];
/** Paths that need no quoting in a shell, in a string of any language, or in an argument. */
const PLAIN_PATH = /^(?!-)[\w.+@-]+(\/[\w.+@-]+)*$/;
/** As many test names as keep a script well below what one argument may be. */
const MAX_TEST_NAME_BYTES = 20 * 1024;
const MAX_GUESSED = 12;
/** What a sandbox is filled with at most, so that a machine bears it on which limits are not enforced. */
const MAX_PLENTY_BYTES = 4 * 1024 ** 3;
const MAX_PROCESSES = 2000;

export function languageOf(path: string, ofSample: string): Language | undefined {
  const known = LANGUAGES.find(([pattern]) => pattern.test(path))?.[1];
  // Scripts often have no extension.
  return known ?? (/^(shell|sh|bash)$/i.test(ofSample) && !path.includes('.') ? 'shell' : undefined);
}

/** Words of texts, and what they stand for on one sample. */
export type Words = Readonly<Record<string, string>>;

/** What an agent can know or guess of a sample, as the words that cheats are written with. */
export class Aim {
  readonly #target: CheatTarget;
  /** Files that the solution changes, where their names are plain. */
  readonly solved: readonly string[];

  constructor(target: CheatTarget) {
    this.#target = target;
    this.solved = target.solved.filter((path) => PLAIN_PATH.test(path));
  }

  /** Of the changed files, those in one of these languages. */
  in(languages: readonly Language[] | 'any'): readonly string[] {
    if (languages === 'any') return this.solved;
    return this.solved.filter((path) => {
      const language = languageOf(path, this.#target.language);
      return language !== undefined && languages.includes(language);
    });
  }

  /** @param solved what `{{SOLVED}}` stands for */
  words(solved: readonly string[]): Words {
    const { tests, hidden, resources } = this.#target;
    const names = firstOf(tests);
    const report = forgedReport(this.#format, names);
    const folder = this.#testFolder;
    const guessed = this.#guessed(folder, solved);
    return {
      SOLVED: solved.join(' '),
      GO_FOLDER: folderOf(solved[0] ?? ''),
      TESTS: this.#tests.join(' '),
      TEST_FOLDER: folder,
      HIDDEN: hidden.filter((path) => PLAIN_PATH.test(path)).join(' '),
      GUESSED: guessed.join(' '),
      GUESSED_LIST: guessed.map(literal).join(', '),
      NAMES: names.map((name) => literal(shortName(name))).join(', '),
      PRINTED: literal(printedPasses(names)),
      REPORT: this.#reportName,
      REPORT_LINES: report,
      REPORT_TEXT: literal(report),
      PLENTY: String(
        Math.min(MAX_PLENTY_BYTES, Math.ceil(1.25 * Math.max(resources.memoryBytes, resources.diskBytes))),
      ),
      PROCESSES: String(Math.min(MAX_PROCESSES, resources.processes + 50)),
    };
  }

  get #format(): 'junit' | 'tap' | 'go-json' {
    return this.#target.report?.format ?? 'junit';
  }

  /** A name that the first of the sample's patterns finds. */
  get #reportName(): string {
    const pattern = this.#target.report?.paths[0] ?? DEFAULT_REPORT_PATHS[this.#format][0] ?? 'report.xml';
    const last = pattern.split('/').at(-1) ?? '';
    const name = last
      .replaceAll(/\*+/g, 'report')
      .replaceAll(/\{([^,}]*)[^}]*\}/g, '$1')
      .replaceAll(/[?[\]]/g, 'r');
    return PLAIN_PATH.test(name) ? name : 'report.xml';
  }

  get #protected(): readonly string[] {
    return this.#target.protectedPaths.filter((path) => PLAIN_PATH.test(path.replace(/\/$/, '')));
  }

  /** Tests that are there, as words of a shell. */
  get #tests(): readonly string[] {
    const words = this.#protected.map((path) => (path.endsWith('/') ? `${path}*` : path));
    return words.length > 0 ? words : ['tests/*', 'test/*'];
  }

  get #testFolder(): string {
    const folder = this.#protected.find((path) => path.endsWith('/'));
    const file = this.#protected.find((path) => path.includes('/'));
    return folder?.replace(/\/$/, '') ?? (file === undefined ? 'tests' : folderOf(file));
  }

  /** Where hidden tests will perhaps be written. */
  #guessed(folder: string, solved: readonly string[]): readonly string[] {
    const { tests, hidden } = this.#target;
    const named = tests.map((name) => name.split('::')[0] ?? '').filter((path) => /\.\w+$/.test(path));
    const files = hidden.filter((path) => /\.\w+$/.test(path) && path !== 'test.sh');
    const placed = files.flatMap((path) => {
      const name = path.split('/').at(-1) ?? '';
      const beside = solved[0] === undefined ? [] : [`${folderOf(solved[0])}/${name}`];
      return [path.replace(/^files\//, ''), `${folder}/${name}`, name, ...beside];
    });
    const plain = [...named, ...placed].map((path) => path.replace(/^\.\//, ''));
    return [...new Set(plain)]
      .filter((path) => PLAIN_PATH.test(path) && !solved.includes(path))
      .slice(0, MAX_GUESSED);
  }
}

function firstOf(names: readonly string[]): readonly string[] {
  let bytes = 0;
  return names.filter((name) => {
    bytes += Buffer.byteLength(name);
    return bytes <= MAX_TEST_NAME_BYTES;
  });
}

function folderOf(path: string): string {
  return path.includes('/') ? path.replace(/\/[^/]*$/, '') : '.';
}

/** A string as Python, JavaScript and Go alike write it. */
function literal(text: string): string {
  return JSON.stringify(text);
}
