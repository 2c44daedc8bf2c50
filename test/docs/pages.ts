import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A block of code of a page, and what the line above it says about running it. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** In the page, from 1. */
  readonly line: number;
  /** Why no test runs it; undefined where one does. */
  readonly notRun: string | undefined;
  /** Whether commands in it are there to fail, as with the exit status 1 of what was not PASSED. */
  readonly mayFail: boolean;
}

const NOT_RUN = /^<!-- not run by a test: (.+) -->$/;
const MAY_FAIL = '<!-- some of it fails, as it should -->';

/** The blocks of a page in order, those within lists too. @param page from the project's folder */
export async function blocksOf(root: string, page: string): Promise<readonly Block[]> {
  const lines = (await readFile(join(root, page), 'utf8')).split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const open = /^( *)(`{3,})(\w*)/.exec(lines[at] ?? '');
    if (open === null) continue;
    const [, indent = '', fence = '', language = ''] = open;
    const end = lines.findIndex((line, i) => i > at && line.startsWith(`${indent}${fence}`));
    const above = lines
      .slice(0, at)
      .toReversed()
      .find((line) => line.trim() !== '');
    blocks.push({
      language,
      text: `${lines
        .slice(at + 1, end)
        .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
        .join('\n')}\n`,
      line: at + 1,
      notRun: NOT_RUN.exec(above ?? '')?.[1],
      mayFail: above === MAY_FAIL,
    });
    at = end;
  }
  return blocks;
}

/**
 * A program for bash of a page's shell blocks, one after another in one shell, as a reader types them. It ends at the
 * first command that fails, in a block that may fail at the first that was used wrongly or found no server; the last
 * line it writes on stderr then names the block's line.
 */
export function scriptOf(blocks: readonly Block[]): string {
  const parts = blocks
    .filter(({ language, notRun }) => language === 'sh' && notRun === undefined)
    .map(({ text, line, mayFail }) =>
      [`BLOCK=${line}`, mayFail ? 'set +e; GRAVE="2 3 125 126 127"' : 'set -e; GRAVE=all', text].join('\n'),
    );
  return [
    'set -uE -o pipefail',
    `trap 'status=$?; case " $GRAVE " in *" $status "* | *" all "*) echo "the block at line $BLOCK failed with $status: $BASH_COMMAND" >&2; exit 1 ;; esac' ERR`,
    ...parts,
    '',
  ].join('\n');
}
