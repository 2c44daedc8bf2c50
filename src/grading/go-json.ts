import {
  DEFAULT_REPORT_LIMITS,
  type ReportedCase,
  type ReportedStatus,
  type ReportLimits,
} from './report.js';
import { ReportLines } from './report-lines.js';

/**
 * Reads what `go test -json` writes: one event a line. A case's `classname` is its package, its name that of the
 * test with its subtests (`TestX/case`), as Go rewrites them. A test that began and has no outcome is an error, and
 * so, under the package's own name, is a package that failed without a test that failed: it did not build, or its
 * process ended otherwise.
 *
 * A report is refused whole when a line is no event, when an action is unknown, or when a package that began has
 * no end, since the run broke off then.
 *
 * @throws {ReportError} with the line.
 */
export function parseGoJson(report: Uint8Array | string, limits = DEFAULT_REPORT_LIMITS): ReportedCase[] {
  return new GoJsonReader(new ReportLines(report, limits), limits).read();
}

interface OpenTest {
  readonly name: string;
  output: string;
}

interface Package {
  readonly running: Map<string, OpenTest>;
  failures: number;
  output: string;
  ended: boolean;
}

/** Actions that say nothing of an outcome. */
const SILENT: ReadonlySet<string> = new Set(['start', 'pause', 'cont', 'attr', 'artifacts']);

const OUTCOMES: ReadonlyMap<string, ReportedStatus> = new Map([
  ['pass', 'passed'],
  ['bench', 'passed'],
  ['fail', 'failed'],
  ['skip', 'skipped'],
]);

class GoJsonReader {
  readonly #lines: ReportLines;
  readonly #limits: ReportLimits;
  readonly #packages = new Map<string, Package>();
  /** What the compiler said, by import path. */
  readonly #builds = new Map<string, string>();
  readonly #cases: ReportedCase[] = [];

  constructor(lines: ReportLines, limits: ReportLimits) {
    this.#lines = lines;
    this.#limits = limits;
  }

  read(): ReportedCase[] {
    let events = 0;
    for (let line = this.#lines.next(); line !== undefined; line = this.#lines.next()) {
      if (line === '') continue;
      events += 1;
      this.#event(this.#parsed(line));
    }
    if (events === 0) this.#lines.refuse('the report is empty');
    for (const [name, { ended }] of this.#packages)
      if (!ended) this.#lines.refuse(`the report ends before the package ${name.slice(0, 200)} does`);
    return this.#cases;
  }

  #parsed(line: string): Record<string, unknown> {
    let event: unknown;
    try {
      event = JSON.parse(line);
    } catch {
      return this.#lines.refuse('the line is no JSON');
    }
    if (typeof event !== 'object' || event === null || Array.isArray(event))
      return this.#lines.refuse('the line is no JSON object');
    return event as Record<string, unknown>;
  }

  #event(event: Record<string, unknown>): void {
    const action = this.#text(event, 'Action');
    const output =
      event['Output'] === undefined ? '' : this.#text(event, 'Output', this.#limits.maxLineLength);
    if (action === 'build-output' || action === 'build-fail') {
      const path = this.#text(event, 'ImportPath');
      this.#builds.set(path, this.#joined(this.#builds.get(path) ?? '', output));
      return;
    }
    const name = this.#text(event, 'Package');
    const test = event['Test'] === undefined ? undefined : this.#text(event, 'Test');
    if (test === '') this.#lines.refuse('a test without a name');
    let of = this.#packages.get(name);
    if (of === undefined || (of.ended && action === 'start')) {
      of = { running: new Map(), failures: 0, output: '', ended: false };
      this.#count(this.#packages.size);
      this.#packages.set(name, of);
    }
    if (of.ended) this.#lines.refuse(`the package ${name.slice(0, 200)} goes on after its end`);

    const outcome = OUTCOMES.get(action);
    if (outcome !== undefined) {
      if (test === undefined) this.#endPackage(name, of, outcome, event);
      else this.#end(name, of, of.running.get(test) ?? { name: test, output: '' }, outcome, event);
    } else if (action === 'run') {
      if (test === undefined) return this.#lines.refuse('a run of no test');
      const before = of.running.get(test);
      if (before !== undefined) this.#end(name, of, before, 'error', {});
      of.running.set(test, { name: test, output: '' });
    } else if (action === 'output') {
      const into = test === undefined ? of : (of.running.get(test) ?? of);
      into.output = this.#joined(into.output, output);
    } else if (!SILENT.has(action)) {
      this.#lines.refuse(`the action ${JSON.stringify(action.slice(0, 60))} is not known`);
    }
  }

  #end(
    classname: string,
    of: Package,
    { name, output }: OpenTest,
    status: ReportedStatus,
    event: Record<string, unknown>,
  ): void {
    of.running.delete(name);
    const failed = status === 'failed' || status === 'error';
    if (failed) of.failures += 1;
    const message = status === 'passed' ? '' : output;
    this.#add(classname, name, status, message, event['Elapsed']);
  }

  #endPackage(name: string, of: Package, outcome: ReportedStatus, event: Record<string, unknown>): void {
    for (const test of of.running.values())
      this.#end(
        name,
        of,
        { ...test, output: this.#joined('It has no outcome.\n', test.output) },
        'error',
        {},
      );
    of.ended = true;
    if (outcome !== 'failed' || of.failures > 0) return;
    const build = event['FailedBuild'] === undefined ? '' : this.#text(event, 'FailedBuild');
    this.#add('', name, 'error', this.#joined(this.#builds.get(build) ?? '', of.output), event['Elapsed']);
  }

  #add(classname: string, name: string, status: ReportedStatus, message: string, elapsed: unknown): void {
    this.#count(this.#cases.length);
    const reported = { suites: [], classname, name, file: '', status, message: message.trim() };
    const timed = typeof elapsed === 'number' && Number.isFinite(elapsed) && elapsed >= 0;
    this.#cases.push(timed ? { ...reported, durationMs: Math.round(elapsed * 1000) } : reported);
  }

  #count(already: number): void {
    if (already >= this.#limits.maxCases)
      this.#lines.refuse(`more than ${this.#limits.maxCases} tests or packages`);
  }

  #joined(before: string, output: string): string {
    const room = this.#limits.maxMessageLength - before.length;
    return room > 0 ? before + output.slice(0, room) : before;
  }

  #text(event: Record<string, unknown>, field: string, maxLength = this.#limits.maxNameLength): string {
    const value = event[field];
    if (typeof value !== 'string') return this.#lines.refuse(`expected a text as ${field}`);
    if (value.length > maxLength) return this.#lines.refuse(`${field} has more than ${maxLength} characters`);
    return value;
  }
}
