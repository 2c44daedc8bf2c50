import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

export const PAGE = join(ROOT, 'docs/clients.md');

/** What stands under `<!-- WHERE: WHAT -->` in docs/clients.md: the code block without its fence. @throws Error */
export function codeOf(where: string, what: string): string {
  const block = blocksOf(readFileSync(PAGE, 'utf8')).find((one) => one.where === where && one.what === what);
  if (block?.code === undefined) throw new Error(`docs/clients.md has no block ${where}: ${what}`);
  return block.code;
}

export interface Block {
  readonly where: string;
  readonly what: string;
  /** The marker's line as it stands. */
  readonly marker: string;
  /** Nothing where no code block follows. */
  readonly code: string | undefined;
}

export function blocksOf(text: string): readonly Block[] {
  const marked = text.matchAll(/^(<!-- (clients\/\S+): (\S+) -->)\n(?:\n```\w+\n(.*?)^```\n)?/gms);
  return [...marked].map(([, marker = '', where = '', what = '', code]) => ({ where, what, marker, code }));
}

/** The lines between `docs:NAME` and `docs:end` of a source, moved to the left margin. @throws Error */
export function excerptOf(source: string, name: string): string {
  const lines = readFileSync(join(ROOT, source), 'utf8').split('\n');
  const start = lines.findIndex((line) => line.trim() === `// docs:${name}`);
  const length = lines.slice(start + 1).findIndex((line) => line.trim() === '// docs:end');
  if (start < 0 || length < 0) throw new Error(`${source} has no lines from docs:${name} to docs:end`);
  const excerpt = lines.slice(start + 1, start + 1 + length);
  const indent = Math.min(
    ...excerpt.filter((line) => line.trim() !== '').map((line) => /^\s*/.exec(line)?.[0].length ?? 0),
  );
  return `${excerpt
    .map((line) => line.slice(indent).replaceAll('\t', '    '))
    .join('\n')
    .trim()}\n`;
}
