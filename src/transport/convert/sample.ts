import type { Feedback } from '../../core/feedback.js';
import type { Dataset, SampleVersion, StageEvent } from '../../core/sample.js';
import * as pb from '../../../gen/codeset/v1/sample.js';
import type { Checker } from '../checker.js';
import { enumTable } from '../enum-table.js';
import type { SampleName } from '../../core/sample-catalog.js';
import { auditOutlineToProto } from './audit.js';
import { environmentToProto, networkModes, resourcesToProto } from './environment.js';
import { validationToProto } from './validation.js';
import { durationFromMs, textHead, textTail } from './time.js';

const KIB = 1024;

export const sampleStates = enumTable(pb.SampleState, {
  PREPARING: 'PREPARING',
  READY: 'READY',
  ERROR: 'ERROR',
});
export const histories = enumTable(pb.History, { past: 'PAST', squashed: 'SQUASHED' });
export const scopes = enumTable(pb.VerificationScope, {
  PATCH: 'PATCH',
  WORKSPACE: 'WORKSPACE',
  FILESYSTEM: 'FILESYSTEM',
});
export const feedbacks = enumTable(pb.Feedback, { NONE: 'NONE', VERDICT: 'VERDICT', FULL: 'FULL' });
export const gradings = enumTable(pb.Grading, {
  EXIT_CODE: 'EXIT_CODE',
  ALL_LISTED: 'ALL_LISTED',
  SWE_BENCH: 'SWE_BENCH',
  REWARD_FILE: 'REWARD_FILE',
});
export const reportFormats = enumTable(pb.ReportFormat, { junit: 'JUNIT', tap: 'TAP', 'go-json': 'GO_JSON' });
export const stages = enumTable(pb.Stage, {
  QUEUED: 'QUEUED',
  IMAGE: 'IMAGE',
  CODEBASE: 'CODEBASE',
  SETUP: 'SETUP',
  PREPARE: 'PREPARE',
  SANDBOX: 'SANDBOX',
  DONE: 'DONE',
});

/** `summary` is for lists, whose answers have to stay small; `full` shows the hidden parts. */
export type SampleDepth = 'summary' | 'basic' | 'full';

export function sampleToProto(sample: SampleVersion, latest: boolean, depth: SampleDepth): pb.Sample {
  const { manifest } = sample;
  const summary = depth === 'summary';
  return {
    dataset: manifest.dataset,
    sampleId: sample.sampleId,
    version: sample.version,
    latest,
    sourceId: manifest.sourceId,
    description: summary ? textHead(manifest.description, KIB) : manifest.description,
    language: manifest.language,
    tags: summary ? manifest.tags.slice(0, 32) : [...manifest.tags],
    state: sampleStates.toProto(sample.state),
    error: textTail(sample.error, summary ? KIB : 64 * KIB),
    task: summary ? '' : sample.task,
    environment: summary ? undefined : environmentToProto(manifest.environment),
    resources: resourcesToProto(manifest.resources),
    history: histories.toProto(manifest.history),
    baseCommit: sample.baseCommit,
    verification: {
      timeout: durationFromMs(manifest.verification.timeoutMs),
      scope: scopes.toProto(manifest.verification.scope),
      grading: gradings.toProto(manifest.verification.grading),
      network: networkModes.toProto(manifest.verification.network),
      feedback: feedbacks.toProto(manifest.verification.feedback),
      maxVerifications: manifest.verification.maxVerifications,
    },
    hidden: depth === 'full' ? hiddenToProto(sample) : undefined,
    digest: sample.digest,
    createTime: sample.createTime,
    validation: sample.validation && validationToProto(sample.validation, depth === 'full'),
    disagreement: sample.disagreement,
    audit: sample.audit && auditOutlineToProto(sample.audit),
  };
}

/**
 * For who is no admin: a disagreement's ids tell verdicts, which their feedback may keep back, and an audit tells what
 * an agent could do.
 */
export function withoutVerdicts(sample: pb.Sample): pb.Sample {
  const { disagreement } = sample;
  return {
    ...sample,
    audit: undefined,
    disagreement:
      disagreement?.time === undefined
        ? disagreement
        : pb.Disagreement.fromPartial({ time: disagreement.time }),
  };
}

function hiddenToProto(sample: SampleVersion): pb.HiddenParts {
  const spec = sample.manifest.verification;
  return {
    command: [...spec.command],
    failToPass: [...spec.failToPass],
    passToPass: [...spec.passToPass],
    failToFail: [...spec.failToFail],
    protectedPaths: [...spec.protectedPaths],
    remove: [...spec.remove],
    keep: [...spec.keep],
    hasCanary: spec.canary !== undefined,
    reportFormat:
      spec.report === undefined ? pb.ReportFormat.UNSPECIFIED : reportFormats.toProto(spec.report.format),
    reportPaths: [...(spec.report?.paths ?? [])],
    hasSolution: sample.hasSolution,
  };
}

export function datasetToProto(dataset: Dataset): pb.Dataset {
  return { name: dataset.name, sampleCount: dataset.sampleCount };
}

export function stageToProto(event: StageEvent): pb.StageEvent {
  return {
    time: event.time,
    stage: stages.toProto(event.stage),
    message: textTail(event.message, 16 * KIB),
    doneBytes: event.bytes === undefined ? undefined : BigInt(event.bytes),
    totalBytes: event.totalBytes === undefined ? undefined : BigInt(event.totalBytes),
  };
}

/** Undefined where nothing is said; what is wrong is noted in `check`. */
export function feedbackFromProto(check: Checker, field: string, value: pb.Feedback): Feedback | undefined {
  const feedback = feedbacks.fromProto(value);
  if (feedback === undefined && value !== pb.Feedback.UNSPECIFIED) {
    check.fail(field, 'is not a feedback that this service knows');
  }
  return feedback;
}

/** What is wrong with it is noted in `check`. */
export function sampleNameFromProto(
  check: Checker,
  field: string,
  ref: pb.SampleRef | undefined,
): SampleName {
  if (ref === undefined) {
    check.fail(field, 'is required');
    return { sampleId: '' };
  }
  const sampleId = check.id(`${field}.sample_id`, ref.sampleId).toLowerCase();
  check.text(`${field}.dataset`, ref.dataset, { max: 128 });
  if (ref.version < 0) check.fail(`${field}.version`, 'must not be negative; 0 means the latest');
  return {
    sampleId,
    ...(ref.version > 0 ? { version: ref.version } : {}),
    ...(ref.dataset === '' ? {} : { dataset: ref.dataset }),
  };
}
