import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { CodesetClientError } from '../../client/errors.js';
import type { Verdict } from '../../client/verdict.js';
import { watchVerification } from '../../client/verification-watch.js';
import { AttemptImpossible, type Agent, type AttemptContext, type Outcome } from './agent.js';
import { keepVerdict, secondsOf } from './judging.js';

/** The sample's own reference solution, which never enters a session: the service judges it. */
export class OracleAgent implements Agent {
  async attempt(context: AttemptContext): Promise<Outcome> {
    const { client, attempt, signal } = context;
    const { sampleId, version } = attempt.sample;
    let verificationId: string | undefined;
    context.onStage('verifying');
    const { reference, problems } = await client.samples.validate(`${sampleId}@${version}`, {
      runs: 1,
      subject: 'reference',
      signal,
      onRun: ({ verification }) => ({ verificationId } = verification),
    });
    if (verificationId === undefined) {
      const why =
        reference === undefined ? 'The sample has no reference solution.' : (problems[0]?.message ?? '');
      throw new AttemptImpossible(why);
    }
    const verdict = await client.getVerification(verificationId, { signal });
    await keepVerdict(context, verdict);
    await keepLog(context, verdict);
    return { verdict, sessionId: null, end: null, verifySeconds: secondsOf(verdict) };
  }
}

/** Of a verification that has ended. */
async function keepLog(
  { client, folder, signal }: AttemptContext,
  { verificationId }: Verdict,
): Promise<void> {
  const file = createWriteStream(join(folder, 'verification.log'));
  try {
    const watch = watchVerification(client.stubs.verifications, verificationId, { signal });
    for await (const { event } of watch) if (event?.$case === 'log') file.write(event.value.data);
  } catch (error) {
    // Without its log a verdict is still one.
    if (!(error instanceof CodesetClientError)) throw error;
  } finally {
    await finished(file.end());
  }
}
