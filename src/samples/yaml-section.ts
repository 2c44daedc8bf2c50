import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Node, type YAMLMap } from 'yaml';
import type { FieldViolation } from '../core/errors.js';
import { nearest } from '../core/nearest.js';

/** More mistakes than anybody reads in one go. */
const MAX_VIOLATIONS = 50;

/** The mistakes found in one YAML file, each with its line. */
export class YamlProblems {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #found: { readonly offset: number; readonly violation: FieldViolation }[] = [];

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  /** In the file's order. */
  get violations(): readonly FieldViolation[] {
    return this.#found.toSorted((a, b) => a.offset - b.offset).map(({ violation }) => violation);
  }

  /** @param offset where in the text; @param path dotted, '' for the file as a whole. */
  add(offset: number, path: string, description: string): void {
    if (this.#found.length >= MAX_VIOLATIONS) return;
    const line = Math.max(1, this.#lines.linePos(offset).line);
    const place = `${this.#file}:${line}`;
    const field = path === '' ? place : `${place}: ${path}`;
    this.#found.push({ offset, violation: { field, description } });
  }
}

/** Reads a YAML text whose root must be a mapping. No anchors, aliases, tags or merge keys. */
export function readYaml(
  text: string,
  file: string,
): { readonly root: YamlSection | undefined; readonly problems: YamlProblems } {
  const lines = new LineCounter();
  const problems = new YamlProblems(file, lines);
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, schema: 'core' });
    for (const { pos, message } of [...document.errors, ...document.warnings])
      problems.add(pos[0], '', `is not valid YAML: ${message}`);
    if (problems.violations.length > 0) return { root: undefined, problems };
    const contents = document.contents;
    if (isMap(contents)) return { root: new YamlSection(problems, contents as YAMLMap, ''), problems };
    problems.add(contents?.range?.[0] ?? 0, '', 'expected a mapping of fields, as in `sample_id: …`');
  } catch (error) {
    // The parser recurses once per level of nesting.
    if (!(error instanceof RangeError)) throw error;
    problems.add(0, '', 'is nested too deep');
  }
  return { root: undefined, problems };
}

interface Entry {
  readonly node: Node | null;
  readonly offset: number;
}

export interface TextRule {
  readonly maxLength: number;
  readonly pattern?: RegExp;
  /** Says what `pattern` wants: `a name such as …`. */
  readonly expected?: string;
}

/**
 * One mapping of a YAML file. Reading a field that is wrong records a problem and gives the fallback, so that
 * all mistakes are found in one pass; `finish` then reports the fields that nobody asked for.
 */
export class YamlSection {
  readonly path: string;
  readonly offset: number;
  readonly #problems: YamlProblems;
  readonly #entries = new Map<string, Entry>();
  readonly #keyOffsets = new Map<string, number>();
  readonly #asked = new Set<string>();

  constructor(problems: YamlProblems, map: YAMLMap, path: string) {
    this.#problems = problems;
    this.path = path;
    this.offset = map.range?.[0] ?? 0;
    for (const { key, value } of map.items) {
      const keyNode = key as Node;
      const offset = keyNode.range?.[0] ?? this.offset;
      if (!isScalar(keyNode) || typeof keyNode.value !== 'string') {
        problems.add(offset, path, 'expected field names that are plain words');
        continue;
      }
      const node = value as Node | null;
      this.#keyOffsets.set(keyNode.value, offset);
      this.#entries.set(keyNode.value, { node, offset: node?.range?.[0] ?? offset });
    }
  }

  /** Names of the fields that are there, in the file's order. */
  keys(): string[] {
    return [...this.#entries.keys()];
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  problem(key: string, description: string): void {
    const offset = this.#entries.get(key)?.offset ?? this.#keyOffsets.get(key) ?? this.offset;
    this.#problems.add(offset, this.#pathOf(key), description);
  }

  text(key: string, rule: TextRule, fallback: string): string {
    const entry = this.#ask(key);
    if (entry === undefined) return fallback;
    return this.#text(entry, this.#pathOf(key), rule) ?? fallback;
  }

  requiredText(key: string, rule: TextRule): string {
    if (!this.has(key)) {
      this.#asked.add(key);
      this.#problems.add(this.offset, this.#pathOf(key), `is missing; expected ${rule.expected ?? 'a text'}`);
    }
    return this.text(key, rule, '');
  }

  texts(key: string, rule: TextRule & { readonly maxItems: number }, fallback: readonly string[]): string[] {
    const entry = this.#ask(key);
    if (entry === undefined) return [...fallback];
    const path = this.#pathOf(key);
    if (!isSeq(entry.node)) {
      this.#problems.add(entry.offset, path, `expected a list of texts, found ${kindOf(entry.node)}`);
      return [...fallback];
    }
    if (entry.node.items.length > rule.maxItems) {
      this.#problems.add(entry.offset, path, `expected at most ${rule.maxItems} entries`);
      return [...fallback];
    }
    return entry.node.items.flatMap((item, index) => {
      const node = item as Node | null;
      const at = { node, offset: node?.range?.[0] ?? entry.offset };
      return this.#text(at, `${path}[${index}]`, rule) ?? [];
    });
  }

  /** One of the words; `later` are words that are known and not served yet, with what to do instead. */
  choice<T extends string>(
    key: string,
    words: readonly T[],
    fallback: T,
    later: Readonly<Record<string, string>> = {},
  ): T {
    const entry = this.#ask(key);
    if (entry === undefined) return fallback;
    const path = this.#pathOf(key);
    const word = this.#text(entry, path, { maxLength: 100 });
    if (word === undefined) return fallback;
    const found = words.find((known) => known === word);
    if (found !== undefined) return found;
    const reason = Object.hasOwn(later, word) ? later[word] : undefined;
    const near = nearest(word, words);
    this.#problems.add(
      entry.offset,
      path,
      reason ??
        `expected ${words.join(' or ')}, found "${word}"${near === undefined ? '' : `; did you mean ${near}?`}`,
    );
    return fallback;
  }

  /** A number within bounds, plain or as `parse` reads it from a text. */
  quantity(
    key: string,
    rule: {
      readonly expected: string;
      readonly min: number;
      readonly max: number;
      readonly whole: boolean;
      readonly parse?: (text: string) => number | undefined;
    },
    fallback: number,
  ): number {
    const entry = this.#ask(key);
    if (entry === undefined) return fallback;
    const value = isScalar(entry.node) ? entry.node.value : undefined;
    let amount: number | undefined;
    if (typeof value === 'number') amount = value;
    else if (typeof value === 'string') amount = rule.parse?.(value);
    const fits =
      amount !== undefined &&
      amount >= rule.min &&
      amount <= rule.max &&
      (!rule.whole || Number.isInteger(amount));
    if (amount !== undefined && fits) return amount;
    this.#problems.add(
      entry.offset,
      this.#pathOf(key),
      `expected ${rule.expected}, found ${kindOf(entry.node)}`,
    );
    return fallback;
  }

  /** A nested mapping; undefined when it is absent or no mapping. An empty value is an empty mapping. */
  section(key: string): YamlSection | undefined {
    const entry = this.#ask(key);
    if (entry === undefined) return undefined;
    if (isMap(entry.node)) return new YamlSection(this.#problems, entry.node as YAMLMap, this.#pathOf(key));
    this.#problems.add(entry.offset, this.#pathOf(key), `expected a mapping, found ${kindOf(entry.node)}`);
    return undefined;
  }

  /** A mapping of names to texts. */
  record(key: string, name: RegExp, rule: TextRule & { readonly maxItems: number }): Record<string, string> {
    const section = this.section(key);
    if (section === undefined) return {};
    const names = section.keys();
    if (names.length > rule.maxItems) this.problem(key, `expected at most ${rule.maxItems} entries`);
    const found: [string, string][] = [];
    for (const each of names.slice(0, rule.maxItems)) {
      if (!name.test(each)) section.problem(each, 'is no name that can be used here');
      else found.push([each, section.text(each, rule, '')]);
    }
    return Object.fromEntries(found);
  }

  /** Reports every field that was not asked for. `later`: known ones that are not served yet. */
  finish(later: Readonly<Record<string, string>> = {}): void {
    for (const [key, offset] of this.#keyOffsets) {
      if (this.#asked.has(key)) continue;
      const reason = Object.hasOwn(later, key) ? later[key] : undefined;
      const near = nearest(key, this.#asked);
      this.#problems.add(
        offset,
        this.#pathOf(key),
        reason ?? `is not a known field${near === undefined ? '' : `; did you mean ${near}?`}`,
      );
    }
  }

  #ask(key: string): Entry | undefined {
    this.#asked.add(key);
    return this.#entries.get(key);
  }

  #pathOf(key: string): string {
    return [this.path, key].filter((part) => part !== '').join('.');
  }

  #text(entry: Entry, path: string, rule: TextRule): string | undefined {
    const value = isScalar(entry.node) ? entry.node.value : undefined;
    if (typeof value !== 'string') {
      const hint = typeof value === 'number' || typeof value === 'boolean' ? '; put it in quotes' : '';
      this.#problems.add(
        entry.offset,
        path,
        `expected ${rule.expected ?? 'a text'}, found ${kindOf(entry.node)}${hint}`,
      );
      return undefined;
    }
    if (value.length > rule.maxLength || value.includes('\0')) {
      this.#problems.add(
        entry.offset,
        path,
        `expected at most ${rule.maxLength} characters, none of them NUL`,
      );
      return undefined;
    }
    if (rule.pattern !== undefined && !rule.pattern.test(value)) {
      const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value;
      this.#problems.add(
        entry.offset,
        path,
        `expected ${rule.expected ?? 'another text'}, found ${JSON.stringify(shown)}`,
      );
      return undefined;
    }
    return value;
  }
}

function kindOf(node: Node | null): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (isAlias(node)) return 'an alias, which is not supported here';
  const value: unknown = isScalar(node) ? node.value : null;
  if (value === null) return 'nothing';
  if (typeof value === 'string') return value.length > 60 ? 'a long text' : JSON.stringify(value);
  return `the ${typeof value} ${String(value)}`;
}
