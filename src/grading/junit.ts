import { SaxesParser, type SaxesTagPlain } from 'saxes';

/** What a report says of one test. `xfailed` is a failure that the test's author announced (pytest). */
export type ReportedStatus = 'passed' | 'failed' | 'error' | 'skipped' | 'xfailed';

/** One `<testcase>`, as its writer named it. */
export interface ReportedCase {
  /** Names of the enclosing `<testsuite>` elements, outermost first; unnamed ones are left out. */
  readonly suites: readonly string[];
  /** Empty when the writer gave none. */
  readonly classname: string;
  readonly name: string;
  /** Empty when the writer gave none. */
  readonly file: string;
  readonly status: ReportedStatus;
  /** Milliseconds; absent when the report has no readable `time`. */
  readonly durationMs?: number;
  /** The failure's, error's or skip's message and text, cut at `maxMessageLength` characters. */
  readonly message: string;
}

/** Bounds on what a report may hold. All are checked while reading, before memory is spent. */
export interface JunitLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
  readonly maxCases: number;
  /** Characters. */
  readonly maxNameLength: number;
  /** Characters. */
  readonly maxMessageLength: number;
}

export const DEFAULT_JUNIT_LIMITS: JunitLimits = Object.freeze({
  maxBytes: 16 * 1024 * 1024,
  maxDepth: 64,
  maxCases: 200_000,
  maxNameLength: 4096,
  maxMessageLength: 4096,
});

/** The report can't be read. `line` and `column` count from 1; 0 where no place can be named. */
export class JunitError extends Error {
  override readonly name = 'JunitError';
  readonly line: number;
  readonly column: number;

  constructor(message: string, line = 0, column = 0) {
    super(line > 0 ? `line ${line}, column ${column}: ${message}` : message);
    this.line = line;
    this.column = column;
  }
}

/**
 * Reads a JUnit XML report. The parser is strict: anything that isn't well-formed XML, a document type, an
 * entity that XML itself doesn't define, or more than `limits` allows is refused whole.
 *
 * @throws {JunitError} with the place.
 */
export function parseJunit(report: Uint8Array | string, limits = DEFAULT_JUNIT_LIMITS): ReportedCase[] {
  const size = typeof report === 'string' ? Buffer.byteLength(report) : report.byteLength;
  if (size > limits.maxBytes)
    throw new JunitError(`the report has ${size} bytes, more than the ${limits.maxBytes} allowed`);
  return new JunitReader(limits).read(typeof report === 'string' ? report : decode(report));
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new JunitError('the report is not UTF-8');
  }
}

interface OpenCase {
  readonly suites: readonly string[];
  readonly classname: string;
  readonly name: string;
  readonly file: string;
  readonly durationMs: number | undefined;
  /** Depth of the `<testcase>` element; only its direct children decide the status. */
  readonly depth: number;
  status: ReportedStatus;
  message: string;
}

/** Characters handed to the parser at a time, so that a limit is noticed before all has been parsed. */
const SLICE = 64 * 1024;

/** Worst first: of several outcomes inside one `<testcase>` the worst holds. */
const WORST_FIRST: readonly ReportedStatus[] = ['error', 'failed', 'skipped', 'xfailed', 'passed'];

class JunitReader {
  readonly #limits: JunitLimits;
  readonly #parser = new SaxesParser();
  readonly #cases: ReportedCase[] = [];
  /** One entry per open `<testsuite>`; undefined for an unnamed one. */
  readonly #suites: (string | undefined)[] = [];
  #depth = 0;
  #case: OpenCase | undefined;
  /** Depth of the open `<failure>`, `<error>` or `<skipped>` whose text belongs to the message. */
  #outcomeDepth = 0;

  constructor(limits: JunitLimits) {
    this.#limits = limits;
    const parser = this.#parser;
    parser.on('error', (error) => this.#refuse(error.message.replace(/^\d+:\d+: /, '')));
    parser.on('doctype', () => this.#refuse('a document type is not allowed in a report'));
    parser.on('opentag', (tag) => this.#open(tag));
    parser.on('closetag', (tag) => this.#close(tag.name));
    parser.on('text', (text) => this.#text(text));
    parser.on('cdata', (text) => this.#text(text));
  }

  read(text: string): ReportedCase[] {
    for (let at = 0; at < text.length; at += SLICE) this.#parser.write(text.slice(at, at + SLICE));
    this.#parser.close();
    return this.#cases;
  }

  #refuse(message: string): never {
    throw new JunitError(message, this.#parser.line, this.#parser.column);
  }

  #open(tag: SaxesTagPlain): void {
    this.#depth += 1;
    if (this.#depth > this.#limits.maxDepth)
      this.#refuse(`elements are nested more than ${this.#limits.maxDepth} deep`);
    if (this.#depth === 1 && tag.name !== 'testsuites' && tag.name !== 'testsuite')
      this.#refuse(`expected <testsuites> or <testsuite>, found <${tag.name.slice(0, 60)}>`);

    if (this.#case !== undefined) {
      if (tag.name === 'testcase' || tag.name === 'testsuite')
        this.#refuse(`<${tag.name}> inside of a <testcase>`);
      if (this.#depth === this.#case.depth + 1) this.#outcome(this.#case, tag);
    } else if (tag.name === 'testsuite') {
      const name = this.#name(tag, 'name');
      this.#suites.push(name === '' ? undefined : name);
    } else if (tag.name === 'testcase') {
      this.#openCase(tag);
    }
  }

  #openCase(tag: SaxesTagPlain): void {
    if (this.#cases.length >= this.#limits.maxCases)
      this.#refuse(`more than ${this.#limits.maxCases} test cases`);
    const name = this.#name(tag, 'name');
    if (name === '') this.#refuse('a <testcase> without a name');
    const seconds = tag.attributes['time'] === undefined ? NaN : Number(tag.attributes['time']);
    this.#case = {
      suites: this.#suites.filter((suite) => suite !== undefined),
      classname: this.#name(tag, 'classname'),
      name,
      file: this.#name(tag, 'file'),
      durationMs: Number.isFinite(seconds) && seconds >= 0 ? Math.round(seconds * 1000) : undefined,
      depth: this.#depth,
      status: 'passed',
      message: '',
    };
  }

  #outcome(open: OpenCase, tag: SaxesTagPlain): void {
    const status = statusOf(tag);
    if (status === undefined) return;
    if (WORST_FIRST.indexOf(status) < WORST_FIRST.indexOf(open.status)) open.status = status;
    this.#outcomeDepth = this.#depth;
    this.#append(open, tag.attributes['message'] ?? '');
  }

  #text(text: string): void {
    if (this.#case !== undefined && this.#outcomeDepth > 0) this.#append(this.#case, text);
  }

  /** Joins pieces of a message by a line end, without growing past the limit. */
  #append(open: OpenCase, text: string): void {
    const room = this.#limits.maxMessageLength - open.message.length;
    if (room <= 0) return;
    const piece = text.slice(0, room + 1024).trim();
    if (piece === '' || open.message.includes(piece)) return;
    open.message = (open.message === '' ? piece : `${open.message}\n${piece}`).slice(
      0,
      this.#limits.maxMessageLength,
    );
  }

  #close(tag: string): void {
    const open = this.#case;
    if (open === undefined) {
      if (tag === 'testsuite') this.#suites.pop();
    } else {
      if (this.#depth === this.#outcomeDepth) this.#outcomeDepth = 0;
      if (this.#depth === open.depth) this.#finish(open);
    }
    this.#depth -= 1;
  }

  #finish({ suites, classname, name, file, status, message, durationMs }: OpenCase): void {
    const reported = { suites, classname, name, file, status, message };
    this.#cases.push(durationMs === undefined ? reported : { ...reported, durationMs });
    this.#case = undefined;
  }

  #name(tag: SaxesTagPlain, attribute: string): string {
    const value = tag.attributes[attribute] ?? '';
    if (value.length > this.#limits.maxNameLength)
      this.#refuse(`the attribute ${attribute} has more than ${this.#limits.maxNameLength} characters`);
    return value;
  }
}

function statusOf(tag: SaxesTagPlain): ReportedStatus | undefined {
  if (tag.name === 'failure') return 'failed';
  if (tag.name === 'error') return 'error';
  if (tag.name === 'skipped') return tag.attributes['type'] === 'pytest.xfail' ? 'xfailed' : 'skipped';
  return undefined;
}
