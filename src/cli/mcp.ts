import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { CodesetClient } from '../client/client.js';
import type { CreateSessionOptions } from '../client/create-session.js';
import { CodesetClientError } from '../client/errors.js';
import type { Session } from '../client/session.js';
import { sessionState } from '../client/words.js';
import { serveStreams } from '../mcp/serve-streams.js';
import { sessionServer } from '../mcp/session-server.js';
import { ToolCalls } from '../mcp/tool-calls.js';
import { serviceVersion } from '../service-version.js';
import type { Cli, CommandContext } from './context.js';
import { CommandError, NEGATIVE, UsageError } from './exit-status.js';
import { bytes, milliseconds, pair, withCommonOptions } from './options.js';

interface McpOptions {
  readonly sample?: string;
  readonly host?: boolean;
  readonly image?: string;
  readonly snapshot?: string;
  readonly env?: Record<string, string>;
  readonly label?: Record<string, string>;
  readonly network?: 'none' | 'public';
  readonly ttl: number;
  readonly idleTimeout: number;
  readonly keep?: boolean;
  readonly taskFile?: string;
  readonly commandTimeout: number;
  readonly maxOutput: bigint;
}

const HELP = `
The tools: run, shell, read, write, replace, diff. They reach one session and nothing else of the service. A session
that is made here is worked in with its agent's token, and closed when the client goes.

In the configuration of a client:
  {"mcpServers": {"sandbox": {"command": "codeset", "args": ["mcp", "--sample", "median-of-even-lists"]}}}

Examples:
  codeset mcp --sample median-of-even-lists    # a session of a sample, its task as the prompt \`task\`
  codeset mcp --image python:3.13-slim         # an image alone
  codeset mcp ses_01                           # a session that is there
  codeset mcp                                  # that of the agent which \`codeset eval\` started`;

export function mcpCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('mcp'))
    .description('serve one session as tools of the Model Context Protocol, on stdin and stdout')
    .argument('[SESSION]', 'a session that is there (CODESET_SESSION_ID)')
    .option('--sample <SAMPLE_ID>', 'make one from a sample, [DATASET/]SAMPLE_ID[@VERSION]')
    .option('--host', "make one with the host's own toolchain")
    .option('--image <NAME>', 'make one from an image')
    .option('--snapshot <ID>', 'make one from the files of a snapshot')
    .addOption(
      new Option('--env <K=V>', 'for its commands, where it is made; may be repeated').argParser(pair),
    )
    .addOption(
      new Option('--label <K=V>', 'to find it by, where it is made; may be repeated').argParser(pair),
    )
    .addOption(new Option('--network <MODE>', "at most the sample's").choices(['none', 'public']))
    .addOption(
      new Option('--ttl <DURATION>', 'how long it lives, where it is made')
        .argParser(milliseconds)
        .default(24 * 3_600_000, '24h'),
    )
    .addOption(
      new Option('--idle-timeout <DURATION>', 'ends it when nothing happens for so long, where it is made')
        .argParser(milliseconds)
        .default(2 * 3_600_000, '2h'),
    )
    .option('--keep', 'leave the session that was made here when the client goes')
    .option('--task-file <FILE>', 'what is to be done, offered as the prompt `task` (CODESET_TASK_FILE)')
    .addOption(
      new Option('--command-timeout <DURATION>', 'for commands that ask for no other time')
        .argParser(milliseconds)
        .default(120_000, '2m'),
    )
    .addOption(
      new Option('--max-output <SIZE>', 'of an output or file, as much is shown at once')
        .argParser(bytes)
        .default(32_768n, '32KiB'),
    )
    .addHelpText('after', HELP);
  return command.action((sessionId: string | undefined, options: McpOptions) =>
    cli.run(command, async (context) => {
      const { address, env } = context.config;
      const source = sourceOf(options);
      const named = sessionId ?? (source === undefined ? env['CODESET_SESSION_ID'] : undefined);
      if ((named === undefined) === (source === undefined))
        throw new UsageError(
          'Name the session, or what one is made from: --sample ID, --host, --image NAME or --snapshot ID.',
        );
      const stop = new AbortController();
      const off = context.io.onSignal((signal) => {
        if (signal !== 'SIGCONT') stop.abort();
      });
      try {
        const apiKey = await context.apiKey();
        await using client = await CodesetClient.connect({ address, apiKey });
        const taskFile = options.taskFile ?? (source === undefined ? env['CODESET_TASK_FILE'] : undefined);
        const task =
          taskFile === undefined ? await taskOf(client, options.sample) : await readFile(taskFile, 'utf8');
        const served = { context, task, options, signal: stop.signal };
        if (source === undefined) {
          const session = client.session(named ?? '');
          return await serve({ ...served, session, about: await aboutOf(session, stop.signal) });
        }
        // Known by its id from the first moment, so that it is closed however early the client goes.
        const made = await client.createSession({ ...source, ...madeWith(options), wait: false });
        try {
          await created(client, made.id, stop.signal);
          context.out.note(`Session ${made.id} is made.`);
          const about = await aboutOf(made, stop.signal);
          await using agent = await CodesetClient.connect({ address, apiKey: made.agentToken });
          return await serve({ ...served, session: agent.session(made.id), about });
        } finally {
          if (options.keep !== true) await made.close();
        }
      } finally {
        off();
      }
    }),
  );
}

interface Served {
  readonly context: CommandContext;
  readonly session: Session;
  readonly about: string;
  readonly task: string | undefined;
  readonly options: McpOptions;
  readonly signal: AbortSignal;
}

async function serve({ context, session, about, task, options, signal }: Served): Promise<void> {
  const calls = new ToolCalls();
  const limits = { timeoutMs: options.commandTimeout, maxOutputBytes: Number(options.maxOutput) };
  const make = () => sessionServer({ session, calls, task, about, limits, version: serviceVersion() });
  const { stdin: input, stdout: output } = context.io;
  await serveStreams(make, { input, output, signal }, (error) =>
    context.out.note(`codeset: ${error.message}`),
  );
  await calls.ended();
}

/** Waits until it is READY. @throws CommandError when it can't be made */
async function created(client: CodesetClient, sessionId: string, signal: AbortSignal): Promise<void> {
  const watch = client.stubs.sessions.watchSession({ sessionId, untilCreated: true }, { signal });
  for await (const { event } of watch)
    if (event?.$case === 'session' && sessionState(event.value.state) === 'ERROR')
      throw new CommandError(`The session could not be made: ${event.value.error}`, NEGATIVE);
}

/** @throws CodesetClientError for a session that is not there or has ended, before a client relies on it */
async function aboutOf(session: Session, signal: AbortSignal): Promise<string> {
  try {
    const { state, user, workdir, network } = await session.info({ signal });
    if (state !== 'READY' && state !== 'CREATING')
      throw new UsageError(`Session ${session.id} is ${state}; name another.`);
    const reach = network === 'public' ? 'It reaches the internet.' : 'It reaches no network.';
    return `Commands run as ${user} in ${workdir}. ${reach} `;
  } catch (error) {
    // A token of an agent may work in its session, and is not shown it.
    if (error instanceof CodesetClientError && error.code === 'PERMISSION_DENIED') return '';
    throw error;
  }
}

async function taskOf(client: CodesetClient, sample: string | undefined): Promise<string | undefined> {
  return sample === undefined ? undefined : (await client.samples.get(sample)).task;
}

type Source = Pick<CreateSessionOptions, 'sample' | 'environment' | 'snapshot'>;

function sourceOf({ sample, host, image, snapshot }: McpOptions): Source | undefined {
  const sources: Source[] = [
    ...(sample === undefined ? [] : [{ sample }]),
    ...(host === true ? [{ environment: { host: {} } }] : []),
    ...(image === undefined ? [] : [{ environment: { image } }]),
    ...(snapshot === undefined ? [] : [{ snapshot }]),
  ];
  if (sources.length > 1)
    throw new UsageError('A session is made from one of --sample, --host, --image, --snapshot.');
  return sources[0];
}

function madeWith({ env, label, network, ttl, idleTimeout }: McpOptions) {
  return {
    ...(env === undefined ? {} : { env }),
    ...(label === undefined ? {} : { labels: label }),
    ...(network === undefined ? {} : { network }),
    ttlMs: ttl,
    idleTimeoutMs: idleTimeout,
  };
}
