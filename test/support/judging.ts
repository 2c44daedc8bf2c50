import type { Verification } from '../../gen/codeset/v1/verification.js';
import type { TestClient } from '../rpc/client.js';

/** Runs a verification to its end; a failure's log comes along. */
export async function judge(
  client: TestClient,
  subject: { readonly sessionId: string } | { readonly sampleId: string; readonly diff: Uint8Array },
): Promise<{ verification: Verification; log: string }> {
  const { verification } = await client.verifications.startVerification({
    subject:
      'sessionId' in subject
        ? { $case: 'sessionId', value: subject.sessionId }
        : {
            $case: 'patch',
            value: { sample: { sampleId: subject.sampleId }, diff: Buffer.from(subject.diff) },
          },
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
