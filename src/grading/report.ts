/** What a report says of one test. `xfailed` is a failure that the test's author announced (pytest, TAP). */
export type ReportedStatus = 'passed' | 'failed' | 'error' | 'skipped' | 'xfailed';

/** One test of a report, as its writer named it. */
export interface ReportedCase {
  /** Names of what encloses the test, outermost first; unnamed ones are left out. */
  readonly suites: readonly string[];
  /** JUnit's `classname`, or the package of a Go test. Empty when the writer gave none. */
  readonly classname: string;
  readonly name: string;
  /** Empty when the writer gave none. */
  readonly file: string;
  readonly status: ReportedStatus;
  /** Milliseconds; absent when the report has no readable time. */
  readonly durationMs?: number;
  /** The failure's, error's or skip's message and text, cut at `maxMessageLength` characters. */
  readonly message: string;
}

/** Bounds on what a report may hold. All are checked while reading, before memory is spent. */
export interface ReportLimits {
  readonly maxBytes: number;
  /** Of elements in XML, of subtests in TAP. */
  readonly maxDepth: number;
  readonly maxCases: number;
  /** Characters, of the formats that consist of lines. */
  readonly maxLineLength: number;
  /** Characters. */
  readonly maxNameLength: number;
  /** Characters. */
  readonly maxMessageLength: number;
}

export const DEFAULT_REPORT_LIMITS: ReportLimits = Object.freeze({
  maxBytes: 16 * 1024 * 1024,
  maxDepth: 64,
  maxCases: 200_000,
  maxLineLength: 1024 * 1024,
  maxNameLength: 4096,
  maxMessageLength: 4096,
});

/** The report can't be read. `line` and `column` count from 1; 0 where no place can be named. */
export class ReportError extends Error {
  override readonly name = 'ReportError';
  readonly line: number;
  readonly column: number;

  constructor(message: string, line = 0, column = 0) {
    const place = column > 0 ? `line ${line}, column ${column}` : `line ${line}`;
    super(line > 0 ? `${place}: ${message}` : message);
    this.line = line;
    this.column = column;
  }
}

/** @throws {ReportError} when it is too large or no UTF-8. */
export function reportText(report: Uint8Array | string, limits: ReportLimits): string {
  const size = typeof report === 'string' ? Buffer.byteLength(report) : report.byteLength;
  if (size > limits.maxBytes)
    throw new ReportError(`the report has ${size} bytes, more than the ${limits.maxBytes} allowed`);
  if (typeof report === 'string') return report;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(report);
  } catch {
    throw new ReportError('the report is not UTF-8');
  }
}
