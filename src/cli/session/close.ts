import { Command, Option } from 'commander';
import { protoJson } from '../../client/proto-json.js';
import type { Session } from '../../client/types.js';
import { sessionState } from '../../client/words.js';
import type { Cli } from '../context.js';
import { DONE, FAILED, NEGATIVE, sentenceOf, statusOf, UsageError } from '../exit-status.js';
import { pair, withCommonOptions } from '../options.js';

interface CloseOptions {
  readonly label?: Record<string, string>;
  readonly sample?: string;
  readonly all?: boolean;
}

export function sessionCloseCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('close'))
    .description('close sessions: end what runs in them and remove their sandboxes')
    .argument('[SESSION...]', 'their ids')
    .addOption(new Option('--label <K=V>', 'all with this label; may be repeated').argParser(pair))
    .option('--sample <ID>', 'all of this sample')
    .option('--all', 'really all');
  return command.action((ids: string[], options: CloseOptions) =>
    cli.run(command, async (context) => {
      const { out } = context;
      const filtered = options.label !== undefined || options.sample !== undefined || options.all === true;
      if (ids.length > 0 === filtered)
        throw new UsageError('Name sessions, or a filter: --label K=V, --sample ID or --all.');
      const { sessions } = await context.connect();
      if (filtered) {
        const answer = await sessions.closeSessions({
          labels: options.label ?? {},
          sampleId: options.sample ?? '',
          all: options.all === true,
        });
        if (out.json) {
          await out.message('CloseSessionsResponse', answer);
          return DONE;
        }
        out.line(`${answer.closedCount} closed`);
        return DONE;
      }
      const closed: Session[] = [];
      let status = DONE;
      for (const sessionId of ids) {
        try {
          const { session } = await sessions.closeSession({ sessionId });
          if (session === undefined) continue;
          closed.push(session);
          if (!out.json) out.line(`${sessionId}  ${sessionState(session.state)}`);
        } catch (error) {
          // One that is not there must not keep the others open; a server that is not there ends it.
          if (statusOf(error) === FAILED) throw error;
          out.note(`codeset: ${sentenceOf(error, context.config.address)}`);
          status = NEGATIVE;
        }
      }
      if (out.json) await out.document({ sessions: closed.map((session) => protoJson('Session', session)) });
      return status;
    }),
  );
}
