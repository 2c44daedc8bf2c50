import { isMap, isNode, LineCounter, parseDocument } from 'yaml';
import type { FieldViolation } from '../../core/errors.js';

/** Something that is wrong with a sample's folder, or looks as if it was. */
export interface Finding {
  /** In the folder: `sample.yaml`. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** An error is refused by the server, or judges wrong; a warning may be meant so. */
  readonly level: 'error' | 'warning';
  /** Dotted, of sample.yaml; '' for none. */
  readonly field: string;
  /** What is the matter, and what to do. */
  readonly message: string;
}

/** Where the fields of a sample.yaml are. */
export class FieldLines {
  readonly #document: ReturnType<typeof parseDocument>;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
  }

  /** Of the field, else of what is nearest around it. */
  lineOf(field: string): number {
    const names = field.split('.').filter((name) => name !== '');
    for (let count = names.length; count > 0; count -= 1) {
      const around = this.#document.getIn(names.slice(0, count - 1), true);
      const map = count === 1 ? this.#document.contents : around;
      if (!isMap(map)) continue;
      const key = map.items.map((item) => item.key).find((each) => String(each) === names[count - 1]);
      if (isNode(key) && key.range) return this.#lines.linePos(key.range[0]).line;
    }
    return 1;
  }
}

/** What a reader of the server's said, as a finding: `sample.yaml:3: verification.timeout`, `task.md:1`, `codebase`. */
export function findingOf({ field, description }: FieldViolation, lines: FieldLines): Finding {
  const [, file = 'sample.yaml', line, name = ''] =
    /^(?:([^\s:]*\.(?:yaml|md)))?(?::(\d+))?(?::\s*)?(.*)$/s.exec(field) ?? [];
  return {
    file: file === '' ? 'sample.yaml' : file,
    line: line === undefined ? lines.lineOf(name) : Number(line),
    level: 'error',
    field: name,
    message: description,
  };
}
