import type { PrefetchEvent } from '../../core/sample-prefetch.js';
import * as pb from '../../../gen/codeset/v1/sample_service.js';
import { enumTable } from '../enum-table.js';
import { stageToProto } from './sample.js';
import { textTail } from './time.js';

const outcomes = enumTable(pb.PrefetchOutcome, {
  READY: 'READY',
  NOT_NEEDED: 'NOT_NEEDED',
  SKIPPED: 'SKIPPED',
  FAILED: 'FAILED',
});

export function prefetchToProto(event: PrefetchEvent): pb.PrefetchSamplesResponse {
  const sample = { sampleId: event.sampleId, version: event.version, dataset: '' };
  if (event.type === 'stage') return { sample, event: { $case: 'stage', value: stageToProto(event.stage) } };
  const { outcome, message } = event;
  const value = { outcome: outcomes.toProto(outcome), message: textTail(message, 16 * 1024) };
  return { sample, event: { $case: 'result', value } };
}
