import type { ValidateSampleResponse } from '../../../gen/codeset/v1/sample_service.js';
import { EXPECTED, type ValidationEvent } from '../../core/validation-run.js';
import { validationSubjects, validationToProto } from './validation.js';
import { seenToProto } from './verification.js';

export function validationEventToProto(event: ValidationEvent): ValidateSampleResponse {
  const sample = { sampleId: event.sampleId, version: event.version, dataset: '' };
  if (event.type === 'validation')
    return { sample, event: { $case: 'validation', value: validationToProto(event.validation, true) } };
  const { subject, run, verification } = event;
  const value = {
    subject: validationSubjects.toProto(subject),
    run,
    asExpected: verification.state === EXPECTED[subject],
    // Only an admin is told of these.
    verification: seenToProto({ verification, feedback: 'FULL' }, 'summary'),
  };
  return { sample, event: { $case: 'run', value } };
}
