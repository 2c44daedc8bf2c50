import { VerificationScope } from '../../gen/codeset/v1/sample.js';
import type {
  StartVerificationRequest,
  VerificationServiceDefinition,
} from '../../gen/codeset/v1/verification_service.js';
import { notFound } from '../core/errors.js';
import { startedByValidation } from '../core/validation-run.js';
import type { Verification, VerificationFilter } from '../core/verification.js';
import type { Caller } from './call-context.js';
import { Checker, MIB } from './checker.js';
import { asBuffer } from './convert/exec.js';
import { sampleNameFromProto, scopes } from './convert/sample.js';
import { statesFromProto } from './convert/session.js';
import { verificationStates, verificationToProto } from './convert/verification.js';
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

  /**
   * What a validation judges may be the reference solution, and its log may print that: for admins alone, to others
   * as unknown as one that never was. @throws VERIFICATION_NOT_FOUND
   */
  async function seen(request: { readonly verificationId: string }, context: Caller): Promise<Verification> {
    const verification = await verifications.get(idOf(request));
    if (context.principal.role === 'ADMIN' || !startedByValidation(verification)) return verification;
    throw notFound('VERIFICATION_NOT_FOUND', 'verification', verification.verificationId);
  }

  return {
    async startVerification(request) {
      const verification = await verifications.start(verificationRequest(request));
      return { verification: verificationToProto(verification, 'full') };
    },

    async getVerification(request, context) {
      return { verification: verificationToProto(await seen(request, context), 'full') };
    },

    async listVerifications(request, context) {
      const check = new Checker();
      check.text('session_id', request.sessionId, { max: 256 });
      check.text('sample_id', request.sampleId, { max: 128 });
      const filter: VerificationFilter = {
        ...(request.sessionId === '' ? {} : { sessionId: request.sessionId }),
        ...(request.sampleId === '' ? {} : { sampleId: request.sampleId.toLowerCase() }),
        ...(request.states.length === 0
          ? {}
          : { states: statesFromProto(check, verificationStates, request.states) }),
        ...(context.principal.role === 'ADMIN' ? {} : { withoutValidations: true }),
      };
      const size = check.pageSize(request.pageSize);
      check.done();
      const after = decodePageToken('verifications', filter, request.pageToken);
      const page = await verifications.list(filter, { size, after });
      return {
        verifications: page.items.map((item) => verificationToProto(item, 'summary')),
        nextPageToken: encodePageToken('verifications', filter, page.next),
      };
    },

    async *watchVerification(request, context) {
      const check = new Checker();
      const offset = check.offset('log_offset', request.logOffset);
      check.done();
      const { verificationId } = await seen(request, context);
      for await (const event of verifications.watch(verificationId, offset, context.signal)) {
        yield event.type === 'verification'
          ? { event: { $case: 'verification', value: verificationToProto(event.verification, 'full') } }
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

    async cancelVerification(request, context) {
      const { verificationId } = await seen(request, context);
      return { verification: verificationToProto(await verifications.cancel(verificationId), 'full') };
    },
  };
}

function verificationRequest(request: StartVerificationRequest): VerificationRequest {
  const check = new Checker();
  const result: VerificationRequest = {
    requestId: check.requestId('request_id', request.requestId),
    subject: subjectFromProto(check, request.subject),
    scope: request.scope === VerificationScope.UNSPECIFIED ? undefined : scopes.fromProto(request.scope),
  };
  if (request.scope !== VerificationScope.UNSPECIFIED && result.scope === undefined) {
    check.fail('scope', 'is not a scope that this service knows');
  }
  if (result.subject.kind === 'patch' && result.scope === 'WORKSPACE') {
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
    case undefined:
      check.fail('subject', 'is required: session_id or patch');
      return { kind: 'session', sessionId: '' };
  }
}
