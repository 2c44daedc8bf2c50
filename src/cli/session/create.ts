import { Command, Option } from 'commander';
import type { CreateSessionRequest, DeepPartial } from '../../client/types.js';
import { FEEDBACKS, NETWORK_MODES, sessionState } from '../../client/words.js';
import type { Cli } from '../context.js';
import { Progress } from '../live/progress.js';
import { DONE, NEGATIVE, UsageError } from '../exit-status.js';
import {
  bytes,
  duration,
  many,
  pair,
  positive,
  sampleRef,
  wholeNumber,
  withCommonOptions,
  type WireDuration,
} from '../options.js';

interface CreateOptions {
  readonly host?: boolean;
  readonly image?: string;
  readonly snapshot?: string;
  readonly requires?: string[];
  readonly setup?: string[];
  readonly label?: Record<string, string>;
  readonly env?: Record<string, string>;
  readonly secretEnv?: Record<string, string>;
  readonly ttl?: WireDuration;
  readonly idleTimeout?: WireDuration;
  readonly network?: 'none' | 'public';
  readonly cpus?: number;
  readonly memory?: bigint;
  readonly processes?: number;
  readonly disk?: bigint;
  readonly agentMayVerify?: keyof typeof FEEDBACKS;
  readonly feedback?: keyof typeof FEEDBACKS;
  readonly maxVerifications?: number;
  readonly requestId?: string;
  readonly wait: boolean;
}

type Source = NonNullable<DeepPartial<CreateSessionRequest>['source']>;

export function sessionCreateCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('create'))
    .description('make a session and print its id')
    .argument('[SAMPLE_ID]', '[DATASET/]SAMPLE_ID[@VERSION]', sampleRef)
    .option('--host', "without a sample: the host's own toolchain")
    .option('--image <NAME>', 'without a sample: an image')
    .option('--snapshot <ID>', 'without a sample: the files of a snapshot')
    .addOption(
      new Option('--requires <PROGRAM>', 'with --host: must be there; may be repeated').argParser(many),
    )
    .addOption(
      new Option('--setup <LINE>', 'without a sample: run once as root; may be repeated').argParser(many),
    )
    .addOption(new Option('--label <K=V>', 'to find it by; may be repeated').argParser(pair))
    .addOption(new Option('--env <K=V>', 'for its commands; may be repeated').argParser(pair))
    .addOption(new Option('--secret-env <K=V>', 'likewise, never to be read back').argParser(pair))
    .option('--ttl <DURATION>', 'how long it lives (default: 30m)', duration)
    .option('--idle-timeout <DURATION>', 'ends it when nothing happens for so long', duration)
    .addOption(new Option('--network <MODE>', "at most the sample's").choices(['none', 'public']))
    .option('--cpus <N>', "at most the sample's", positive)
    .option('--memory <SIZE>', "at most the sample's", bytes)
    .option('--processes <N>', "at most the sample's", wholeNumber)
    .option('--disk <SIZE>', "at most the sample's", bytes)
    .addOption(
      new Option(
        '--agent-may-verify <FEEDBACK>',
        "its agent's token may verify it, and is shown so much: none, verdict or full",
      ).choices(Object.keys(FEEDBACKS)),
    )
    .addOption(
      new Option('--feedback <HOW>', 'what runners are shown of its verifications at most').choices(
        Object.keys(FEEDBACKS),
      ),
    )
    .option('--max-verifications <N>', 'how many verifications it may have', wholeNumber)
    .option('--request-id <ID>', 'the same id again gives the same session')
    .option('--no-wait', 'print the id at once, with the session CREATING');
  return command.action((sample: ReturnType<typeof sampleRef> | undefined, options: CreateOptions) =>
    cli.run(command, async (context) => {
      const source = sourceOf(sample, options);
      const { out } = context;
      const { sessions } = await context.connect();
      // Who watches wants to see what goes on meanwhile.
      const follow = options.wait && context.watched;
      const created = await sessions.createSession({
        source,
        requestId: options.requestId ?? '',
        labels: options.label ?? {},
        env: options.env ?? {},
        secretEnv: options.secretEnv ?? {},
        ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
        ...(options.idleTimeout === undefined ? {} : { idleTimeout: options.idleTimeout }),
        ...(options.network === undefined ? {} : { network: NETWORK_MODES[options.network] }),
        resources: {
          cpus: options.cpus ?? 0,
          memoryBytes: options.memory ?? 0n,
          processes: options.processes ?? 0,
          diskBytes: options.disk ?? 0n,
        },
        ...verifyingOf(options),
        returnImmediately: follow || !options.wait,
      });
      let { session } = created;
      if (session === undefined) throw new Error('The server answered without a session.');
      if (follow) {
        const watch = sessions.watchSession({ sessionId: session.sessionId, untilCreated: true });
        using progress = new Progress(context);
        for await (const { event } of watch) {
          if (event?.$case === 'session') session = event.value;
          else if (event !== undefined) progress.stage(session.sessionId, event.value);
        }
      }
      if (out.json) await out.message('CreateSessionResponse', { session, agentToken: created.agentToken });
      else out.line(session.sessionId);
      if (sessionState(session.state) !== 'ERROR') return DONE;
      out.note(`codeset: The session could not be made: ${session.error}`);
      return NEGATIVE;
    }),
  );
}

function verifyingOf({ agentMayVerify, feedback, maxVerifications }: CreateOptions) {
  return {
    ...(agentMayVerify === undefined
      ? {}
      : { agentMayVerify: true, agentFeedback: FEEDBACKS[agentMayVerify] }),
    ...(feedback === undefined ? {} : { feedback: FEEDBACKS[feedback] }),
    maxVerifications: maxVerifications ?? 0,
  };
}

function sourceOf(sample: ReturnType<typeof sampleRef> | undefined, options: CreateOptions): Source {
  const bare = options.host === true || options.image !== undefined;
  const named = [sample !== undefined, bare, options.snapshot !== undefined];
  if (named.filter(Boolean).length !== 1) {
    throw new UsageError(
      'Name what the session is made from: a SAMPLE_ID, or --host, or --image NAME, or --snapshot ID.',
    );
  }
  if (!bare && (options.setup !== undefined || options.requires !== undefined)) {
    throw new UsageError(
      '--setup and --requires go with --host or --image; samples and snapshots bring their own.',
    );
  }
  if (options.snapshot !== undefined) return { $case: 'snapshotId', value: options.snapshot };
  if (sample !== undefined) return { $case: 'sample', value: sample };
  return {
    $case: 'environment',
    value: {
      ...(options.host === true ? { host: { requires: options.requires ?? [] } } : {}),
      image: options.image ?? '',
      setup: options.setup ?? [],
      ...(options.network === undefined ? {} : { network: NETWORK_MODES[options.network] }),
    },
  };
}
