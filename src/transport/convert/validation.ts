import * as pb from '../../../gen/codeset/v1/sample.js';
import type { Validation, ValidationProblem } from '../../core/validation.js';
import { enumTable } from '../enum-table.js';

const verdicts = enumTable(pb.ValidationVerdict, {
  VALID: 'VALID',
  INVALID: 'INVALID',
  NO_REFERENCE: 'NO_REFERENCE',
  INCONCLUSIVE: 'INCONCLUSIVE',
});
export const validationSubjects = enumTable(pb.ValidationSubject, {
  UNTOUCHED: 'UNTOUCHED',
  REFERENCE: 'REFERENCE',
});
const problemKinds = enumTable(pb.ValidationProblemKind, {
  REFERENCE_NOT_PASSED: 'REFERENCE_NOT_PASSED',
  UNTOUCHED_NOT_FAILED: 'UNTOUCHED_NOT_FAILED',
  FLAKY_VERDICT: 'FLAKY_VERDICT',
  FLAKY_TEST: 'FLAKY_TEST',
  MISSING_TEST: 'MISSING_TEST',
  ALREADY_PASSES: 'ALREADY_PASSES',
  NOT_AS_LISTED: 'NOT_AS_LISTED',
  UNLISTED_FAILURE: 'UNLISTED_FAILURE',
});

/** @param full with the problems, which name hidden tests. */
export function validationToProto(validation: Validation, full: boolean): pb.Validation {
  return {
    verdict: verdicts.toProto(validation.verdict),
    summary: validation.summary,
    runs: validation.runs,
    concurrency: validation.concurrency,
    untouched: validation.untouched,
    reference: validation.reference,
    problems: full ? validation.problems.map(problemToProto) : [],
    problemCount: validation.problemCount,
    endTime: validation.endTime,
  };
}

function problemToProto({ kind, subject, test, seen, message }: ValidationProblem): pb.ValidationProblem {
  return {
    kind: problemKinds.toProto(kind),
    subject: validationSubjects.toProto(subject),
    test,
    seen: { ...seen },
    message,
  };
}
