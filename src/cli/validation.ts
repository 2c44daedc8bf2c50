import type { Sample, Validation, ValidationCount } from '../client/types.js';
import { auditVerdict, validationProblemKind, validationVerdict } from '../client/words.js';
import { printable } from './output.js';

/** `5/5`, and errors of the service where there were some. */
export function countText(count: ValidationCount | undefined): string {
  if (count === undefined) return '-';
  const { asExpected, judged, errors } = count;
  return `${asExpected}/${judged}${errors === 0 ? '' : ` (${errors} errors)`}`;
}

/** For the column of a list: the verdict, and whether verdicts disagreed since. */
export function validatedText({ validation, disagreement }: Sample): string {
  const verdict = validation === undefined ? '-' : validationVerdict(validation.verdict);
  return disagreement === undefined || verdict === 'INVALID' ? verdict : `${verdict} (flaky)`;
}

/** For the column of a list: what its last audit came to. */
export function auditedText({ audit }: Sample): string {
  return audit === undefined ? '-' : auditVerdict(audit.verdict);
}

/** Rows of a table about one sample. */
export function validationRows({ validation, disagreement, audit }: Sample): readonly (readonly string[])[] {
  const rows: string[][] = [];
  if (validation !== undefined) {
    const verdict = validationVerdict(validation.verdict);
    rows.push([
      'validated',
      `${verdict} (${validation.endTime?.toISOString() ?? ''}): ${validation.summary}`,
    ]);
  }
  if (disagreement !== undefined) {
    const { passedVerificationId, failedVerificationId } = disagreement;
    rows.push([
      'flaky',
      passedVerificationId === ''
        ? 'two verifications of the same subject disagreed'
        : `${passedVerificationId} PASSED and ${failedVerificationId} did not, on the same subject`,
    ]);
  }
  if (audit !== undefined) {
    const through = audit.through.length === 0 ? '' : ` (${audit.through.join(', ')})`;
    const when = audit.endTime?.toISOString() ?? '';
    rows.push(['audited', `${auditVerdict(audit.verdict)} (${when}): ${audit.summary}${through}`]);
  }
  return rows;
}

/** A line for each problem that is told. */
export function problemLines(validation: Validation | undefined): readonly string[] {
  if (validation === undefined) return [];
  const { problems, problemCount } = validation;
  const lines = problems.map(
    ({ kind, message }) => `  ${validationProblemKind(kind)}  ${printable(message).replaceAll('\n', ' ')}`,
  );
  const left = problemCount - problems.length;
  return left > 0 && problems.length > 0 ? [...lines, `  … and ${left} more`] : lines;
}
