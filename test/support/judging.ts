import type { Verification } from '../../gen/codeset/v1/verification.js';
import type { DeepPartial, StartVerificationRequest } from '../../gen/codeset/v1/verification_service.js';
import type { TestClient } from '../rpc/client.js';

function wireSubject(
  subject: Parameters<typeof judge>[1],
): NonNullable<DeepPartial<StartVerificationRequest>['subject']> {
  if ('sessionId' in subject) return { $case: 'sessionId', value: subject.sessionId };
  if ('snapshotId' in subject) return { $case: 'snapshotId', value: subject.snapshotId };
  const { sampleId, diff } = subject;
  return { $case: 'patch', value: { sample: { sampleId }, diff: Buffer.from(diff) } };
}

/** Runs a verification to its end; a failure's log comes along. */
export async function judge(
  client: TestClient,
  subject:
    | { readonly sessionId: string }
    | { readonly snapshotId: string }
    | { readonly sampleId: string; readonly diff: Uint8Array },
): Promise<{ verification: Verification; log: string }> {
  const { verification } = await client.verifications.startVerification({
    subject: wireSubject(subject),
  });
  const { verificationId = '' } = verification ?? {};
  let log = '';
  for await (const { event } of client.verifications.watchVerification({ verificationId })) {
    if (event?.$case === 'log') log += event.value.data.toString();
  }
  const { verification: ended } = await client.verifications.getVerification({ verificationId });
  if (ended === undefined) throw new Error('The verification is gone.');
  return { verification: ended, log };
}
