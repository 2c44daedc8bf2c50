import { parse as parseToml } from 'smol-toml';
import { parse as parseYaml } from 'yaml';
import { ImportError } from './import-error.js';

/**
 * The settings of a task, of which every value that is read counts as mapped: what is left at the end is told.
 */
export class HarborSettings {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #read = new Set<string>();

  private constructor(root: Readonly<Record<string, unknown>>) {
    this.#values = new Map(leaves(root, ''));
  }

  /** @throws {ImportError} */
  static ofToml(text: string, file: string): HarborSettings {
    try {
      return new HarborSettings(parseToml(text));
    } catch (cause) {
      throw new ImportError(`${file} is no TOML: ${firstLine(cause)}`, { cause });
    }
  }

  /** @throws {ImportError} */
  static ofYaml(text: string, file: string): HarborSettings {
    let value: unknown;
    try {
      value = parseYaml(text);
    } catch (cause) {
      throw new ImportError(`${file} is no YAML: ${firstLine(cause)}`, { cause });
    }
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      throw new ImportError(`${file} holds no mapping`);
    return new HarborSettings(value as Readonly<Record<string, unknown>>);
  }

  /** Without it counting as read. */
  peek(key: string): unknown {
    return this.#values.get(key);
  }

  get(key: string): unknown {
    this.#read.add(key);
    return this.#values.get(key) ?? undefined;
  }

  /** '' where it is missing. @throws {ImportError} */
  text(key: string): string {
    const value = this.get(key) ?? '';
    if (typeof value !== 'string') throw new ImportError(`${key} is no text`);
    return value;
  }

  /** @throws {ImportError} */
  number(key: string): number | undefined {
    const value = this.get(key);
    if (value !== undefined && (typeof value !== 'number' || !Number.isFinite(value) || value < 0))
      throw new ImportError(`${key} is no number`);
    return value;
  }

  /** @throws {ImportError} */
  texts(key: string): readonly string[] {
    const value = this.get(key) ?? [];
    if (!Array.isArray(value) || !value.every((each) => typeof each === 'string'))
      throw new ImportError(`${key} is no list of texts`);
    return value as string[];
  }

  /**
   * Variables. `${NAME:-default}`, which Harbor takes from the machine that it runs on, means its default here; without
   * one the variable is left out, and told.
   */
  variables(section: string): Record<string, string> {
    const found: [string, string][] = [];
    for (const [key, value] of this.#values) {
      if (!key.startsWith(`${section}.`) || typeof value !== 'string') continue;
      const plain = value.replace(/\$\{[A-Za-z_]\w*:-([^}]*)\}/g, '$1');
      if (/\$\{[A-Za-z_]\w*\}/.test(plain)) continue;
      this.#read.add(key);
      found.push([key.slice(section.length + 1), plain]);
    }
    return Object.fromEntries(found);
  }

  /** Names, dotted, of what holds something and was not read. */
  unread(): string[] {
    return [...this.#values].flatMap(([key, value]) =>
      this.#read.has(key) || isNothing(value) ? [] : [key],
    );
  }
}

function* leaves(value: Readonly<Record<string, unknown>>, prefix: string): Generator<[string, unknown]> {
  for (const [name, inner] of Object.entries(value)) {
    const key = `${prefix}${name}`;
    if (inner !== null && typeof inner === 'object' && !Array.isArray(inner) && !(inner instanceof Date))
      yield* leaves(inner as Readonly<Record<string, unknown>>, `${key}.`);
    else yield [key, inner];
  }
}

function isNothing(value: unknown): boolean {
  return (
    value === null ||
    value === undefined ||
    value === '' ||
    value === 0 ||
    value === false ||
    (Array.isArray(value) && value.length === 0)
  );
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n', 1)[0] ?? '';
}
