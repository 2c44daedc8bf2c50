import {
  DEFAULT_REPORT_LIMITS,
  type ReportedCase,
  type ReportedStatus,
  type ReportLimits,
} from './report.js';
import { ReportLines } from './report-lines.js';
import { tapLine, type TapPoint } from './tap-line.js';

/** Spaces that a subtest's lines stand further in than its test's. */
const INDENT = 4;

/**
 * Reads a TAP report, version 12 to 14, with subtests either before their test (TAP 14, node:test) or after it
 * in braces (node-tap, Vitest). A subtest's cases name what encloses them in `suites`; a test with subtests is a
 * case, too.
 *
 * Text between the lines of TAP is passed over, as TAP says. So that neither a run that broke off nor such text
 * can be taken for results, a report is refused whole unless every plan is there and holds, every number is the
 * next, every subtest belongs to a test, every YAML block ends, and nothing bailed out.
 *
 * @throws {ReportError} with the line.
 */
export function parseTap(report: Uint8Array | string, limits = DEFAULT_REPORT_LIMITS): ReportedCase[] {
  return new TapReader(new ReportLines(report, limits), limits).read();
}

/** A list of tests with one plan: the report, or the subtests of one test. */
interface Block {
  readonly cases: OpenCase[];
  /** How many test points it has itself. */
  count: number;
  plan: number | undefined;
  /** The plan came after the tests, so that no test may follow. */
  planned: boolean;
  /** The test whose subtests these are, when it came first and opened a brace. */
  readonly owner: OpenCase | undefined;
}

interface OpenCase {
  /** Innermost first, since subtests are often told before what encloses them. */
  readonly inwards: string[];
  readonly name: string;
  readonly status: ReportedStatus;
  durationMs: number | undefined;
  message: string;
}

class TapReader {
  readonly #lines: ReportLines;
  readonly #limits: ReportLimits;
  /** Outermost first. */
  readonly #open: Block[] = [block(undefined)];
  #cases = 0;
  /** The test that a diagnostic would belong to. */
  #latest: OpenCase | undefined;

  constructor(lines: ReportLines, limits: ReportLimits) {
    this.#lines = lines;
    this.#limits = limits;
  }

  read(): ReportedCase[] {
    for (let line = this.#lines.next(); line !== undefined; line = this.#lines.next()) this.#line(line);
    const [root] = this.#open;
    if (root === undefined || this.#open.length > 1)
      return this.#lines.refuse('the report ends within subtests');
    this.#checkPlan(root, 'the report');
    return root.cases.map(({ inwards, name, status, durationMs, message }) => ({
      suites: inwards.toReversed(),
      classname: '',
      name,
      file: '',
      status,
      message,
      ...(durationMs === undefined ? {} : { durationMs }),
    }));
  }

  #line(line: string): void {
    const indent = indentOf(line);
    const meaning = tapLine(line.slice(indent));
    if (meaning === undefined || indent % INDENT !== 0) {
      // Reporters for people set what a failure says beneath it, further in.
      if (indent > 0 && this.#latest !== undefined) this.#say(this.#latest, line);
      return;
    }
    const level = indent / INDENT;
    switch (meaning.kind) {
      case 'version':
        if (meaning.version < 12 || meaning.version > 14)
          this.#lines.refuse(`TAP version ${meaning.version} is not known; expected 12, 13 or 14`);
        return;
      case 'bail-out':
        return this.#lines.refuse(
          `the run bailed out${meaning.reason === '' ? '' : `: ${meaning.reason.slice(0, 200)}`}`,
        );
      case 'plan':
        return this.#plan(this.#blockAt(level), meaning.tests);
      case 'point':
        return this.#point(level, indent, meaning);
      case 'close':
        return this.#close(level);
    }
  }

  /** The block of a level, which the first line of subtests opens. */
  #blockAt(level: number): Block {
    if (level >= this.#limits.maxDepth)
      this.#lines.refuse(`subtests are nested more than ${this.#limits.maxDepth} deep`);
    if (level < this.#open.length - 1) this.#lines.refuse('the subtests before this line belong to no test');
    // Of tests whose first subtest has subtests the innermost comes first.
    while (level >= this.#open.length) this.#open.push(block(undefined));
    return this.#open[level] ?? this.#lines.refuse('the line belongs to no list of tests');
  }

  #plan(to: Block, tests: number): void {
    if (to.plan !== undefined) this.#lines.refuse('a second plan');
    to.plan = tests;
    to.planned = to.count > 0;
  }

  #point(level: number, indent: number, point: TapPoint): void {
    const subtests =
      level === this.#open.length - 2 && this.#open.at(-1)?.owner === undefined
        ? this.#open.pop()
        : undefined;
    if (subtests !== undefined) this.#checkPlan(subtests, 'a list of subtests');
    const to = this.#blockAt(level);
    if (to.planned) this.#lines.refuse('a test after the plan that ended its list');
    to.count += 1;
    this.#cases += 1;
    if (this.#cases > this.#limits.maxCases) this.#lines.refuse(`more than ${this.#limits.maxCases} tests`);
    if (point.number !== undefined && point.number !== to.count)
      this.#lines.refuse(`the test has the number ${point.number}; expected ${to.count}`);

    const opens = point.opens && this.#bracesFollow(indent);
    const { description } = point;
    const named = opens && description.endsWith('{') ? description.slice(0, -1).trimEnd() : description;
    if (named.length > this.#limits.maxNameLength)
      this.#lines.refuse(`the name has more than ${this.#limits.maxNameLength} characters`);
    const test: OpenCase = {
      inwards: [],
      name: named === '' ? String(to.count) : named,
      status: statusOf(point),
      durationMs: point.durationMs,
      message: point.reason.slice(0, this.#limits.maxMessageLength),
    };
    to.cases.push(test);
    if (subtests !== undefined) adopt(subtests, test, to);
    this.#latest = test.status === 'failed' || test.status === 'xfailed' ? test : undefined;
    this.#yaml(indent, test);
    if (opens) this.#open.push(block(test));
  }

  /** Whether a `{` at the end of a test's line opens its subtests, and is no part of its name. */
  #bracesFollow(indent: number): boolean {
    const next = this.#lines.peek();
    if (next === undefined) return false;
    const depth = indentOf(next);
    return depth === indent + INDENT ? next.slice(depth) !== '---' : next.trim() === '}' && depth === indent;
  }

  #close(level: number): void {
    const inner = this.#open.at(-1);
    if (inner?.owner === undefined || level !== this.#open.length - 2) {
      // A brace in what a test printed.
      if (level >= this.#open.length - 1) return;
      this.#lines.refuse('a "}" that closes nothing');
    }
    this.#open.pop();
    this.#checkPlan(inner, 'a list of subtests');
    const outer = this.#open.at(-1);
    if (outer !== undefined) adopt(inner, inner.owner, outer);
    this.#latest = undefined;
  }

  /** What stands in `---` and `...` beneath a test, if anything does. */
  #yaml(indent: number, test: OpenCase): void {
    const first = this.#lines.peek();
    if (first === undefined || first.trim() !== '---') return;
    const depth = indentOf(first);
    if (depth <= indent) return;
    this.#lines.next();
    for (;;) {
      const line = this.#lines.next();
      if (line === undefined) return this.#lines.refuse('the report ends within a YAML block');
      if (line.trim() === '') continue;
      const deep = indentOf(line);
      if (deep < depth) return this.#lines.refuse('a YAML block that is not ended by "..."');
      if (deep === depth && line.trimEnd().slice(depth) === '...') return;
      const duration = /^duration_ms: '?([\d.]{1,20})'?$/.exec(line.slice(depth));
      if (duration !== null && deep === depth) test.durationMs = Math.round(Number(duration[1]));
      else if (this.#latest === test) this.#say(test, line.slice(depth));
    }
  }

  #say(test: OpenCase, line: string): void {
    const room = this.#limits.maxMessageLength - test.message.length;
    if (room > 0) test.message += (test.message === '' ? line : `\n${line}`).slice(0, room);
  }

  #checkPlan({ plan, count }: Block, what: string): void {
    if (plan === undefined) this.#lines.refuse(`${what} has no plan, so the run broke off`);
    if (plan !== count) this.#lines.refuse(`the plan says ${plan} tests, but there are ${count}`);
  }
}

function block(owner: OpenCase | undefined): Block {
  return { cases: [], count: 0, plan: undefined, planned: false, owner };
}

/** Hands a test's subtests to the block that the test is in. */
function adopt(subtests: Block, test: OpenCase, into: Block): void {
  for (const each of subtests.cases) {
    each.inwards.push(test.name);
    into.cases.push(each);
  }
}

/** Failing closed: what is still to be done has not passed, and a test that failed is not skipped. */
function statusOf({ ok, directive }: TapPoint): ReportedStatus {
  if (ok) return directive === undefined ? 'passed' : 'skipped';
  return directive === 'todo' ? 'xfailed' : 'failed';
}

function indentOf(line: string): number {
  let indent = 0;
  while (line[indent] === ' ') indent += 1;
  return indent;
}
