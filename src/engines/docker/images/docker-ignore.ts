import { posix } from 'node:path';

interface Rule {
  readonly matches: RegExp;
  readonly takesBack: boolean;
}

/**
 * What a `.dockerignore` leaves out of a build's context, as Docker's own command reads it: the last rule that a path
 * or a folder above it matches decides.
 * @returns whether a path (relative, without a trailing slash) is left out
 */
export function ignoredBy(text: string): (path: string) => boolean {
  const rules = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .flatMap(ruleOf);
  return (path) => {
    const names = path.split('/');
    const above = names.map((_, index) => names.slice(0, index + 1).join('/'));
    const last = rules.findLast(({ matches }) => above.some((name) => matches.test(name)));
    return last !== undefined && !last.takesBack;
  };
}

function ruleOf(line: string): readonly Rule[] {
  if (line.startsWith('#')) return [];
  const trimmed = line.trim();
  const takesBack = trimmed.startsWith('!');
  const written = takesBack ? trimmed.slice(1).trim() : trimmed;
  if (written === '') return [];
  const pattern = posix
    .normalize(written)
    .replace(/^\/+|\/+$/g, '')
    // The same, and looked for once.
    .replace(/(?:\*\*\/)+/g, '**/');
  if (pattern === '' || pattern === '.') return [];
  try {
    return [{ matches: new RegExp(`^${expressionOf(pattern)}$`, 's'), takesBack }];
  } catch {
    // A class that is not closed matches nothing.
    return [];
  }
}

/** `**` is any number of folders, `*` and `?` stay within a name, `[a-z]` is one of these, `\` takes the next as it is. */
function expressionOf(pattern: string): string {
  let expression = '';
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at);
    if (pattern.startsWith('**', at)) {
      at += pattern.charAt(at + 2) === '/' ? 2 : 1;
      expression += at === pattern.length - 1 ? '.*' : '(?:.*/)?';
    } else if (character === '*') expression += '[^/]*';
    else if (character === '?') expression += '[^/]';
    else if (character === '[') {
      const end = pattern.indexOf(']', at + 2);
      if (end < 0) throw new Error('a class that is not closed');
      expression += `[${pattern.slice(at + 1, end).replaceAll('[', '\\[')}]`;
      at = end;
    } else {
      if (character === '\\') at++;
      expression += pattern.charAt(at).replace(/[\\^$.*?|+(){}[\]]/, '\\$&');
    }
  }
  return expression;
}
