import { SaxesParser, type SaxesTagPlain } from 'saxes';
import {
  DEFAULT_REPORT_LIMITS,
  ReportError,
  reportText,
  type ReportedCase,
  type ReportedStatus,
  type ReportLimits,
} from './report.js';

/**
 * Reads a JUnit XML report. The parser is strict: anything that isn't well-formed XML, a document type, an
 * entity that XML itself doesn't define, or more than `limits` allows is refused whole.
 *
 * @throws {ReportError} with the place.
 */
export function parseJunit(report: Uint8Array | string, limits = DEFAULT_REPORT_LIMITS): ReportedCase[] {
  return new JunitReader(limits).read(reportText(report, limits));
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

function worseOf(one: ReportedStatus, other: ReportedStatus): ReportedStatus {
  return WORST_FIRST.indexOf(one) < WORST_FIRST.indexOf(other) ? one : other;
}

/** What `status` and `result` say of a test that ran to its end, as far as no element says otherwise. */
const RAN: ReadonlySet<string> = new Set([
  '',
  'run',
  'completed',
  'ok',
  'pass',
  'passed',
  'success',
  'successful',
]);
const FAILED: ReadonlySet<string> = new Set(['fail', 'failed', 'failure']);

/**
 * CTest tells of a disabled test and GoogleTest of a suppressed one by an attribute alone. A word that isn't known
 * is no pass.
 */
function ranAs(word: string | undefined): ReportedStatus {
  const known = (word ?? '').trim().toLowerCase();
  if (RAN.has(known)) return 'passed';
  if (FAILED.has(known)) return 'failed';
  return known === 'error' ? 'error' : 'skipped';
}

class JunitReader {
  readonly #limits: ReportLimits;
  readonly #parser = new SaxesParser();
  readonly #cases: ReportedCase[] = [];
  /** One entry per open `<testsuite>`; undefined for an unnamed one. */
  readonly #suites: (string | undefined)[] = [];
  #depth = 0;
  #case: OpenCase | undefined;
  /** Depth of the open `<failure>`, `<error>` or `<skipped>` whose text belongs to the message. */
  #outcomeDepth = 0;

  constructor(limits: ReportLimits) {
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
    throw new ReportError(message, this.#parser.line, this.#parser.column);
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
      status: worseOf(ranAs(tag.attributes['status']), ranAs(tag.attributes['result'])),
      message: '',
    };
  }

  #outcome(open: OpenCase, tag: SaxesTagPlain): void {
    const status = statusOf(tag);
    if (status === undefined) return;
    open.status = worseOf(open.status, status);
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
