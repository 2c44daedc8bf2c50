import { Command, Option } from 'commander';
import type { Snapshot } from '../../client/types.js';
import type { Cli } from '../context.js';
import { pair, wholeNumber, withCommonOptions } from '../options.js';
import { sourceText } from './list.js';

interface ListOptions {
  readonly label?: Record<string, string>;
  readonly session?: string;
  readonly sample?: string;
  readonly limit?: number;
}

export function sessionSnapshotsCommand(cli: Cli): Command {
  return new Command('snapshots')
    .description('what is kept of sessions')
    .addCommand(listCommand(cli), { isDefault: true })
    .addCommand(showCommand(cli))
    .addCommand(removeCommand(cli));
}

function listCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('list'))
    .description('list snapshots, newest first')
    .addOption(new Option('--label <K=V>', 'only with this label; may be repeated').argParser(pair))
    .option('--session <ID>', 'only of this session')
    .option('--sample <ID>', 'only of sessions of this sample')
    .option('--limit <N>', 'at most so many', wholeNumber);
  return command.action((options: ListOptions) =>
    cli.run(command, async (context) => {
      const { sessions } = await context.connect();
      const { out } = context;
      const limit = options.limit ?? Number.POSITIVE_INFINITY;
      const found: Snapshot[] = [];
      let pageToken = '';
      let totalSize = 0;
      do {
        const page = await sessions.listSnapshots({
          labels: options.label ?? {},
          sessionId: options.session ?? '',
          sampleId: options.sample ?? '',
          pageSize: Math.min(200, limit - found.length),
          pageToken,
        });
        found.push(...page.snapshots);
        ({ nextPageToken: pageToken, totalSize } = page);
      } while (pageToken !== '' && found.length < limit);
      if (out.json) {
        return out.message('ListSnapshotsResponse', {
          snapshots: found,
          nextPageToken: pageToken,
          totalSize,
        });
      }
      if (found.length === 0) return out.note('There are no such snapshots.');
      out.table([
        ['SNAPSHOT', 'SESSION', 'SOURCE', 'BYTES', 'CREATED', 'LABELS'],
        ...found.map((snapshot) => [
          snapshot.snapshotId,
          snapshot.sessionId,
          sourceText(snapshot),
          String(snapshot.sizeBytes),
          snapshot.createTime?.toISOString() ?? '',
          Object.entries(snapshot.labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(' '),
        ]),
      ]);
    }),
  );
}

function showCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('show'))
    .description('show a snapshot')
    .argument('<SNAPSHOT>', 'its id');
  return command.action((snapshotId: string) =>
    cli.run(command, async (context) => {
      const { sessions } = await context.connect();
      const { snapshot } = await sessions.getSnapshot({ snapshotId });
      if (snapshot === undefined) throw new Error('The server answered without a snapshot.');
      const { out } = context;
      if (out.json) return out.message('Snapshot', snapshot);
      out.table([
        ['snapshot', snapshot.snapshotId],
        ['session', snapshot.sessionId],
        ['source', sourceText(snapshot)],
        ['engine', snapshot.engine],
        ['bytes', String(snapshot.sizeBytes)],
        ['created', snapshot.createTime?.toISOString() ?? ''],
        ...Object.entries(snapshot.labels).map(([key, value]) => ['label', `${key}=${value}`]),
        ...Object.entries(snapshot.env).map(([key, value]) => ['env', `${key}=${value}`]),
      ]);
    }),
  );
}

function removeCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('remove'))
    .description('remove snapshots; sessions that began as one are left as they are')
    .argument('<SNAPSHOT...>', 'their ids');
  return command.action((ids: string[]) =>
    cli.run(command, async (context) => {
      const { sessions } = await context.connect();
      const { out } = context;
      for (const snapshotId of ids) {
        await sessions.deleteSnapshot({ snapshotId });
        if (!out.json) out.line(`removed ${snapshotId}`);
      }
      if (out.json) await out.document({ removed: ids });
    }),
  );
}
