import { tomlStatements, type TomlStatement } from './toml-statements.js';

/**
 * What becomes of a changed file in which the settings of a test runner stand among others:
 * - `same`: its settings are the sample's own;
 * - `text`: what the file has to be, with its own content and the sample's settings;
 * - `whole`: the two can't be told apart, so that all of it has to be the sample's.
 */
export type Settled =
  { readonly kind: 'same' } | { readonly kind: 'text'; readonly text: string } | { readonly kind: 'whole' };

/** @param own the sample's content, undefined where it has no such file; @param theirs the subject's. */
type Settle = (own: string | undefined, theirs: string) => Settled;

const SAME: Settled = { kind: 'same' };
const WHOLE: Settled = { kind: 'whole' };

/** File names to how the settings of runners are told apart in them. */
const SETTLERS: ReadonlyMap<string, Settle> = new Map<string, Settle>([
  ['pyproject.toml', toml([['tool', 'pytest']])],
  ['setup.cfg', sections],
  ['tox.ini', sections],
  ['entry_points.txt', sections],
  [
    'Cargo.toml',
    toml([['patch'], ['replace'], ['test'], ['lib', 'test'], ['lib', 'harness'], ['package', 'autotests']]),
  ],
  ['go.mod', goMod],
  ['package.json', packageJson],
]);

/** Whether it is a file that agents change for good reasons, and that runners take settings from as well. */
export function holdsSettings(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!SETTLERS.has(name) || path.includes('node_modules/')) return false;
  // Python takes the folder's name in small and large letters.
  return name !== 'entry_points.txt' || /\.(?:dist|egg)-info\/[^/]*$|(?:^|\/)EGG-INFO\/[^/]*$/i.test(path);
}

/**
 * Gives a file its own settings of test runners back and leaves the rest of it as it is.
 *
 * @param path one for which `holdsSettings`.
 * @param own the sample's content, undefined where it has no such file.
 * @param theirs the subject's, undefined where it was deleted.
 */
export function settle(path: string, own: string | undefined, theirs: string | undefined): Settled {
  const settler = SETTLERS.get(path.slice(path.lastIndexOf('/') + 1));
  if (settler === undefined) return WHOLE;
  // A file that went takes its settings along: the sample's own are missed where there were any.
  if (theirs === undefined) return own === undefined || settler(own, '').kind === 'same' ? SAME : WHOLE;
  return settler(own, theirs);
}

/** A piece of a text by offsets. */
interface Piece {
  readonly start: number;
  readonly end: number;
}

/** @param movable whether the sample's pieces mean the same at the end of another file. */
function exchanged(
  own: string,
  ownPieces: readonly Piece[],
  theirs: string,
  theirPieces: readonly Piece[],
  movable: boolean,
): Settled {
  const cut = (text: string, pieces: readonly Piece[]): string[] =>
    pieces.map(({ start, end }) => text.slice(start, end).trim());
  const wanted = cut(own, ownPieces);
  if (JSON.stringify(wanted) === JSON.stringify(cut(theirs, theirPieces))) return SAME;
  if (!movable) return WHOLE;
  let rest = '';
  let from = 0;
  for (const { start, end } of theirPieces) {
    rest += theirs.slice(from, start);
    from = end;
  }
  rest += theirs.slice(from);
  if (wanted.length === 0) return { kind: 'text', text: rest };
  return { kind: 'text', text: `${rest.replace(/\n*$/, '\n')}\n${wanted.join('\n')}\n` };
}

function startsWith(path: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((name, place) => path[place] === name);
}

function toml(guarded: readonly (readonly string[])[]): Settle {
  const isGuarded = ({ path, kind }: TomlStatement): boolean =>
    guarded.some(
      // `tool = {…}` may hold what is guarded, `[tool]` does not.
      (prefix) => startsWith(path, prefix) || (kind === 'pair' && startsWith(prefix, path)),
    );
  /** Where a guarded pair stands in another's table, its line alone means something else elsewhere. */
  const stray = (statements: readonly TomlStatement[]): boolean => {
    let inGuarded = false;
    return statements.some((statement) => {
      if (statement.kind === 'header') inGuarded = isGuarded(statement);
      return statement.kind === 'pair' && !inGuarded && isGuarded(statement);
    });
  };
  return (own = '', theirs) => {
    const mine = tomlStatements(own);
    const others = tomlStatements(theirs);
    if (mine === undefined || others === undefined) return own === theirs ? SAME : WHOLE;
    const held = others.filter(isGuarded);
    // What is equal as text may be below another header.
    const equalPaths =
      JSON.stringify(mine.filter(isGuarded).map(({ path }) => path)) ===
      JSON.stringify(held.map(({ path }) => path));
    const settled = exchanged(own, mine.filter(isGuarded), theirs, held, !stray(mine));
    return settled.kind === 'same' && !equalPaths ? WHOLE : settled;
  };
}

/** Where Python's `str.splitlines` ends a line, which is how these files are read. */
// eslint-disable-next-line no-control-regex
const PYTHON_LINE = /[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]|$)/y;

/** Sections of an INI file whose header names pytest: `[pytest]`, `[tool:pytest]`, `[pytest11]`. */
function pytestSections(text: string): Piece[] {
  const found: Piece[] = [];
  let open: number | undefined;
  let at = 0;
  while (at < text.length) {
    PYTHON_LINE.lastIndex = at;
    const line = PYTHON_LINE.exec(text)?.[0] ?? '';
    if (/^\s*\[/.test(line)) {
      if (open !== undefined) found.push({ start: open, end: at });
      open = line.includes('pytest') ? at : undefined;
    }
    at += Math.max(1, line.length);
  }
  if (open !== undefined) found.push({ start: open, end: text.length });
  return found;
}

function sections(own = '', theirs: string): Settled {
  return exchanged(own, pytestSections(own), theirs, pytestSections(theirs), true);
}

/** The `replace` directives, each a line or a block. */
function replacements(text: string): Piece[] {
  const found: Piece[] = [];
  let open: number | undefined;
  let at = 0;
  for (const line of text.split(/(?<=\n)/)) {
    const code = line.replace(/\/\/.*/s, '').trim();
    if (open !== undefined) {
      if (code.startsWith(')')) {
        found.push({ start: open, end: at + line.length });
        open = undefined;
      }
    } else if (/^replace\b/.test(code)) {
      if (code.endsWith('(')) open = at;
      else found.push({ start: at, end: at + line.length });
    }
    at += line.length;
  }
  if (open !== undefined) found.push({ start: open, end: text.length });
  return found;
}

function goMod(own = '', theirs: string): Settled {
  return exchanged(own, replacements(own), theirs, replacements(theirs), true);
}

const RUNNER_KEYS = ['jest', 'vitest', 'mocha', 'ava', 'tap', 'nyc', 'c8'];
const TEST_SCRIPT = /^(?:pre|post)?test(?:$|:)/;

function packageJson(own = '{}', theirs: string): Settled {
  const mine = jsonObject(own);
  const others = jsonObject(theirs);
  if (mine === undefined || others === undefined) return own === theirs ? SAME : WHOLE;
  const wanted = runnerPart(mine);
  if (JSON.stringify(wanted) === JSON.stringify(runnerPart(others))) return SAME;
  const scripts = Object.entries(jsonObjectOf(others['scripts'])).filter(([name]) => !TEST_SCRIPT.test(name));
  const rest = Object.entries(others).filter(([key]) => !RUNNER_KEYS.includes(key) && key !== 'scripts');
  const merged = Object.fromEntries([
    ...rest,
    ...Object.entries(wanted.settings),
    ['scripts', Object.fromEntries([...scripts, ...Object.entries(wanted.scripts)])],
  ]);
  return { kind: 'text', text: `${JSON.stringify(merged, undefined, 2)}\n` };
}

/** In an order that does not depend on the file's. */
function runnerPart(content: Readonly<Record<string, unknown>>): {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly scripts: Readonly<Record<string, unknown>>;
} {
  const scripts = Object.entries(jsonObjectOf(content['scripts']))
    .filter(([name]) => TEST_SCRIPT.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const settings = RUNNER_KEYS.flatMap((key) =>
    Object.hasOwn(content, key) ? [[key, content[key]] as const] : [],
  );
  return { settings: Object.fromEntries(settings), scripts: Object.fromEntries(scripts) };
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function jsonObjectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
