/** One line of TAP, by what it means. Anything else, comments among it, means nothing for the verdict. */
export type TapLine =
  | { readonly kind: 'version'; readonly version: number }
  | { readonly kind: 'plan'; readonly tests: number }
  | { readonly kind: 'bail-out'; readonly reason: string }
  | ({ readonly kind: 'point' } & TapPoint)
  | { readonly kind: 'close' };

export interface TapPoint {
  readonly ok: boolean;
  /** As the line numbers it; undefined when it does not. */
  readonly number: number | undefined;
  /** Unescaped; empty when there is none. */
  readonly description: string;
  readonly directive: 'skip' | 'todo' | undefined;
  /** What the directive says. */
  readonly reason: string;
  /** Milliseconds. */
  readonly durationMs: number | undefined;
  /** It ends with `{`: its subtests may follow in braces. */
  readonly opens: boolean;
}

/** @param line without its indentation. */
export function tapLine(line: string): TapLine | undefined {
  const version = /^TAP version (\d{1,9})\s*$/i.exec(line);
  if (version !== null) return { kind: 'version', version: Number(version[1]) };
  const plan = /^1\.\.(\d{1,9})(?:\s*#.*)?\s*$/.exec(line);
  if (plan !== null) return { kind: 'plan', tests: Number(plan[1]) };
  if (/^bail out!/i.test(line)) return { kind: 'bail-out', reason: line.slice('bail out!'.length).trim() };
  if (/^\}\s*$/.test(line)) return { kind: 'close' };
  const [, word, number, rest = ''] = /^(ok|not ok)(?=\s|$)(?:\s+(\d{1,9})(?=\s|$))?(.*)$/s.exec(line) ?? [];
  if (word === undefined) return undefined;
  return {
    kind: 'point',
    ok: word === 'ok',
    number: number === undefined ? undefined : Number(number),
    ...described(rest),
  };
}

/** A directive's word after an unescaped `#`; `time=` is node-tap's and Vitest's. Any other `#` is text. */
const DIRECTIVE = /^#\s*(?:(skip)\S*|(todo)\b|time=([\d.]{1,20})(ms|s)\b)(.*)$/is;

function described(rest: string): Omit<TapPoint, 'ok' | 'number'> {
  const opens = /\s\{\s*$/.test(rest);
  for (let at = rest.indexOf('#'); at >= 0; at = rest.indexOf('#', at + 1)) {
    if (at > 0 && !/\s/.test(rest[at - 1] ?? '')) continue;
    const found = DIRECTIVE.exec(rest.slice(at));
    if (found === null) continue;
    const [, skip, todo, time, unit, reason = ''] = found;
    const amount = Number(time) * (unit?.toLowerCase() === 's' ? 1000 : 1);
    return {
      description: plain(rest.slice(0, at)),
      directive: skip !== undefined ? 'skip' : todo !== undefined ? 'todo' : undefined,
      reason: time === undefined ? unescaped(reason).trim() : '',
      durationMs: time !== undefined && Number.isFinite(amount) ? Math.round(amount) : undefined,
      opens,
    };
  }
  return { description: plain(rest), directive: undefined, reason: '', durationMs: undefined, opens };
}

function plain(description: string): string {
  return unescaped(description.trim().replace(/^-(?:\s+|$)/, ''));
}

/** TAP 14: a backslash stands before a `#` or a backslash that is text. */
function unescaped(text: string): string {
  return text.replace(/\\([\\#])/g, '$1');
}
