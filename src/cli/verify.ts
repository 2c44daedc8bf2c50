import { Command, Option } from 'commander';
import type { DeepPartial, StartVerificationRequest } from '../client/types.js';
import { watchVerification } from '../client/verification-watch.js';
import { FEEDBACKS, SCOPES, verificationState } from '../client/words.js';
import type { Cli, CommandContext } from './context.js';
import { FAILED, statusOf, statusOfVerification, USAGE, UsageError } from './exit-status.js';
import { sampleRef, withCommonOptions } from './options.js';
import { readInput } from './read-input.js';
import { showVerdict } from './verdict.js';

interface VerifyOptions {
  readonly follow?: boolean;
  readonly sample?: ReturnType<typeof sampleRef>;
  readonly patch?: string;
  readonly snapshot?: string;
  readonly feedback?: keyof typeof FEEDBACKS;
  readonly scope?: keyof typeof SCOPES;
  readonly requestId?: string;
}

export function verifyCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('verify'))
    .description('judge what a session or a snapshot holds, or a patch; exit status 0 means PASSED')
    .argument('[SESSION]', 'its id')
    .option('--follow', "show the script's log as it is written")
    .addOption(
      new Option('--sample <ID>', 'with --patch: [DATASET/]SAMPLE_ID[@VERSION]').argParser(sampleRef),
    )
    .option('--patch <FILE>', 'a patch to judge without a session, or - for stdin')
    .option('--snapshot <ID>', 'a snapshot to judge as its session would have been')
    .addOption(
      new Option('--feedback <HOW>', 'what runners and agents are shown of it at most').choices(
        Object.keys(FEEDBACKS),
      ),
    )
    .addOption(new Option('--scope <SCOPE>', 'what of a session is judged').choices(Object.keys(SCOPES)))
    .option('--request-id <ID>', 'the same id again gives the same verification');
  return command.action((sessionId: string | undefined, options: VerifyOptions) =>
    cli.run(
      command,
      async (context) => {
        const subject = await subjectOf(context, sessionId, options);
        const { out } = context;
        const { verifications } = await context.connect();
        const { verification } = await verifications.startVerification({
          requestId: options.requestId ?? '',
          subject,
          ...(options.scope === undefined ? {} : { scope: SCOPES[options.scope] }),
          ...(options.feedback === undefined ? {} : { feedback: FEEDBACKS[options.feedback] }),
        });
        if (verification === undefined) throw new Error('The server answered without a verification.');
        const { verificationId } = verification;
        if (context.watched) out.note(`${verificationId}`);
        const watch = watchVerification(verifications, verificationId);
        for (;;) {
          const step = await watch.next();
          if (step.done === true) {
            if (!out.json) showVerdict(out, step.value);
            else if (options.follow !== true) await out.message('Verification', step.value);
            return statusOfVerification(verificationState(step.value.state));
          }
          if (options.follow !== true) continue;
          const { event } = step.value;
          if (out.json) await out.message('WatchVerificationResponse', step.value, false);
          else if (event?.$case === 'log') await out.bytes(event.value.data);
        }
      },
      // 1 is kept for a verdict: whoever counts failures must not count ours.
      (error) => (statusOf(error) === USAGE ? USAGE : FAILED),
    ),
  );
}

async function subjectOf(
  context: CommandContext,
  sessionId: string | undefined,
  { sample, patch, snapshot }: VerifyOptions,
): Promise<NonNullable<DeepPartial<StartVerificationRequest>['subject']>> {
  const named = [sessionId, snapshot, sample ?? patch].filter((one) => one !== undefined).length;
  if (named === 1 && sessionId !== undefined) return { $case: 'sessionId', value: sessionId };
  if (named === 1 && snapshot !== undefined) return { $case: 'snapshotId', value: snapshot };
  if (named !== 1 || sample === undefined || patch === undefined) {
    throw new UsageError(
      'Name what is judged: a SESSION, or --snapshot ID, or --sample ID with --patch FILE.',
    );
  }
  return { $case: 'patch', value: { sample, diff: await readInput(context, patch) } };
}
