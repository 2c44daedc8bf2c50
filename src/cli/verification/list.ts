import { Command, Option } from 'commander';
import type { Verification } from '../../client/types.js';
import { VERIFICATION_STATES, verificationState } from '../../client/words.js';
import type { Cli } from '../context.js';
import { refText, wholeNumber, withCommonOptions } from '../options.js';

interface ListOptions {
  readonly session?: string;
  readonly sample?: string;
  readonly state?: readonly (keyof typeof VERIFICATION_STATES)[];
  readonly limit?: number;
}

export function verificationListCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('list'))
    .description('list verifications, newest first, with the bytes that are kept of each')
    .option('--session <ID>', 'only of this session and of its snapshots')
    .option('--sample <ID>', 'only by this sample')
    .addOption(
      new Option('--state <STATE...>', 'only in these states').choices(Object.keys(VERIFICATION_STATES)),
    )
    .option('--limit <N>', 'at most so many', wholeNumber);
  return command.action((options: ListOptions) =>
    cli.run(command, async (context) => {
      const { verifications } = await context.connect();
      const { out } = context;
      const limit = options.limit ?? Number.POSITIVE_INFINITY;
      const found: Verification[] = [];
      let pageToken = '';
      let totalSize = 0;
      do {
        const page = await verifications.listVerifications({
          sessionId: options.session ?? '',
          sampleId: options.sample ?? '',
          states: (options.state ?? []).map((state) => VERIFICATION_STATES[state]),
          pageSize: Math.min(200, limit - found.length),
          pageToken,
        });
        found.push(...page.verifications);
        ({ nextPageToken: pageToken, totalSize } = page);
      } while (pageToken !== '' && found.length < limit);
      if (out.json) {
        return out.message('ListVerificationsResponse', {
          verifications: found,
          nextPageToken: pageToken,
          totalSize,
        });
      }
      if (found.length === 0) return out.note('There are no such verifications.');
      out.table([
        ['VERIFICATION', 'STATE', 'SAMPLE', 'JUDGED', 'ENDED', 'LOG', 'PATCH'],
        ...found.map((verification) => [
          verification.verificationId,
          verificationState(verification.state),
          verification.sample === undefined ? '' : refText(verification.sample),
          judgedText(verification),
          verification.endTime?.toISOString() ?? '-',
          keptText(verification.storedBytes?.log, verification.logExpired),
          keptText(verification.storedBytes?.subject, verification.subjectExpired),
        ]),
      ]);
    }),
  );
}

/** What was judged, by its id where it has one. */
export function judgedText({ snapshotId, sessionId }: Verification): string {
  return snapshotId || sessionId || 'patch';
}

/** How many bytes are kept; `expired` where they were given up, `-` where nothing is or this key is not shown it. */
export function keptText(bytes: bigint | undefined, expired: boolean): string {
  if (expired) return 'expired';
  return bytes === undefined || bytes === 0n ? '-' : String(bytes);
}
