import { globMatcher } from '../core/glob.js';
import type { Grader } from '../core/ports/samples.js';
import type { ReportFormat } from '../core/sample.js';
import { parseGoJson } from './go-json.js';
import { parseJunit } from './junit.js';
import { ReportError, type ReportedCase } from './report.js';
import { parseTap } from './tap.js';

type Reports = Parameters<Grader['grade']>[0]['reports'];

/** A case, and whether the process of the code under test wrote the report that it is from. */
export type SourcedCase = ReportedCase & { readonly bySubject: boolean };

/**
 * Bytes of all reports together. Reading them holds up everything else that the process does, about 50 ms for
 * a mebibyte.
 */
const MAX_REPORT_BYTES = 24 * 1024 * 1024;

const PARSERS = { junit: parseJunit, tap: parseTap, 'go-json': parseGoJson } as const satisfies Record<
  ReportFormat,
  unknown
>;

/**
 * The cases of every report that a glob names; a report of the subject's is named as its own folder has it.
 *
 * A report that can't be read is a failure of what was judged, whoever broke it: saying that it is the sample's
 * fault would let a subject turn its failure into an error, and passing it over would let a forged report take
 * the place of one that was made unreadable. `unread` says of each why.
 */
export function readReports(
  reports: Reports,
  format: ReportFormat,
  globs: readonly string[],
): { readonly cases: SourcedCase[]; readonly unread: string[] } {
  const wanted = globs.map(globMatcher);
  const cases: SourcedCase[] = [];
  const unread: string[] = [];
  let room = MAX_REPORT_BYTES;
  for (const { path, bySubject, content } of reports) {
    const own = bySubject ? path.replace(/^subject-[^/]*\//, '') : path;
    if (!wanted.some((glob) => glob(own))) continue;
    room -= content.byteLength;
    if (room < 0) {
      unread.push(`${path} was not read: the reports have more than ${MAX_REPORT_BYTES} bytes together`);
      break;
    }
    try {
      for (const reported of PARSERS[format](content)) cases.push({ ...reported, bySubject });
    } catch (error) {
      if (!(error instanceof ReportError)) throw error;
      unread.push(`${path} could not be read (${error.message})`);
    }
  }
  return { cases, unread };
}
