import { VerificationScope } from '../../gen/codeset/v1/sample.js';
import type {
  StartVerificationRequest,
  VerificationServiceDefinition,
} from '../../gen/codeset/v1/verification_service.js';
import type { VerificationFilter } from '../core/verification.js';
import { Checker, MIB } from './checker.js';
import { asBuffer } from './convert/exec.js';
import { feedbackFromProto, sampleNameFromProto, scopes } from './convert/sample.js';
import { statesFromProto } from './convert/session.js';
import { seenToProto, verificationStates } from './convert/verification.js';
import { decodePageToken, encodePageToken } from './page-token.js';
import type { VerificationRequest } from '../core/verification-manager.js';
import type { Service } from './service-types.js';
import type { VerificationUseCases } from './use-cases.js';

const MAX_DIFF_BYTES = 3 * MIB;

export function verificationService(
  verifications: VerificationUseCases,
): Service<typeof VerificationServiceDefinition> {
  function idOf(request: { readonly verificationId: string }): string {
    const check = new Checker();
    check.id('verification_id', request.verificationId);
    check.done();
    return request.verificationId;
  }

  return {
    async startVerification(request, { principal }) {
      const seen = await verifications.start(principal, verificationRequest(request));
      return { verification: seenToProto(seen, 'full') };
    },

    async getVerification(request, { principal }) {
      return { verification: seenToProto(await verifications.get(principal, idOf(request)), 'full') };
    },

    async listVerifications(request, { principal }) {
      const check = new Checker();
      check.text('session_id', request.sessionId, { max: 256 });
      check.text('sample_id', request.sampleId, { max: 128 });
      const filter: VerificationFilter = {
        ...(request.sessionId === '' ? {} : { sessionId: request.sessionId }),
        ...(request.sampleId === '' ? {} : { sampleId: request.sampleId.toLowerCase() }),
        ...(request.states.length === 0
          ? {}
          : { states: statesFromProto(check, verificationStates, request.states) }),
      };
      const size = check.pageSize(request.pageSize);
      check.done();
      const after = decodePageToken('verifications', filter, request.pageToken);
      const page = await verifications.list(principal, filter, { size, after });
      return {
        verifications: page.items.map((item) => seenToProto(item, 'summary')),
        nextPageToken: encodePageToken('verifications', filter, page.next),
        totalSize: await verifications.count(principal, filter),
      };
    },

    async *watchVerification(request, context) {
      const check = new Checker();
      const offset = check.offset('log_offset', request.logOffset);
      check.done();
      for await (const event of verifications.watch(
        context.principal,
        idOf(request),
        offset,
        context.signal,
      )) {
        yield event.type === 'verification'
          ? { event: { $case: 'verification', value: seenToProto(event, 'full') } }
          : {
              event: {
                $case: 'log',
                value: {
                  attempt: event.attempt,
                  offset: BigInt(event.offset),
                  data: asBuffer(event.data),
                },
              },
            };
      }
    },

    async cancelVerification(request, { principal }) {
      return { verification: seenToProto(await verifications.cancel(principal, idOf(request)), 'full') };
    },

    async deleteVerification(request, { principal }) {
      await verifications.remove(principal, idOf(request));
      return {};
    },
  };
}

function verificationRequest(request: StartVerificationRequest): VerificationRequest {
  const check = new Checker();
  const result: VerificationRequest = {
    requestId: check.requestId('request_id', request.requestId),
    subject: subjectFromProto(check, request.subject),
    scope: request.scope === VerificationScope.UNSPECIFIED ? undefined : scopes.fromProto(request.scope),
    feedback: feedbackFromProto(check, 'feedback', request.feedback),
  };
  if (request.scope !== VerificationScope.UNSPECIFIED && result.scope === undefined) {
    check.fail('scope', 'is not a scope that this service knows');
  }
  if (result.subject.kind === 'patch' && ![undefined, 'PATCH'].includes(result.scope)) {
    check.fail('scope', 'must be PATCH or unset: a patch is all that there is');
  }
  check.done();
  return result;
}

function subjectFromProto(
  check: Checker,
  subject: StartVerificationRequest['subject'],
): VerificationRequest['subject'] {
  switch (subject?.$case) {
    case 'sessionId':
      return { kind: 'session', sessionId: check.id('session_id', subject.value) };
    case 'patch':
      return {
        kind: 'patch',
        sample: sampleNameFromProto(check, 'patch.sample', subject.value.sample),
        diff: check.bytes('patch.diff', subject.value.diff, { max: MAX_DIFF_BYTES }),
      };
    case 'snapshotId':
      return { kind: 'snapshot', snapshotId: check.id('snapshot_id', subject.value) };
    case undefined:
      check.fail('subject', 'is required: session_id, snapshot_id or patch');
      return { kind: 'session', sessionId: '' };
  }
}
