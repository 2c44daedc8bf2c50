import { Command, Option } from 'commander';
import type { Session } from '../../client/types.js';
import { SESSION_STATES, sessionState } from '../../client/words.js';
import type { Cli } from '../context.js';
import { pair, refText, wholeNumber, withCommonOptions } from '../options.js';

interface ListOptions {
  readonly label?: Record<string, string>;
  readonly state?: readonly (keyof typeof SESSION_STATES)[];
  readonly sample?: string;
  readonly all?: boolean;
  readonly limit?: number;
}

const OPEN = ['creating', 'ready', 'error'] as const;

export function sessionListCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('list'))
    .description('list sessions that are open, newest first')
    .addOption(new Option('--label <K=V>', 'only with this label; may be repeated').argParser(pair))
    .addOption(new Option('--state <STATE...>', 'only in these states').choices(Object.keys(SESSION_STATES)))
    .option('--sample <ID>', 'only of this sample')
    .option('--all', 'ended ones, too')
    .option('--limit <N>', 'at most so many', wholeNumber);
  return command.action((options: ListOptions) =>
    cli.run(command, async (context) => {
      const { sessions } = await context.connect();
      const { out } = context;
      const limit = options.limit ?? Number.POSITIVE_INFINITY;
      const states = options.state ?? (options.all === true ? [] : OPEN);
      const found: Session[] = [];
      let pageToken = '';
      let totalSize = 0;
      do {
        const page = await sessions.listSessions({
          labels: options.label ?? {},
          states: states.map((state) => SESSION_STATES[state]),
          sampleId: options.sample ?? '',
          pageSize: Math.min(200, limit - found.length),
          pageToken,
        });
        found.push(...page.sessions);
        ({ nextPageToken: pageToken, totalSize } = page);
      } while (pageToken !== '' && found.length < limit);
      if (out.json)
        return out.message('ListSessionsResponse', { sessions: found, nextPageToken: pageToken, totalSize });
      if (found.length === 0) return out.note('There are no such sessions.');
      out.table([
        ['SESSION', 'STATE', 'SOURCE', 'CREATED', 'EXPIRES', 'LABELS'],
        ...found.map((session) => [
          session.sessionId,
          sessionState(session.state),
          sourceText(session),
          session.createTime?.toISOString() ?? '',
          session.endTime === undefined ? (session.expireTime?.toISOString() ?? '') : '-',
          Object.entries(session.labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(' '),
        ]),
      ]);
    }),
  );
}

export function sourceText({ source }: Pick<Session, 'source'>): string {
  if (source?.$case === 'sample') return refText(source.value);
  return source?.value.host === undefined ? (source?.value.image ?? '') : 'host';
}
