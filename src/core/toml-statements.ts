/** One header or `key = value` of a TOML file. */
export interface TomlStatement {
  /** Names from the root, unquoted, those of the table included. */
  readonly path: readonly string[];
  readonly kind: 'header' | 'pair';
  /** Offsets into the text: from the first character to after the line's end. */
  readonly start: number;
  readonly end: number;
}

/**
 * The statements of a TOML text in order; undefined for what is no TOML, or of a sort that is not understood here.
 * Values are passed over and not checked, so that what TOML would refuse may get through: a reader of TOML refuses
 * it later.
 */
export function tomlStatements(text: string): readonly TomlStatement[] | undefined {
  try {
    return new Reader(text).read();
  } catch (error) {
    if (error instanceof NoToml) return undefined;
    throw error;
  }
}

class NoToml extends Error {
  override readonly name = 'NoToml';
}

const BARE_KEY = /[A-Za-z0-9_-]+/y;
const BASIC = /"((?:[^"\\\n\r]|\\.)*)"/y;
const LITERAL = /'([^'\n\r]*)'/y;
const MULTI_BASIC = /"""(?:[^\\]|\\[^])*?"""(?:""?(?!"))?/y;
const MULTI_LITERAL = /'''[^]*?'''(?:''?(?!'))?/y;
/** Of a value outside of strings: until something that may end or nest it. */
const PLAIN = /[^"'[\]{},#\n\r]+/y;
const BLANKS = /[ \t]*/y;
const LINE_END = /[ \t]*(?:#[^\n\r]*)?(?:\r?\n|$)/y;

class Reader {
  readonly #text: string;
  #at: number;
  #table: readonly string[] = [];

  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith('\ufeff') ? 1 : 0;
  }

  read(): TomlStatement[] {
    const statements: TomlStatement[] = [];
    while (this.#at < this.#text.length) {
      if (this.#take(LINE_END) !== undefined) continue;
      this.#take(BLANKS);
      const start = this.#at;
      if (this.#text[start] === '[') {
        const brackets = this.#text[start + 1] === '[' ? 2 : 1;
        this.#at += brackets;
        this.#table = this.#key();
        this.#expect(']'.repeat(brackets));
        this.#endLine();
        statements.push({ path: this.#table, kind: 'header', start, end: this.#at });
      } else {
        const key = this.#key();
        this.#expect('=');
        this.#value();
        this.#endLine();
        statements.push({ path: [...this.#table, ...key], kind: 'pair', start, end: this.#at });
      }
    }
    return statements;
  }

  #key(): string[] {
    const names: string[] = [];
    do {
      this.#take(BLANKS);
      names.push(this.#name());
      this.#take(BLANKS);
    } while (this.#next('.'));
    return names;
  }

  #name(): string {
    const bare = this.#take(BARE_KEY) ?? this.#take(LITERAL)?.slice(1, -1);
    if (bare !== undefined) return bare;
    const quoted = this.#take(BASIC);
    if (quoted === undefined) throw new NoToml();
    return unescaped(quoted.slice(1, -1));
  }

  /** Passes over one value, with what is nested in it. */
  #value(): void {
    let depth = 0;
    for (;;) {
      this.#take(BLANKS);
      const here = this.#text[this.#at];
      if (here === undefined || (depth === 0 && /[\n\r#]/.test(here))) {
        if (depth > 0) throw new NoToml();
        return;
      }
      if (here === '"' || here === "'") {
        const taken =
          here === '"'
            ? (this.#take(MULTI_BASIC) ?? this.#take(BASIC))
            : (this.#take(MULTI_LITERAL) ?? this.#take(LITERAL));
        if (taken === undefined) throw new NoToml();
      } else if (here === '[' || here === '{') {
        depth += 1;
        this.#at += 1;
      } else if (here === ']' || here === '}') {
        if (depth === 0) throw new NoToml();
        depth -= 1;
        this.#at += 1;
      } else if (here === ',') {
        if (depth === 0) throw new NoToml();
        this.#at += 1;
      } else if (this.#take(LINE_END) === undefined && this.#take(PLAIN) === undefined) {
        throw new NoToml();
      }
    }
  }

  #endLine(): void {
    if (this.#at < this.#text.length && this.#take(LINE_END) === undefined) throw new NoToml();
  }

  #expect(word: string): void {
    if (!this.#next(word)) throw new NoToml();
  }

  #next(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined || (found === '' && pattern !== BLANKS)) return undefined;
    this.#at += found.length;
    return found;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  e: '\u001b',
  '"': '"',
  '\\': '\\',
};

function unescaped(text: string): string {
  return text.replace(
    /\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))/gu,
    (_, short?: string, long?: string, byte?: string, sign?: string) => {
      const code = short ?? long ?? byte;
      const meant = code === undefined ? ESCAPES[sign ?? ''] : characterOf(Number.parseInt(code, 16));
      if (meant === undefined) throw new NoToml();
      return meant;
    },
  );
}

function characterOf(code: number): string | undefined {
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}
